"""Checks of the blocks of one evaluation: lengths, planes, classes, right and wrong, checksum.

On packed bitmaps throughout: eight examples are one byte.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tracker.outcomes.layout import BlockRange, Layout, plane_count
from tracker.outcomes.packing import checksum
from tracker.outcomes.reader import StoredBlock

Finding = tuple[int | None, str]
"""A block, or None for the whole evaluation, and what is wrong with it."""


class BlockChecker:
    """Checks evaluations against the dataset that they are of.

    Parameters
    ----------
    layout
        Of the splits that the ensemble covers.
    num_classes
        Of the dataset.
    labels
        Planes of the labels by block, uint8 [planes, bytes]; blocks without them are not
        compared with labels.
    """

    def __init__(
        self, layout: Layout, num_classes: int, labels: Mapping[int, NDArray[np.uint8]]
    ) -> None:
        self._blocks = {block.block: block for split in layout.splits for block in split.blocks}
        self._num_classes = num_classes
        self._planes = plane_count(num_classes)
        self._labels = labels

    def check(self, rows: list[StoredBlock], recorded: bytes | None) -> Iterator[Finding]:
        """What is wrong with one evaluation.

        Parameters
        ----------
        rows
            Its blocks, ascending.
        recorded
            Its checksum; None if it has none.
        """
        malformed = False
        for row in rows:
            for what in self._check_form(row):
                malformed = True
                yield row.block, what
                break
            else:
                yield from ((row.block, what) for what in self._check_classes(row))
        missing = sorted(self._blocks.keys() - {row.block for row in rows})
        yield from ((block, "missing") for block in missing)
        known = Counter(row.ragged or row.predicted is not None for row in rows)
        if len(known) > 1:
            yield None, f"predicted is NULL in {known[False]} of {len(rows)} blocks"
        elif not malformed and not missing and recorded is not None:
            packed = np.concatenate([_packed(row) for row in rows], axis=1)
            if checksum(packed) != recorded:
                yield None, "the checksum is not that of its outcomes"

    def _check_form(self, row: StoredBlock) -> Iterator[str]:
        block = self._blocks.get(row.block)
        if block is None:
            yield "none of the ensemble's blocks"
            return
        if row.correct.size != block.size:
            yield f"correct has {row.correct.size:,} bits, {block.size:,} expected"
        if row.ragged:
            yield "predicted is not one row of bitmaps of one length"
        if row.predicted is not None:
            planes, size = len(row.predicted.packed), row.predicted.size
            if planes != self._planes:
                yield f"predicted has {planes} planes, {self._planes} expected"
            if size != block.size:
                yield f"predicted has {size:,} bits a plane, {block.size:,} expected"

    def _check_classes(self, row: StoredBlock) -> Iterator[str]:
        """Is each predicted class one of the dataset's, and right where it is the label?"""
        labels = self._labels.get(row.block)
        if row.predicted is None or labels is None:
            return
        planes, block = row.predicted.packed, self._blocks[row.block]
        right = ~np.bitwise_or.reduce(planes ^ labels, axis=0)
        contradicted = row.correct.packed[0] ^ right
        # The bits that fill up the last byte are zero in both planes, as if they were right.
        contradicted[-1] &= 0xFF << (-block.size % 8) & 0xFF
        yield from _named(contradicted, block, "correct is not [predicted = label]")
        above = greater_than(planes, self._num_classes - 1)
        yield from _named(above, block, f"predicted is no class below {self._num_classes}")


def greater_than(planes: NDArray[np.uint8], bound: int) -> NDArray[np.uint8]:
    """Bitmap of the values, given as planes uint8 [P, bytes], that are greater than `bound`.

    `bound` must be below 2**P.
    """
    greater: NDArray[np.uint8] = np.zeros_like(planes[0])
    equal = ~greater
    for digit in reversed(range(len(planes))):
        if bound >> digit & 1:
            equal &= planes[digit]
        else:
            greater |= equal & planes[digit]
            equal &= ~planes[digit]
    return greater


def _packed(row: StoredBlock) -> NDArray[np.uint8]:
    planes = [] if row.predicted is None else [row.predicted.packed]
    return np.concatenate([row.correct.packed, *planes])


def _named(wrong: NDArray[np.uint8], block: BlockRange, what: str) -> Iterator[str]:
    if wrong.any():
        slots = np.flatnonzero(np.unpackbits(wrong, count=block.size))
        first = block.first_example + int(slots[0])
        yield f"{what} for {len(slots):,} of {block.size:,} examples, first example_id {first}"
