"""A dataset as tensors on the device, kept between the seeds of an ensemble."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from tracker.datasets import Dataset, load_named
from tracker.outcomes.layout import plane_count
from workers.models import ImageShape


@dataclass(frozen=True)
class TensorSplit:
    """One split on the device."""

    images: Tensor
    """float32 [N, C, H, W], normalized by the training split's mean and deviation."""
    labels: Tensor
    """int64 [N]."""
    original_labels: Tensor | None = None
    """int64 [N], before label noise; None where the labels are the dataset's."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class TensorDataset:
    """All splits of a dataset on the device."""

    fingerprint: str
    num_classes: int
    splits: dict[str, TensorSplit]
    """In the order in which they are stored: as the dataset has them."""

    @property
    def train(self) -> TensorSplit:
        """What the networks are trained on."""
        return self.splits["train"]

    @property
    def shape(self) -> ImageShape:
        """Shape of one image."""
        return ImageShape(*self.train.images.shape[1:])

    @property
    def planes(self) -> int:
        """Bit planes of a predicted class."""
        return plane_count(self.num_classes)


def channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel of uint8 images [N, H, W, C]: two float64 [C].

    From whole numbers, so exact and the same in whatever order the device adds them up.
    """
    pixels = images.flatten(0, 2)
    total = pixels.sum(0, dtype=torch.int64).double()
    squares = torch.stack([part.long().square().sum(0) for part in pixels.split(2**22)]).sum(0)
    mean = total / len(pixels)
    return mean, (squares.double() / len(pixels) - mean.square()).clamp_min(0).sqrt()


def to_device(dataset: Dataset, device: torch.device) -> TensorDataset:
    """`dataset` on `device`, each channel with mean 0 and deviation 1 over the training split."""
    mean, deviation = channel_statistics(torch.tensor(dataset.splits["train"].images).to(device))
    splits = {}
    for name, split in dataset.splits.items():
        pixels = torch.tensor(split.images).to(device).float()
        # A channel without contrast is only centred.
        images = (pixels - mean.float()) / deviation.clamp_min(1.0).float()
        splits[name] = TensorSplit(
            images=images.permute(0, 3, 1, 2).contiguous(),
            labels=torch.tensor(split.labels).to(device),
            original_labels=None
            if split.original_labels is None
            else torch.tensor(split.original_labels).to(device),
        )
    return TensorDataset(dataset.fingerprint, dataset.num_classes, splits)


@lru_cache(maxsize=2)
def load_tensors(name: str, folder: Path, device: torch.device) -> TensorDataset:
    """The dataset stored as `name` on `device`; the last two asked for are kept."""
    return to_device(load_named(name, folder), device)
