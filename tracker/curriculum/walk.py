"""Handing out an epoch's indices as fast as a list does, and knowing how far one is."""

from collections.abc import Callable, Iterator
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
    begin
        Called before the first is handed out: loaders make iterators that they never use.
    """

    def __init__(
        self,
        indices: Indices,
        batch_size: int | None = None,
        *,
        drop_last: bool = False,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._size = batch_size
        self._end = len(indices)
        if batch_size is not None and drop_last:
            self._end -= self._end % batch_size
        self._indices = indices
        self._begin = begin
        self._given = 0
        self._asked = False
        self._open: Iterator[int] = iter(())

    def __iter__(self) -> Iterator[int] | Iterator[list[int]]:
        return self._singly() if self._size is None else self._in_batches(self._size)

    @property
    def taken(self) -> int:
        """How many indices have been handed out."""
        # A list's iterator knows what is left of it, so that nobody counts along.
        return self._given - length_hint(self._open)

    @property
    def untouched(self) -> bool:
        """Whether nobody has asked for anything yet."""
        return not self._asked

    def _singly(self) -> Iterator[int]:
        self._asked = True
        for start in range(0, self._end, CHUNK):
            # Python integers: datasets may not take NumPy's.
            chunk = self._next(start, CHUNK)
            self._open = iter(chunk)
            yield from self._open

    def _in_batches(self, size: int) -> Iterator[list[int]]:
        self._asked = True
        for start in range(0, self._end, size):
            yield self._next(start, size)

    def _next(self, start: int, count: int) -> list[int]:
        if start == 0:
            self._begin()
        found: list[int] = self._indices[start : start + count].tolist()
        self._given += len(found)
        return found
