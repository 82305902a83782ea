"""Exact nearest neighbours: tiled matrix products with a running top-k, in bounded memory.

Distances are Euclidean, of embeddings as they are: Baldock 2021 names no other, and no
normalization. Among equally near rows those with the lowest indices are chosen.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import torch
from torch import Tensor

from tracker.errors import choice_error
from workers.probes.selection import kth_smallest, places_below, smallest
from workers.probes.threads import side_by_side

QUERY_TILE = 256
DATABASE_TILE = 8192
"""Queries and rows of the database whose distances a thread holds at once: 8 MB of float32, chosen
by measurement."""

GROUP = 8
"""Distances of which only the smallest is looked at first."""

COARSE = 8
"""Groups that are one when a bound is looked for: it is hardly looser, of fewer numbers."""

WHOLE = GROUP * 16
"""Rows of the database are made up to a multiple of this, of which a tile is one too: the smallest
of groups are then found by whole vector registers, and groups are whole."""

ALIGNED = 8
"""Rows of the database begin at multiples of so many numbers, as products on GPUs want them to."""

PREPARED_NUMBERS = 2**17
"""Numbers of the database that are prepared at once: few enough to stay in the cache."""

CENTRE_ROWS = 512

PRECISIONS: Mapping[str, torch.dtype] = {
    "float32": torch.float32,
    "float64": torch.float64,
    "tf32": torch.float32,
    "bfloat16": torch.float32,
}
"""How products are computed, and the type of the sums. tf32 and bfloat16 round the factors, to 11
and 8 digits, and are quick on GPUs; a CPU multiplies what is so rounded in float32."""


def precision_type(precision: str) -> torch.dtype:
    """The type that embeddings are to have.

    Raises
    ------
    UsageError
        If there is no such precision, listing those that there are.
    """
    if precision not in PRECISIONS:
        raise choice_error("precision", precision, PRECISIONS)
    return PRECISIONS[precision]


class Database:
    """A part of the rows that neighbours are looked for in: as many as fit the memory.

    Parameters
    ----------
    pieces
        Embeddings [m, W], of which a copy is made.
    first
        Index of the first of them.
    centre
        Point [W] that is made the origin: distances stay the same, but in a product of large
        numbers they would lose their digits.
    precision
        One of PRECISIONS.
    """

    def __init__(
        self, pieces: Sequence[Tensor], first: int, centre: Tensor, precision: str = "float32"
    ) -> None:
        self.first = first
        self._centre = centre
        self._precision = precision
        size, width = sum(map(len, pieces)), len(centre)
        # Rows that are nobody's neighbours make the number of rows a round one.
        whole, numbers = size + -size % WHOLE, width + 1
        # The last number of a row is its squared norm.
        self._rows = centre.new_empty(whole, numbers + -numbers % ALIGNED)[:, :numbers]
        few = max(1, PREPARED_NUMBERS // width)
        offset = 0
        for piece in chain.from_iterable(piece.split(few) for piece in pieces):
            rows = self._rows[offset : offset + len(piece)]
            moved = torch.sub(piece, centre, out=rows[:, :-1])
            moved.copy_(_rounded(moved, precision))
            torch.linalg.vecdot(moved, moved, out=rows[:, -1])
            offset += len(piece)
        # A row that is not finite is nobody's neighbour, and must not spoil the sums of others.
        broken = ~self._rows[:, -1].isfinite()
        broken[size:] = True
        self._rows[broken] = 0
        self._rows[broken, -1] = torch.inf

    def distances(self, queries: Tensor, room: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Tile by tile, the index of its first row and the distances [q, tile] to its rows.

        Squared distances, less the squared norm of the query in `queries` [q, W]. They may lie in
        `room`, of q times DATABASE_TILE numbers or more, as the next ones do then.
        """
        factors = queries.new_ones(len(queries), self._rows.shape[1])
        factors[:, :-1] = _rounded(queries - self._centre, self._precision).mul_(-2)
        for start in range(0, len(self._rows), DATABASE_TILE):
            rows = self._rows[start : start + DATABASE_TILE]
            tile = room[: len(factors) * len(rows)].view(len(factors), len(rows))
            yield self.first + start, self._product(factors, rows, tile)

    def _product(self, factors: Tensor, rows: Tensor, out: Tensor) -> Tensor:
        """`factors` [q, W + 1] times `rows` [m, W + 1], of which the last numbers are exact."""
        if not factors.is_cuda:
            return torch.mm(factors, rows.T, out=out)
        squares, factors = rows[:, -1].contiguous(), factors[:, :-1].contiguous()
        rows = rows[:, :-1]
        if self._precision == "bfloat16":
            halves = factors.bfloat16(), rows.bfloat16().T
            return torch.mm(*halves, out_dtype=torch.float32).add_(squares)
        torch.backends.cuda.matmul.allow_tf32 = self._precision == "tf32"
        return torch.addmm(squares, factors, rows.T, out=out)


def centre_of(rows: Tensor) -> Tensor:
    """A point [W] in the middle of embeddings [M, W], or near enough.

    It has few digits, so that what has few digits itself (counts, pixels) keeps exact distances.
    """
    middle = rows[:CENTRE_ROWS].mean(0).bfloat16().to(rows.dtype)
    return middle.nan_to_num(0, 0, 0)


