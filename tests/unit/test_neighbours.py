"""Exact neighbours: whatever the order of rows, their number, the tiles, the threads."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from tests.support.neighbours import shrink_tiles, slow_nearest
from tracker.errors import UsageError
from workers.probes import neighbours as neighbours_module
from workers.probes.neighbours import Database, Nearest, centre_of, nearest
from workers.probes.probing import vote
from workers.probes.selection import smallest
from workers.probes.threads import side_by_side

SIZES = st.integers(1, 90)


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_tiles(monkeypatch)


def in_order(indices: Tensor) -> list[list[int]]:
    return indices.sort(1).values.tolist()


@given(
    rows=SIZES,
    queries=SIZES,
    width=st.integers(1, 9),
    values=st.integers(1, 4),
    k=st.integers(1, 40),
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.usefixtures("small_tiles")
def test_neighbours_are_those_of_a_sort(
    dtype: torch.dtype, rows: int, queries: int, width: int, values: int, k: int
) -> None:
    """Small whole numbers: nearly all distances are tied, and exact."""
    rng = np.random.default_rng([rows, queries, width, values, k])
    database, asked = (rng.integers(0, values, (n, width)) for n in (rows, queries))
    own = rng.integers(-1, rows, queries)
    found = nearest(
        torch.tensor(asked, dtype=dtype),
        torch.tensor(database, dtype=dtype),
        k,
        torch.tensor(own),
        str(dtype).removeprefix("torch."),
    )
    assert in_order(found) == slow_nearest(asked, database, k, own).tolist()


@pytest.mark.parametrize(("queries", "rows"), [(256, 8192), (300, 8200), (600, 20_000)])
def test_neighbours_across_tiles_of_the_real_size(queries: int, rows: int) -> None:
    rng = np.random.default_rng(rows)
    asked, database = (rng.integers(0, 6, (n, 5)).astype(np.float32) for n in (queries, rows))
    found = nearest(torch.tensor(asked), torch.tensor(database), 30)
    some = slice(0, None, 37)
    assert in_order(found[some]) == slow_nearest(asked[some], database, 30).tolist()


def rows_by_class(rows: int) -> NDArray[np.float32]:
    """Whole numbers, class by class, each nearer to the origin than the one before it.

    Every row is there eight times, once in each eighth of its class: equals lie in many tiles.
    """
    rng = np.random.default_rng(rows)
    classes = [rng.integers(0, 6, (rows // 32, 5)) + 9 * away for away in (3, 2, 1, 0)]
    return np.concatenate([np.tile(some, (8, 1)) for some in classes]).astype(np.float32)


@pytest.mark.parametrize("descending", [True, False])
def test_neighbours_in_rows_that_are_sorted(descending: bool) -> None:
    database = rows_by_class(32_768)[:: 1 if descending else -1].copy()
    asked = np.random.default_rng(1).integers(0, 6, (20, 5)).astype(np.float32)
    found = nearest(torch.tensor(asked), torch.tensor(database), 30)
    assert in_order(found) == slow_nearest(asked, database, 30).tolist()


def test_few_distances_are_sorted_whatever_the_order_of_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each row is nearer than all before it: all are nearer than the k-th so far."""
    looked = []

    def counted(values: Tensor, indices: Tensor, k: int) -> tuple[Tensor, Tensor]:
        looked.append(values.shape[1])
        return smallest(values, indices, k)

    monkeypatch.setattr(neighbours_module, "smallest", counted)
    rows = torch.arange(32_768.0).flip(0)[:, None]
    found = nearest(torch.zeros(3, 1), rows, 30)
    assert in_order(found) == [[*range(32_738, 32_768)]] * 3
    assert max(looked) < 100


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_parts_of_the_database_change_nothing(parts: int) -> None:
    rng = np.random.default_rng(3)
    database, asked = (
        torch.tensor(rng.integers(0, 3, (n, 6)), dtype=torch.float32) for n in (99, 20)
    )
    found = Nearest(20, 10, torch.float32, database.device)
    for part in torch.arange(99).chunk(parts):
        rows = database[part]
        found.look_through(
            Database([rows], int(part[0]), centre_of(database)), 0, asked, torch.full((20,), -1)
        )
    assert in_order(found.indices) == slow_nearest(asked.numpy(), database.numpy(), 10).tolist()


