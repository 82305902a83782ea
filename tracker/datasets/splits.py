"""A dataset in memory: raw pixels and labels of its splits, ready for a DataLoader."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.datasets.containers import CHANNELS
from tracker.datasets.identity import content_hashes, dataset_fingerprint, split_fingerprint
from tracker.errors import UsageError


@dataclass(frozen=True, eq=False)
class ImageSplit:
    """One split of a dataset; also a map-style dataset that a torch DataLoader takes as it is.

    Item `i` is (float32 array [C, H, W] in [0, 1], int label). The arrays are read-only.
    """

    dataset: str
    """Name of the dataset, `mnist5k` or, of a subset, `mnist5k-256`."""
    split: str
    """`train` or `test`."""
    images: NDArray[np.uint8]
    """Pixels [N, H, W, C], C-contiguous."""
    labels: NDArray[np.int64]
    """Class of each example [N]."""
    source_positions: NDArray[np.int64]
    """Position of each example in the full split [N]."""
    original_labels: NDArray[np.int64] | None = None
    """Class of each example before label noise [N]; None where the labels are the dataset's."""

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise UsageError(
                f"images of a split must be uint8 [N, H, W, C], "
                f"got {self.images.dtype} {list(self.images.shape)}"
            )
        if self.images.shape[3] not in CHANNELS:
            raise UsageError(f"images must have 1, 3 or 4 channels, got {self.images.shape[3]}")
        if not len(self.images) == len(self.labels) == len(self.source_positions):
            raise UsageError("a split needs as many labels and positions as images")
        object.__setattr__(self, "images", _read_only(self.images, np.uint8))
        object.__setattr__(self, "labels", _read_only(self.labels, np.int64))
        object.__setattr__(self, "source_positions", _read_only(self.source_positions, np.int64))
        if self.original_labels is not None:
            object.__setattr__(self, "original_labels", _read_only(self.original_labels, np.int64))

    def __repr__(self) -> str:
        return f"<{self.dataset}, {self.split} split: {len(self)} images {self.images.shape[1:]}>"

    @classmethod
    def whole(
        cls, dataset: str, split: str, images: NDArray[np.uint8], labels: NDArray[np.int64]
    ) -> "ImageSplit":
        """A full split: pixels [N, H, W, C] and labels [N]."""
        return cls(dataset, split, images, labels, np.arange(len(images)))

    def take(self, dataset: str, positions: NDArray[np.int64]) -> "ImageSplit":
        """The examples at `positions`, as the split of the same name of another dataset."""
        return ImageSplit(
            dataset,
            self.split,
            self.images[positions],
            self.labels[positions],
            self.source_positions[positions],
            None if self.original_labels is None else self.original_labels[positions],
        )

    def relabelled(self, labels: NDArray[np.int64]) -> "ImageSplit":
        """The same pictures under other labels [N]; the ones here become the original ones."""
        return replace(self, labels=labels, original_labels=self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], int]:
        pixels = self.images[index].transpose(2, 0, 1)
        # The same division as torchvision's ToTensor, so the floats agree to the last bit.
        scaled = np.divide(pixels, np.float32(255), dtype=np.float32, order="C")
        return scaled, int(self.labels[index])

    @cached_property
    def hashes(self) -> list[bytes]:
        """Content hash of each example, 16 bytes."""
        return content_hashes(self.images)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the examples and labels in order, in hexadecimal."""
        return split_fingerprint(self.hashes, self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named dataset with its splits, train first."""

    name: str
    num_classes: int
    class_names: tuple[str, ...]
    splits: Mapping[str, ImageSplit]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all splits' fingerprints, in hexadecimal; independent of the name."""
        return dataset_fingerprint({name: part.fingerprint for name, part in self.splits.items()})


def _read_only(values: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    # A view, so that the caller's own array stays writable.
    array = np.ascontiguousarray(values, dtype=dtype).view()
    array.flags.writeable = False
    return array