class Nearest:
    """The k nearest rows of a database to each of Q queries, among those looked through so far.

    Attributes
    ----------
    distances
        As `Database.distances` has them, [Q, k], ascending; infinite where there are fewer rows.
    indices
        Index of the row, int64 [Q, k]; -1 where there are fewer rows.
    """

    def __init__(self, queries: int, k: int, dtype: torch.dtype, device: torch.device) -> None:
        self._k = k
        self.distances = torch.full((queries, k), torch.inf, dtype=dtype, device=device)
        self.indices = torch.full((queries, k), -1, device=device)
        threads = torch.get_num_threads() if device.type == "cpu" else 1
        # Memory that has been used is ready at once: for tiles, it is taken from here.
        self._rooms = self.distances.new_empty(threads, QUERY_TILE * DATABASE_TILE)

    def look_through(self, database: Database, start: int, queries: Tensor, own: Tensor) -> None:
        """Look through a part of the database for the queries `start, start + 1, ...`.

        Parts are to be looked through in order.

        Parameters
        ----------
        queries
            Embeddings [q, W].
        own
            Index of each query in the database, int64 [q], which is not its neighbour; -1 if it
            is not there.
        """
        if not len(queries):
            return
        size = min(QUERY_TILE, -(-len(queries) // len(self._rooms)))
        tiles = range(0, len(queries), size)
        waiting = iter(tiles)

        def look(room: Tensor) -> None:
            for offset in waiting:
                part = slice(offset, offset + size)
                tile = queries[part]
                place = slice(start + offset, start + offset + len(tile))
                for first, distances in database.distances(tile, room):
                    _exclude(distances, own[part] - first)
                    self._take(place, distances, first)

        side_by_side(look, self._rooms[: len(tiles)])

    def _take(self, place: slice, distances: Tensor, first: int) -> None:
        """Merge the distances [q, m] to the rows `first, first + 1, ...` into those in `place`."""
        best, k = self.distances[place], self._k
        grouped = distances.unflatten(1, (GROUP, -1))
        lowest = grouped.amin(1)
        # Later rows must be nearer than the k-th so far, not as near: ties go to the lower index.
        # Where rows come nearer and nearer, what the tile itself says keeps those few, too.
        bound = torch.minimum(best[:, -1], _bound(lowest, k))
        hit = places_below(lowest, bound)
        if not len(hit):
            return
        query, group = hit // lowest.shape[1], hit % lowest.shape[1]
        near = grouped[query, :, group]
        hit = places_below(near, bound[query])
        row = hit // GROUP
        found = hit % GROUP * grouped.shape[2] + group[row] + first
        query = query[row]
        counts = query.bincount(minlength=len(best))
        nth = torch.arange(len(hit), device=hit.device) - (counts.cumsum(0) - counts)[query]
        kept = k if first else 0
        values = best.new_full((len(best), max(kept + int(counts.max()), k + 1)), torch.inf)
        indices = found.new_full(values.shape, -1)
        values[:, :kept], indices[:, :kept] = best[:, :kept], self.indices[place, :kept]
        values[query, kept + nth], indices[query, kept + nth] = near.flatten()[hit], found
        self.distances[place], self.indices[place] = smallest(values, indices, k)


def nearest(
    queries: Tensor,
    rows: Tensor,
    k: int,
    own: Tensor | None = None,
    precision: str = "float32",
    budget: int | None = None,
) -> Tensor:
    """Indices of the `k` rows [M, W] nearest to each query [Q, W], int64 [Q, k], nearest first.

    Of equally near rows those of the lowest indices are chosen, and stand in any order; -1 where
    there are fewer rows. `own` as in `Nearest.look_through`; at most `budget` bytes of rows are
    copied at once, all if None.
    """
    dtype = precision_type(precision)
    if own is None:
        own = torch.full((len(queries),), -1, device=rows.device)
    found = Nearest(len(queries), k, dtype, rows.device)
    centre = centre_of(rows.to(dtype))
    size = len(rows) if budget is None else max(1, budget // (dtype.itemsize * rows.shape[1]))
    for first in range(0, len(rows), size):
        part = rows[first : first + size].to(dtype)
        found.look_through(Database([part], first, centre, precision), 0, queries.to(dtype), own)
    return found.indices


def _rounded(values: Tensor, precision: str) -> Tensor:
    """What is left of `values` in factors of this precision; a GPU makes tf32 of them by itself."""
    if precision == "bfloat16":
        return values.bfloat16().to(values.dtype)
    if precision == "tf32" and not values.is_cuda:
        # The lowest 13 of 23 digits go; half of the last that stays rounds away from zero.
        return values.view(torch.int32).add(1 << 12).bitwise_and(-1 << 13).view(values.dtype)
    return values


def _exclude(distances: Tensor, columns: Tensor) -> None:
    """Make the distance of each query [q] to the column that is itself infinite, in place."""
    here = ((columns >= 0) & (columns < distances.shape[1])).nonzero().squeeze(1)
    distances[here, columns[here]] = torch.inf


def _bound(lowest: Tensor, k: int) -> Tensor:
    """A number for each query, [q], above at least k distances; infinite with fewer groups.

    From the lowest distance of each group, [q, groups]: the k-th of them is no less than the
    k-th distance, and with many groups hardly larger.
    """
    for groups in (COARSE, 1):
        coarse = lowest.unflatten(1, (groups, -1)).amin(1)
        if coarse.shape[1] >= k:
            kth = kth_smallest(coarse, k)
            return kth.nextafter(kth.new_tensor(torch.inf))
    return lowest.new_full(lowest.shape[:1], torch.inf)
