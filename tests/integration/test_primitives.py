"""The SQL functions on bitmaps, slices and probabilities against NumPy.

Those on several runs or evaluations of an example are in test_primitives_runs.py.
"""

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
from tracker.outcomes.layout import MAX_BLOCK_SIZE

lengths = st.integers(1, 70)
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
def bit_rows(draw: st.DrawFn, most: int = 70) -> np.ndarray:
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


@given(rows=bit_rows(), data=st.data())
def test_sum_skips_nulls(undone: Any, rows: np.ndarray, data: st.DataObject) -> None:
    bitmaps: list[str | None] = [bitmap(row) for row in rows]
    for place in data.draw(st.lists(st.integers(0, len(rows)), max_size=5)):
        bitmaps.insert(place, None)
    with undone() as connection:
        assert add_up(connection, bitmaps) == slices_of(rows.sum(axis=0))


@given(rows=bit_rows())
def test_count_of_an_array(undone: Any, rows: np.ndarray) -> None:
    with undone() as connection:
        counts = one(
            connection, "bitslice_count(CAST(:b AS varbit[]))", b=[bitmap(row) for row in rows]
        )
    assert counts == slices_of(rows.sum(axis=0))


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16_384])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 63, 64, 65])
@pytest.mark.embedded_only
def test_sums_of_all_or_none(connection: Connection, number: int, size: int) -> None:
    for bit in (False, True):
        bitmaps: list[str | None] = [bitmap([bit] * size)] * number
        expected = slices_of([number * bit] * size)
        assert add_up(connection, bitmaps) == expected
        assert one(connection, "bitslice_count(CAST(:b AS varbit[]))", b=bitmaps) == expected


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
    assert one(connection, "bitslice_count('{}')") == []
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


@given(rows=bit_rows(most=12), data=st.data())
def test_sums_may_be_begun_in_parts(undone: Any, rows: np.ndarray, data: st.DataObject) -> None:
    """As parallel workers do: each has a state of its own, and some have nothing."""
    owners = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    with undone() as connection:
        states: list[list[str]] = [[], [], [], []]
        for row, owner in zip(rows, owners, strict=True):
            states[owner] = one(
                connection,
                "bitslice_accumulate(CAST(:s AS varbit[]), CAST(:b AS varbit))",
                s=states[owner],
                b=bitmap(row),
            )
        while len(states) > 1:
            a, b = (states.pop(data.draw(st.integers(0, len(states) - 1))) for _ in range(2))
            merge = "bitslice_merge(CAST(:a AS varbit[]), CAST(:b AS varbit[]))"
            states.append(one(connection, merge, a=a, b=b))
        total = one(connection, "bitslice_settle(CAST(:s AS varbit[]))", s=states[0])
        assert total == slices_of(rows.sum(axis=0))


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
            "INSERT INTO bits SELECT i % 3, CASE WHEN i % 10 > 0 THEN b END "
            "FROM unnest(CAST(:b AS varbit[])) WITH ORDINALITY AS t (b, i)"
        ),
        {"b": [bitmap(row) for row in rows]},
    )
    for setting in (
        "parallel_setup_cost = 0",
        "parallel_tuple_cost = 0",
        "parallel_leader_participation = off",
        "max_parallel_workers_per_gather = 2",
    ):
        connection.execute(text(f"SET LOCAL {setting}"))
    query = (
        "SELECT part, bitslice_sum(b), bitslice_sum(ARRAY[b, b]) FILTER (WHERE b IS NOT NULL), "
        "bitslice_sum(b, part + 1) FROM bits GROUP BY part"
    )
    plan = "\n".join(connection.scalars(text(f"EXPLAIN {query}")))
    assert "Partial" in plan
    assert "Gather" in plan
    ordinals = np.arange(1, 3001)
    found = connection.execute(text(query)).all()
    assert len(found) == 3
    for part, plain, sliced, weighted in found:
        expected = rows[(ordinals % 3 == part) & (ordinals % 10 > 0)].sum(axis=0)
        assert plain == slices_of(expected)
        assert counts_of(sliced) == (expected * 3).tolist()
        assert counts_of(weighted) == (expected * (part + 1)).tolist()


# --- two counts -----------------------------------------------------------------------------------

TWO = "(CAST(:a AS varbit[]), CAST(:b AS varbit[]))"


