"""How the examples of a dataset are laid out in blocks and bits.

No block spans two splits, so that every bitmap belongs to one split; all blocks of a split are
full but its last.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_BLOCK_SIZE = 16_384
"""Examples of a block at most: larger ones gain nothing and leave less to share out."""

# A page of Postgres has 8,192 bytes, of which 24 are its header and 4 a pointer to each row.
_PAGE_BYTES = 8192 - 24
_POINTER_BYTES = 4


@dataclass(frozen=True)
class BlockRange:
    """One block: examples `first_example ... first_example + size - 1` of `split`."""

    block: int
    split: str
    first_example: int
    first_position: int
    size: int


@dataclass(frozen=True)
class SplitRange:
    """The examples and blocks of one split."""

    split: str
    size: int
    first_example: int
    blocks: tuple[BlockRange, ...]

    @property
    def packed_bytes(self) -> int:
        """Bytes of one packed bitmap over the split."""
        return -(-self.size // 8)


@dataclass(frozen=True)
class Layout:
    """The splits of a dataset, or some of them, in storage order."""

    splits: tuple[SplitRange, ...]

    @classmethod
    def of(cls, sizes: Mapping[str, int], block_size: int | None = None) -> "Layout":
        """Layout of splits with these numbers of examples, in this order.

        `block_size` is the registered dataset's; MAX_BLOCK_SIZE if none is given.
        """
        full = MAX_BLOCK_SIZE if block_size is None else block_size
        splits, block, example = [], 0, 0
        for split, size in sizes.items():
            blocks = []
            for position in range(0, size, full):
                length = min(full, size - position)
                blocks.append(BlockRange(block, split, example + position, position, length))
                block += 1
            splits.append(SplitRange(split, size, example, tuple(blocks)))
            example += size
        return cls(tuple(splits))

    def only(self, splits: Collection[str]) -> "Layout":
        """These splits alone; their blocks and examples keep the numbers that they have.

        A packed bitmap holds these splits only, in storage order whatever the order asked for.
        """
        return Layout(tuple(split for split in self.splits if split.split in splits))

    @property
    def examples(self) -> int:
        """Number of examples of all splits."""
        return sum(split.size for split in self.splits)

    @property
    def example_ids(self) -> NDArray[np.int64]:
        """Number of each example within the dataset, [examples]."""
        return self.positions + self._each([split.first_example for split in self.splits])

    @property
    def positions(self) -> NDArray[np.int64]:
        """Position of each example within its split, [examples]."""
        return np.concatenate([np.arange(split.size) for split in self.splits])

    @property
    def split_indices(self) -> NDArray[np.int64]:
        """Which of the splits each example is of, [examples]."""
        return self._each(range(len(self.splits)))

    def _each(self, values: Sequence[int]) -> NDArray[np.int64]:
        return np.repeat(np.asarray(values), [split.size for split in self.splits])

    @property
    def packed_bytes(self) -> int:
        """Bytes of one packed bitmap over all splits."""
        return sum(split.packed_bytes for split in self.splits)


def plane_count(num_classes: int) -> int:
    """Bit planes that a class index needs: ceil(log2 K), at least 1."""
    return max(1, (num_classes - 1).bit_length())


def block_size(num_classes: int) -> int:
    """Examples of a full block of a new dataset: so many that rows of outcomes fill their page.

    A row that is not whole in its page costs a second look-up, a page that is not full costs
    space; docs/design.md has the measurements.
    """
    planes = plane_count(num_classes)
    # Row header and key; length and number of bits of `correct`; header of the array
    # `predicted` and of each of its planes.
    fixed = 36 + 8 + 24 + 8 * planes
    rows = 1
    while True:
        row_bytes = (_PAGE_BYTES // rows - _POINTER_BYTES) // 8 * 8
        size = (row_bytes - fixed) // (planes + 1) // 8 * 64
        if size <= MAX_BLOCK_SIZE:
            return size
        rows += 1
