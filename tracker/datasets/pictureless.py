"""Examples that are known by name and label only: what imported files tell of them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tracker.datasets.identity import HASH_BYTES, dataset_fingerprint, split_fingerprint

MARK = b"imported"
"""First bytes of such an example's content hash, which no picture's hash has."""

UNKNOWN_CLASS = "unknown"


def name_hashes(split: str, names: Sequence[int | str]) -> list[bytes]:
    """Stand-ins for content hashes: the mark, then BLAKE2b-64 of split and name.

    The same name in the same split gives the same hash in every import.
    """
    hashes = []
    for name in names:
        text = json.dumps([split, name], ensure_ascii=True, separators=(",", ":"))
        rest = hashlib.blake2b(text.encode(), digest_size=HASH_BYTES - len(MARK)).digest()
        hashes.append(MARK + rest)
    return hashes


def is_pictureless(content_hash: bytes) -> bool:
    """Whether a content hash stands for an example without a picture."""
    return bytes(content_hash[: len(MARK)]) == MARK


@dataclass(frozen=True, eq=False)
class PicturelessSplit:
    """One split of a dataset without pictures."""

    split: str
    labels: NDArray[np.int64]
    """Class of each example [N]."""
    names: Sequence[int | str]
    """What the examples are called: their positions if nothing else."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def source_positions(self) -> NDArray[np.int64]:
        """The numbers that the examples are called by, or else their positions [N]."""
        small = all(isinstance(name, int) and 0 <= name < 2**31 for name in self.names)
        return np.array(self.names) if small else np.arange(len(self))

    @cached_property
    def hashes(self) -> list[bytes]:
        """Stand-in for the content hash of each example, 16 bytes."""
        return name_hashes(self.split, self.names)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the names and labels in order, in hexadecimal."""
        return split_fingerprint(self.hashes, self.labels)


@dataclass(frozen=True, eq=False)
class PicturelessDataset:
    """A dataset whose examples have names and labels, but no pictures."""

    name: str
    num_classes: int
    class_names: tuple[str, ...]
    splits: Mapping[str, PicturelessSplit]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all splits' fingerprints, in hexadecimal; independent of the name."""
        return dataset_fingerprint({name: part.fingerprint for name, part in self.splits.items()})
