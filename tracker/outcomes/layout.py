"""How the examples of a dataset are laid out in blocks and bits.

No block spans two splits, so that every bitmap belongs to one split; all blocks of a split are
full but its last.
"""

from collections.abc import Mapping
from dataclasses import dataclass

BLOCK_SIZE = 4096
"""Examples of a full block, a multiple of 8; docs/design.md says why."""


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
    """The splits of a dataset in storage order."""

    splits: tuple[SplitRange, ...]

    @classmethod
    def of(cls, sizes: Mapping[str, int], block_size: int | None = None) -> "Layout":
        """Layout of splits with these numbers of examples, in this order.

        `block_size` is the registered dataset's; BLOCK_SIZE for one that is new.
        """
        full = BLOCK_SIZE if block_size is None else block_size
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

    @property
    def packed_bytes(self) -> int:
        """Bytes of one packed bitmap over all splits."""
        return sum(split.packed_bytes for split in self.splits)


def plane_count(num_classes: int) -> int:
    """Bit planes that a class index needs: ceil(log2 K), at least 1."""
    return max(1, (num_classes - 1).bit_length())