@st.composite
def count_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Counts of the same examples, of other magnitudes."""
    size, seed = draw(lengths), draw(st.integers(0, 2**31))
    highest = st.sampled_from([0, 1, 2, 5, 255, 256, 70_000])
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, draw(highest) + 1, size) for _ in range(2))
    # Some are equal.
    return a, np.where(rng.random(size) < 0.3, np.minimum(a, b.max()), b)


@given(pair=count_pairs())
def test_subtract(undone: Any, pair: tuple[np.ndarray, np.ndarray]) -> None:
    low, high = np.minimum(*pair), np.maximum(*pair)
    with undone() as connection:
        for less in (low, high, np.zeros_like(low)):
            rest = one(connection, f"bitslice_subtract{TWO}", a=slices_of(high), b=slices_of(less))
            assert rest == slices_of(high - less)
        assert one(connection, f"bitslice_subtract{TWO}", a=slices_of(high), b=[]) == slices_of(
            high
        )


def test_subtract_from_nothing(connection: Connection) -> None:
    assert one(connection, f"bitslice_subtract{TWO}", a=[], b=[]) == []
    assert one(connection, f"bitslice_subtract{TWO}", a=[], b=["00"]) == []


@given(pair=count_pairs())
def test_not_below(undone: Any, pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    with undone() as connection:
        for one_, other in ((a, b), (b, a), (a, a)):
            found = one(
                connection, f"bitslice_not_below{TWO}", a=slices_of(one_), b=slices_of(other)
            )
            assert found == bitmap(one_ >= other)
        assert one(connection, f"bitslice_not_below{TWO}", a=slices_of(a), b=[]) == bitmap(a >= 0)
        assert one(connection, f"bitslice_not_below{TWO}", a=[], b=slices_of(a)) == bitmap(a == 0)


@given(pair=count_pairs())
def test_max(undone: Any, pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    with undone() as connection:
        largest = one(connection, f"bitslice_max{TWO}", a=slices_of(a), b=slices_of(b))
        assert largest == slices_of(np.maximum(a, b))
        assert largest == one(connection, f"bitslice_max{TWO}", a=slices_of(b), b=slices_of(a))
        assert one(connection, f"bitslice_max{TWO}", a=slices_of(a), b=[]) == slices_of(a)
        assert one(connection, f"bitslice_max{TWO}", a=[], b=slices_of(a)) == slices_of(a)


def test_two_counts_of_nothing(connection: Connection) -> None:
    assert one(connection, f"bitslice_not_below{TWO}", a=[], b=[]) is None
    assert one(connection, f"bitslice_max{TWO}", a=[], b=[]) == []


# --- what counts are asked for --------------------------------------------------------------------


@given(rows=count_rows(most=1), seed=st.integers(0, 2**31))
def test_mask(undone: Any, rows: np.ndarray, seed: int) -> None:
    """It keeps the counts of some examples, and as many slices."""
    slices = slices_of(rows[0])
    members = np.random.default_rng(seed).random(rows.shape[1]) < 0.5
    with undone() as connection:
        masked = one(
            connection,
            "bitslice_mask(CAST(:s AS varbit[]), CAST(:m AS varbit))",
            s=slices,
            m=bitmap(members),
        )
    assert len(masked) == len(slices)
    assert counts_of(masked) == np.where(members, rows[0], 0).tolist()


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


@given(rows=count_rows(most=1))
def test_total(undone: Any, rows: np.ndarray) -> None:
    with undone() as connection:
        total = one(connection, "bitslice_total(CAST(:s AS varbit[]))", s=slices_of(rows[0]))
        assert total == rows.sum()


def test_total_of_much_and_of_nothing(connection: Connection) -> None:
    total = one(connection, "bitslice_total(CAST(:s AS varbit[]))", s=slices_of([MOST] * 16_384))
    assert total == 16_384 * MOST
    assert one(connection, "bitslice_total('{}')") == 0


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


@pytest.mark.parametrize("planes", range(1, 32))
def test_unslice_of_every_number_of_slices(connection: Connection, planes: int) -> None:
    rng = np.random.default_rng(planes)
    for size in (1, 2, 67):
        counts = rng.integers(0, 2**planes, size)
        slices = [bitmap(counts >> plane & 1) for plane in range(planes)]
        assert one(connection, "unslice(CAST(:s AS varbit[]))", s=slices) == counts.tolist()


@pytest.mark.parametrize("planes", [1, 3, 4, 6, 7, 9, 10])
@pytest.mark.embedded_only
def test_unslice_of_the_largest_block(connection: Connection, planes: int) -> None:
    counts = np.random.default_rng(planes).integers(0, 2**planes, MAX_BLOCK_SIZE)
    slices = [bitmap(counts >> plane & 1) for plane in range(planes)]
    assert one(connection, "unslice(CAST(:s AS varbit[]))", s=slices) == counts.tolist()


@pytest.mark.parametrize("planes", [1, 4, 7, 31])
@pytest.mark.parametrize("bit", [0, 1])
def test_unslice_of_all_or_none(connection: Connection, planes: int, bit: int) -> None:
    slices = [str(bit) * 13] * planes
    expected = [bit * (2**planes - 1)] * 13
    assert one(connection, "unslice(CAST(:s AS varbit[]))", s=slices) == expected


def test_digits_of_three_slices(connection: Connection) -> None:
    """A one in front, then 1 + 2, 2 + 4 and 1 + 4; slices that are absent are zeros."""
    assert one(connection, "unslice_digits(B'101', B'110', B'011')") == b"1365"
    assert one(connection, "unslice_digits(B'001', NULL, NULL)") == b"1001"


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
