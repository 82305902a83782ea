"""Handing out an epoch's indices as fast as a list does, and knowing how far one is."""

from collections.abc import Iterator
from operator import length_hint

from tracker.curriculum.order import Indices

CHUNK = 8192
"""Indices that are Python integers at one time: all of a large epoch would not fit the cache."""


class Walk:
    """One pass through one rank's indices, singly or in batches.

    Parameters
    ----------
    indices
        Shape (m,).
    batch_size
        Indices of a batch; None to hand them out singly.
    drop_last
        Leave out the last batch where it is not full.
    """

    def __init__(
        self, indices: Indices, batch_size: int | None = None, *, drop_last: bool = False
    ) -> None:
        self._indices = indices
        self._size = batch_size
        self._drop_last = drop_last
        self._given = 0
        self._open: Iterator[int] = iter(())

    def __iter__(self) -> Iterator[int] | Iterator[list[int]]:
        return self._singly() if self._size is None else self._in_batches(self._size)

    @property
    def taken(self) -> int:
        """How many indices have been handed out."""
        # A list's iterator knows what is left of it, so that nobody counts along.
        return self._given - length_hint(self._open)

    def _singly(self) -> Iterator[int]:
        for begin in range(0, len(self._indices), CHUNK):
            # Python integers: datasets may not take NumPy's.
            chunk = self._indices[begin : begin + CHUNK].tolist()
            self._open = iter(chunk)
            self._given += len(chunk)
            yield from self._open

    def _in_batches(self, size: int) -> Iterator[list[int]]:
        end = len(self._indices)
        if self._drop_last:
            end -= end % size
        for begin in range(0, end, size):
            batch = self._indices[begin : begin + size].tolist()
            self._given += len(batch)
            yield batch