def test_who_is_in_the_database_is_not_its_own_neighbour() -> None:
    rows = torch.tensor([[0.0], [0.0], [1.0]])
    assert in_order(nearest(rows, rows, 2, torch.arange(3))) == [[1, 2], [0, 2], [0, 1]]
    assert in_order(nearest(rows, rows, 2)) == [[0, 1], [0, 1], [0, 2]]


def test_who_does_not_ask_has_no_neighbours() -> None:
    assert nearest(torch.zeros(0, 4), torch.zeros(9, 4), 3).shape == (0, 3)


def test_large_numbers_keep_their_digits() -> None:
    """In float32 the squared norms alone would drown the distances."""
    rows = torch.arange(64.0)[:, None] * 2**-6 + 3000
    assert nearest(rows, rows, 3)[1:-1, 1:].sort(1).values.tolist() == [
        [row - 1, row + 1] for row in range(1, 63)
    ]


def test_what_is_not_finite_is_nobodys_neighbour() -> None:
    rows = torch.tensor([[torch.nan], [2.0], [torch.inf], [1.0], [3e38]])
    assert nearest(torch.tensor([[1.0], [torch.nan]]), rows, 3).tolist() == [[3, 1, -1], [-1] * 3]


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown precision 'float16': choose one of float32"):
        nearest(torch.zeros(1, 1), torch.zeros(1, 1), 1, precision="float16")


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_lower_precision_agrees_mostly(precision: str) -> None:
    rng = np.random.default_rng(2)
    centres = rng.standard_normal((10, 128))
    labels = rng.integers(0, 10, 1000)
    rows = torch.tensor(centres[labels] + rng.standard_normal((1000, 128)) * 1.5)
    exact = nearest(rows, rows, 30, precision="float64")
    found = nearest(rows, rows, 30, precision=precision)
    votes = [vote(indices, torch.tensor(labels), 10) for indices in (exact, found)]
    agreement = (votes[0] == votes[1]).double().mean()
    assert agreement > {"float32": 0.999, "tf32": 0.99, "bfloat16": 0.97}[precision]
    assert (in_order(found) == in_order(exact)) == (precision == "float32")


def test_tf32_keeps_eleven_digits() -> None:
    values = torch.tensor([1 + 2**-10, 1 + 2**-11, 1 + 2**-12, -1 - 2**-11, torch.inf])
    kept = [1 + 2**-10, 1 + 2**-10, 1.0, -1 - 2**-10, torch.inf]
    assert neighbours_module._rounded(values, "tf32").tolist() == kept


# --- threads --------------------------------------------------------------------------------------


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def threads_of_a_new_thread() -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


@pytest.mark.usefixtures("three_threads", "small_tiles")
def test_threads_share_the_queries() -> None:
    rng = np.random.default_rng(5)
    database, asked = (rng.integers(0, 3, (n, 4)).astype(np.float32) for n in (300, 200))
    found = nearest(torch.tensor(asked), torch.tensor(database), 12)
    assert in_order(found) == slow_nearest(asked, database, 12).tolist()


@pytest.mark.usefixtures("three_threads")
def test_each_thread_computes_alone() -> None:
    seen = []
    meet = Barrier(3)

    def work(room: Tensor) -> None:
        meet.wait(60)
        seen.append((room.item(), torch.get_num_threads()))

    side_by_side(work, torch.arange(3))
    assert sorted(seen) == [(0, 1), (1, 1), (2, 1)]
    assert threads_of_a_new_thread() == torch.get_num_threads() == 3
    side_by_side(
        lambda room: seen.append((room.item(), torch.get_num_threads())), torch.tensor([7])
    )
    assert seen[3:] == [(7, 3)]


@pytest.mark.usefixtures("three_threads")
def test_what_a_thread_raises_is_raised() -> None:
    def work(room: Tensor) -> None:
        if room.item() == 1:
            raise UsageError("no room")

    with pytest.raises(UsageError, match="no room"):
        side_by_side(work, torch.arange(3))
    assert threads_of_a_new_thread() == torch.get_num_threads() == 3
