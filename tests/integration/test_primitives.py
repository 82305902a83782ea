"""The SQL functions on bitmaps, slices and probabilities against NumPy."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests.support import reference
from tests.support.bits import bitmap, counts_of, slices_of

lengths = st.integers(1, 40)
MOST = 2**31 - 1


def one(connection: Connection, sql: str, **parameters: Any) -> Any:
    """The value of an expression."""
    return connection.execute(text(f"SELECT {sql}"), parameters).scalar_one()


def add_up(connection: Connection, bitmaps: list[str | None]) -> list[str]:
    slices: list[str] = one(
        connection, "bitslice_sum(b) FROM unnest(CAST(:b AS varbit[])) AS t (b)", b=bitmaps
    )
    return slices


def add_up_slices(connection: Connection, all_slices: list[list[str]]) -> list[str]:
    # SQL has no arrays of arrays of other lengths: each array is a text of its own.
    texts = ["{" + ",".join(slices) + "}" for slices in all_slices]
    slices: list[str] = one(
        connection, "bitslice_sum(s::varbit[]) FROM unnest(CAST(:s AS text[])) AS t (s)", s=texts
    )
    return slices


def add_up_weighted(
    connection: Connection, bitmaps: list[str | None], weights: list[int]
) -> list[str]:
    slices: list[str] = one(
        connection,
        "bitslice_sum(b, w) FROM unnest(CAST(:b AS varbit[]), CAST(:w AS int[])) AS t (b, w)",
        b=bitmaps,
        w=weights,
    )
    return slices


def add(connection: Connection, a: list[str], b: list[str]) -> list[str]:
    slices: list[str] = one(
        connection, "bitslice_add(CAST(:a AS varbit[]), CAST(:b AS varbit[]))", a=a, b=b
    )
    return slices


@st.composite
def bit_rows(draw: st.DrawFn, most: int = 40) -> np.ndarray:
    shape = draw(st.integers(1, most)), draw(lengths)
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    return rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))


@st.composite
def count_rows(draw: st.DrawFn, most: int = 6) -> np.ndarray:
    shape = draw(st.integers(1, most)), draw(lengths)
    highest = draw(st.sampled_from([0, 1, 5, 255, 256, 70_000]))
    return np.random.default_rng(draw(st.integers(0, 2**31))).integers(0, highest + 1, shape)


# --- sums -----------------------------------------------------------------------------------------


@given(rows=bit_rows())
def test_sum_of_bitmaps(undone: Any, rows: np.ndarray) -> None:
    with undone() as connection:
        assert add_up(connection, [bitmap(row) for row in rows]) == slices_of(rows.sum(axis=0))


@given(rows=count_rows())
def test_sum_of_slices(undone: Any, rows: np.ndarray) -> None:
    with undone() as connection:
        total = add_up_slices(connection, [slices_of(row) for row in rows])
        assert total == slices_of(rows.sum(axis=0))


@given(rows=bit_rows(most=10), seed=st.integers(0, 2**31))
def test_sum_of_weighted_bitmaps(undone: Any, rows: np.ndarray, seed: int) -> None:
    weights = np.random.default_rng(seed).choice([0, 1, 2, 3, 7, 8, 1000], len(rows))
    with undone() as connection:
        total = add_up_weighted(connection, [bitmap(row) for row in rows], weights.tolist())
        assert counts_of(total) == (weights @ rows).tolist()


def test_no_slice_above_the_highest_one_needed(connection: Connection) -> None:
    assert add_up(connection, ["000", "000"]) == ["000"]
    assert add_up(connection, ["110", "010", "010"]) == ["110", "010"]
    assert add_up_slices(connection, [["010", "010"], ["010"]]) == ["000", "000", "010"]
    assert add_up_weighted(connection, ["010"], [4]) == ["000", "000", "010"]
    assert add_up_weighted(connection, ["010"], [0]) == ["000"]
    assert add_up_weighted(connection, ["000"], [4]) == ["000"]


def test_nothing_to_add(connection: Connection) -> None:
    assert add_up(connection, []) == []
    assert add_up(connection, [None, None]) == []
    assert add_up(connection, [None, "10", None]) == ["10"]
    assert add_up_slices(connection, []) == []
    assert add_up_slices(connection, [[], ["10"], []]) == ["10"]
    assert add_up_weighted(connection, [None, "10", None], [5, 2, 1]) == ["00", "10"]


def test_largest_weight(connection: Connection) -> None:
    assert counts_of(add_up_weighted(connection, ["10", "11"], [MOST, 1])) == [MOST + 1, 1]


@pytest.mark.parametrize("weight", [-1, None])
def test_weights_are_whole_numbers(connection: Connection, weight: int | None) -> None:
    with pytest.raises(DBAPIError, match="the weight must be a whole number from 0"):
        add_up_weighted(connection, ["10"], [weight])  # type: ignore[list-item]


@given(rows=bit_rows(), data=st.data())
def test_parts_may_be_combined_in_any_order_and_grouping(
    undone: Any, rows: np.ndarray, data: st.DataObject
) -> None:
    parts = [[bitmap(row)] for row in data.draw(st.permutations(list(rows)))]
    with undone() as connection:
        while len(parts) > 1:
            i = data.draw(st.integers(0, len(parts) - 2))
            parts[i : i + 2] = [add(connection, parts[i], parts[i + 1])]
        assert parts[0] == slices_of(rows.sum(axis=0))


@given(rows=count_rows(most=2))
def test_adding_commutes_and_nothing_is_neutral(undone: Any, rows: np.ndarray) -> None:
    a, b = slices_of(rows[0]), slices_of(rows[-1])
    with undone() as connection:
        total = add(connection, a, b)
        assert total == add(connection, b, a) == slices_of(rows[0] + rows[-1])
        assert add(connection, a, []) == add(connection, [], a) == a


def test_parallel_workers_give_the_same_sum(connection: Connection) -> None:
    rows = np.random.default_rng(0).random((3000, 20)) < 0.5
    connection.execute(text("CREATE TABLE bits (part int, b varbit) WITH (parallel_workers = 2)"))
    connection.execute(
        text(
            "INSERT INTO bits SELECT i % 3, b FROM unnest(CAST(:b AS varbit[])) "
            "WITH ORDINALITY AS t (b, i)"
        ),
        {"b": [bitmap(row) for row in rows]},
    )
    for setting in (
        "parallel_setup_cost = 0",
        "parallel_tuple_cost = 0",
        "max_parallel_workers_per_gather = 2",
    ):
        connection.execute(text(f"SET LOCAL {setting}"))
    query = "SELECT part, bitslice_sum(b), bitslice_sum(b, part + 1) FROM bits GROUP BY part"
    plan = "\n".join(connection.scalars(text(f"EXPLAIN {query}")))
    assert "Partial" in plan
    assert "Gather" in plan
    for part, plain, weighted in connection.execute(text(query)):
        # The first row has ordinal 1.
        expected = rows[np.arange(1, 3001) % 3 == part].sum(axis=0)
        assert counts_of(plain) == expected.tolist()
        assert counts_of(weighted) == (expected * (part + 1)).tolist()


# --- what counts are asked for --------------------------------------------------------------------


@given(rows=count_rows(), data=st.data())
def test_at_least(undone: Any, rows: np.ndarray, data: st.DataObject) -> None:
    counts = rows[0]
    near = [int(count) + step for count in counts for step in (-1, 0, 1)]
    with undone() as connection:
        for k in (0, -3, MOST, data.draw(st.sampled_from(near)), data.draw(st.integers(0, MOST))):
            found = one(
                connection, "bitslice_at_least(CAST(:s AS varbit[]), :k)", s=slices_of(counts), k=k
            )
            assert found == bitmap(counts >= k)


def test_at_least_of_nothing_is_unknown(connection: Connection) -> None:
    for k in (0, 1, 5):
        assert one(connection, "bitslice_at_least('{}'::varbit[], :k)", k=k) is None


@given(rows=count_rows())
def test_histogram(undone: Any, rows: np.ndarray) -> None:
    with undone() as connection:
        found = connection.execute(
            text("SELECT value, examples FROM bitslice_histogram(CAST(:s AS varbit[]))"),
            {"s": slices_of(rows[0])},
        ).all()
    assert len(found) == len(set(rows[0].tolist()))
    assert {row.value: row.examples for row in found} == Counter(rows[0].tolist())


def test_histogram_of_nothing_has_no_bars(connection: Connection) -> None:
    assert connection.execute(text("SELECT * FROM bitslice_histogram('{}')")).all() == []


@given(rows=count_rows(), more=st.integers(0, 4))
def test_unslice_and_value(undone: Any, rows: np.ndarray, more: int) -> None:
    counts = rows[0]
    slices = slices_of(counts)
    slices += ["0" * len(counts)] * min(more, 16 - len(slices))
    with undone() as connection:
        assert one(connection, "unslice(CAST(:s AS varbit[]))", s=slices) == counts.tolist()
        if len(slices) <= 16:
            values = one(
                connection,
                "array_agg(bitslice_value(CAST(:s AS varbit[]), slot) ORDER BY slot) "
                "FROM generate_series(0, :last) AS slot",
                s=slices,
                last=len(counts) - 1,
            )
            assert values == counts.tolist()


def test_the_highest_of_65536_classes(connection: Connection) -> None:
    slices = slices_of([65535, 0, 32768])
    assert len(slices) == 16
    assert one(connection, "unslice(CAST(:s AS varbit[]))", s=slices) == [65535, 0, 32768]
    for slot, value in enumerate([65535, 0, 32768]):
        found = one(connection, "bitslice_value(CAST(:s AS varbit[]), :i)", s=slices, i=slot)
        assert found == value


def test_the_highest_count(connection: Connection) -> None:
    assert one(connection, "unslice(CAST(:s AS varbit[]))", s=slices_of([MOST, 1])) == [MOST, 1]


def test_unslice_of_nothing_is_nothing(connection: Connection) -> None:
    assert one(connection, "unslice('{}'::varbit[])") == []


def test_unslice_of_null_is_null(connection: Connection) -> None:
    assert one(connection, "unslice(NULL::varbit[])") is None


# --- the null model -------------------------------------------------------------------------------


def distribution(connection: Connection, probabilities: list[float]) -> list[float]:
    mass: list[float] = one(
        connection, "poisson_binomial(CAST(:p AS double precision[]))", p=probabilities
    )
    return mass


@given(p=st.lists(st.integers(0, 10_000).map(lambda right: right / 10_000), max_size=30))
def test_poisson_binomial_is_a_convolution(undone: Any, p: list[float]) -> None:
    with undone() as connection:
        mass = distribution(connection, p)
    assert len(mass) == len(p) + 1
    assert mass == pytest.approx(reference.poisson_binomial(p), abs=1e-12)
    assert sum(mass) == pytest.approx(1)
    assert all(0 <= value <= 1 for value in mass)
    # Its mean and variance are the sums of those of the single trials.
    k = np.arange(len(mass))
    assert k @ mass == pytest.approx(sum(p), abs=1e-9)
    variance = (k - sum(p)) ** 2 @ np.array(mass)
    assert variance == pytest.approx(sum(q * (1 - q) for q in p), abs=1e-9)


@pytest.mark.parametrize("p", [0.0, 0.01, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("n", [1, 2, 50, 250])
def test_equal_probabilities_are_binomial(connection: Connection, n: int, p: float) -> None:
    """Also of 250 runs (002's) that are 99% right: all are wrong with probability 1e-500."""
    expected = stats.binom.pmf(np.arange(n + 1), n, p)
    assert distribution(connection, [p] * n) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_order_of_trials_does_not_matter(connection: Connection) -> None:
    p = [0.1, 0.9, 0.5, 1.0, 0.0, 0.3]
    assert distribution(connection, p) == pytest.approx(distribution(connection, sorted(p)))
