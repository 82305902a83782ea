"""The views that compare ensembles with each other and with chance, and the functions behind them.

By hand, against the slow reference, and against SciPy.
"""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests.integration.test_views_reference import nodes
from tests.support import reference, reference_comparison
from tests.support.bits import bitmap, slices_of
from tests.support.ensembles import (
    Recorded,
    Story,
    block_size,
    record,
    story_of,
    with_changes,
)
from tests.support.strategies import stories
from tests.support.views import PAIR_VIEWS, Row, assert_rows


def one(connection: Connection, sql: str, **parameters: Any) -> Any:
    """The value of an expression."""
    return connection.execute(text(f"SELECT {sql}"), parameters).scalar_one()


def rows_of(connection: Connection, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(sql), parameters)]


# --- functions against SciPy ----------------------------------------------------------------------


def around_the_mean(rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """a, b from 1e-3 to 1e6 and x, mostly where the function is neither 0 nor 1."""
    a, b = 10 ** rng.uniform(-3, 6, (2, n))
    mean = a / (a + b)
    spread = np.sqrt(mean * (1 - mean) / (a + b + 1))
    near = np.clip(mean + spread * rng.normal(0, 6, n), 1e-12, 1 - 1e-12)
    return np.where(rng.random(n) < 0.7, near, rng.random(n)), a, b


def assert_relatively_near(found: np.ndarray, wanted: np.ndarray) -> None:
    """Within 1e-9 of it; what is below 1e-270 may be 0."""
    shown = wanted > 1e-270
    assert np.abs(found - wanted)[shown] == pytest.approx(0, abs=1)
    np.testing.assert_allclose(found[shown], wanted[shown], rtol=1e-9, atol=0)
    assert np.all(found[~shown] <= 1e-260)


@pytest.mark.embedded_only
def test_incomplete_beta_is_scipys(connection: Connection) -> None:
    x, a, b = around_the_mean(np.random.default_rng(0), 2000)
    found = rows_of(
        connection,
        "SELECT regularized_beta(x, a, b) FROM unnest(CAST(:x AS float8[]), CAST(:a AS float8[]), "
        "CAST(:b AS float8[])) WITH ORDINALITY AS t (x, a, b, place) ORDER BY place",
        x=x.tolist(),
        a=a.tolist(),
        b=b.tolist(),
    )
    assert_relatively_near(np.array(found)[:, 0], special.betainc(a, b, x))


def test_incomplete_beta_at_its_ends(connection: Connection) -> None:
    assert one(connection, "regularized_beta(0, 2, 3)") == 0
    assert one(connection, "regularized_beta(1, 2, 3)") == 1
    assert one(connection, "regularized_beta(NULL, 2, 3)") is None
    with pytest.raises(DBAPIError, match="x must be from 0 to 1, a and b above 0"):
        one(connection, "regularized_beta(0.5, 0, 3)")


@pytest.mark.embedded_only
def test_p_values_are_scipys(connection: Connection) -> None:
    rng = np.random.default_rng(1)
    pairs = (10 ** rng.uniform(np.log10(3), 5.5, 1500)).astype(int)
    r = np.clip(rng.normal(0, 4, 1500) / np.sqrt(pairs), -0.999, 0.999)
    r[:200] = 1 - 10 ** rng.uniform(-9, 0, 200)
    r[200:300] = 10 ** rng.uniform(-7, 0, 100)
    found = rows_of(
        connection,
        "SELECT correlation_p_value(r, n) FROM unnest(CAST(:r AS float8[]), CAST(:n AS bigint[])) "
        "WITH ORDINALITY AS t (r, n, place) ORDER BY place",
        r=r.tolist(),
        n=pairs.tolist(),
    )
    t = np.abs(r) * np.sqrt((pairs - 2) / ((1 - r) * (1 + r)))
    assert_relatively_near(np.array(found)[:, 0], 2 * stats.t.sf(t, pairs - 2))


def test_p_values_at_their_ends(connection: Connection) -> None:
    assert one(connection, "correlation_p_value(0, 10)") == 1
    assert one(connection, "correlation_p_value(1, 10)") == 0
    assert one(connection, "correlation_p_value(-1, 10)") == 0
    assert one(connection, "correlation_p_value(0.5, 2)") is None
    assert one(connection, "correlation_p_value(NULL, 10)") is None
    # r = 0.87, p <= 1e-50, as Hacohen 2020 s.4.1 reports it.
    assert one(connection, "correlation_p_value(0.87, 50000)") == 0


@pytest.mark.embedded_only
def test_rank_of_the_medians_interval(connection: Connection) -> None:
    for pairs in (*range(1, 40), 100, 1001, 125_000):
        wanted = reference_comparison.median_interval(pairs)
        found = one(connection, "median_interval_rank(:n)", n=pairs)
        assert found == (wanted[0] if wanted else None), pairs
    assert one(connection, "median_interval_rank(10, 0.99)") == 1
    assert one(connection, "median_interval_rank(10, 0.5)") == 4


def thrown(balls: int, boxes: int) -> np.ndarray:
    """Probabilities that none of the boxes holds more than m balls, by trying all throws."""
    fullest = [
        max(map(throw.count, range(boxes)), default=0) if balls else 0
        for throw in itertools.product(range(boxes), repeat=balls)
    ]
    return np.array([np.mean([most <= m for most in fullest]) for m in range(balls + 1)])


@pytest.mark.embedded_only
@pytest.mark.parametrize(("balls", "boxes"), [(5, 1), (6, 2), (6, 3), (4, 6), (0, 3)])
def test_fullest_box_of_all_throws(connection: Connection, balls: int, boxes: int) -> None:
    table = np.array(one(connection, "largest_box(:balls, :boxes)", balls=balls, boxes=boxes))
    for n in range(balls + 1):
        assert table[n, : n + 1] == pytest.approx(thrown(n, boxes), abs=1e-14)
        assert table[n, n:] == pytest.approx(1)


@pytest.mark.embedded_only
@pytest.mark.parametrize(("runs", "classes"), [(1, 2), (7, 3), (30, 10), (12, 1000), (60, 2)])
def test_null_model_of_agreement(connection: Connection, runs: int, classes: int) -> None:
    rates = np.random.default_rng([runs, classes]).random(runs).tolist()
    found = one(
        connection,
        "agreement_null(:rates, largest_box(:runs + 2, :boxes))",
        rates=rates,
        runs=runs,
        boxes=classes - 1,
    )
    wanted = reference_comparison.agreement_mass(rates, classes)
    assert found == pytest.approx(wanted[1:], abs=1e-12)
    assert sum(found) == pytest.approx(1)


@pytest.mark.embedded_only
@pytest.mark.parametrize(
    ("rates", "classes"), [([0.3, 0.6, 0.9], 3), ([0.2] * 4, 4), ([1.0, 1.0], 1), ([0.0, 0.5], 2)]
)
def test_null_model_of_all_votes(connection: Connection, rates: list[float], classes: int) -> None:
    """Every combination of votes with its probability; the label is class 0."""
    wanted = np.zeros(len(rates))
    for votes in itertools.product(range(classes), repeat=len(rates)):
        chance = np.prod(
            [
                rate if vote == 0 else (1 - rate) / (classes - 1)
                for rate, vote in zip(rates, votes, strict=True)
            ]
        )
        wanted[max(map(votes.count, votes)) - 1] += chance
    found = one(
        connection,
        "agreement_null(:rates, largest_box(:runs, :boxes))",
        rates=rates,
        runs=len(rates),
        boxes=classes - 1,
    )
    assert found == pytest.approx(wanted, abs=1e-14)


@pytest.mark.embedded_only
def test_null_model_of_simulated_runs(connection: Connection) -> None:
    rng = np.random.default_rng(2)
    rates, classes, trials = rng.uniform(0.3, 0.7, 20), 10, 200_000
    votes = np.where(rng.random((trials, 20)) < rates, 0, rng.integers(1, classes, (trials, 20)))
    most = (votes[:, :, None] == np.arange(classes)).sum(axis=1).max(axis=1)
    shares = np.bincount(most, minlength=21)[1:] / trials
    found = np.array(one(connection, "agreement_null(:r, largest_box(20, 9))", r=rates.tolist()))
    # Five standard deviations of a share.
    assert np.all(np.abs(found - shares) < 5 * np.sqrt(found * (1 - found) / trials) + 1e-5)


@pytest.mark.embedded_only
def test_null_model_of_many_accurate_runs(connection: Connection) -> None:
    """Masses that a double cannot hold end no query."""
    found = one(
        connection, "agreement_null(:r, largest_box(300, 999))", r=[0.9999] * 150 + [1e-9] * 150
    )
    assert sum(found) == pytest.approx(1)


@given(values=st.lists(st.integers(0, 9), min_size=1, max_size=40), data=st.data())
def test_tallies(undone: Any, values: list[int], data: st.DataObject) -> None:
    with undone() as connection:
        tally = one(connection, "bitslice_tally(:s, 9)", s=slices_of(values))
        assert tally == np.bincount(values, minlength=10).tolist()
        doubled = [tally, list(tally)]
        twice = sorted(values * 2)
        assert one(connection, "tally_total(:t)", t=doubled) == [2 * n for n in tally]
        k = data.draw(st.integers(-1, len(twice) + 1))
        wanted = twice[k - 1] if 1 <= k <= len(twice) else None
        assert one(connection, "tally_select(:t, :k)", t=doubled, k=k) == wanted
        for share in (0.0, 0.5, 0.95, 1.0):
            found = one(connection, "tally_percentile(:t, :share)", t=doubled, share=share)
            assert found == pytest.approx(np.percentile(twice, 100 * share))


@given(shape=st.tuples(*[st.integers(1, 6)] * 2), seed=st.integers(0, 1000))
def test_masked_tallies(undone: Any, shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 8, shape)
    masks = rng.random((3, shape[1])) < 0.5
    with undone() as connection:
        found = rows_of(
            connection,
            "SELECT set, tally FROM bitslice_masked_tally(CAST(:v AS varbit[]), "
            "CAST(:m AS varbit[]), 7)",
            v=[[bitmap(row >> plane & 1) for plane in range(3)] for row in values],
            m=[bitmap(mask) for mask in masks],
        )
        assert found == [
            (i + 1, np.bincount(values[:, mask].ravel(), minlength=8).tolist())
            for i, mask in enumerate(masks)
        ]
        for mask in masks:
            slots = np.flatnonzero(mask).tolist()
            sql = "bitmap_of(CAST(:slots AS integer[]), :size)"
            assert one(connection, sql, slots=slots, size=shape[1]) == bitmap(mask)


@given(weights=st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_bimodality_of_a_histogram(undone: Any, weights: list[int]) -> None:
    scores = np.repeat(np.arange(len(weights)), weights)
    with undone() as connection:
        found = one(connection, "pearson_bimodality(CAST(:w AS float8[]))", w=weights)
        wanted = reference.bimodality_of(scores) if len(scores) else None
        assert found == (None if wanted is None else pytest.approx(wanted, abs=1e-9))


# --- one ensemble, by hand ------------------------------------------------------------------------


def votes_of(predicted: list[list[list[int]]], labels: list[int], **others: Any) -> Story:
    """A story from predictions [R, X, E]."""
    votes = np.array(predicted)
    runs, found, evaluations = votes.shape
    defaults: dict[str, Any] = {
        "sizes": {"train": found},
        "num_classes": 3,
        "recorded": [range(evaluations)] * runs,
    }
    return Story(labels=np.array(labels), predicted=votes, **(defaults | others))


def test_convergence(connection: Connection) -> None:
    story = votes_of(
        [
            # always; from 2 on; at the end only; wrong at the end, from 1 on
            [[0, 0, 0, 0], [0, 2, 1, 1], [1, 1, 1, 0], [0, 2, 2, 2]],
            [[0, 0, 0, 0], [1, 1, 0, 1], [0, 1, 2, 2], [1, 1, 1, 1]],
        ],
        [0, 1, 0, 1],
    )
    record(connection, story)
    # Of 0 0 0 1 2 2 3 3 the 95th percentile is at place 6.65 (from 0): 3.
    assert rows_of(
        connection,
        "SELECT example_id, runs, mean_converged, rescaled FROM convergence ORDER BY example_id",
    ) == [
        (0, 2, 0.0, 0.0),
        (1, 2, 2.5, pytest.approx(2.5 / 3)),
        (2, 2, 2.5, pytest.approx(2.5 / 3)),
        (3, 2, 0.5, pytest.approx(0.5 / 3)),
    ]


def test_convergence_without_the_untrained_network(connection: Connection) -> None:
    """What never changes settled at 0, as far as is known; what does, when it did."""
    story = votes_of([[[0, 0, 0], [0, 1, 1]]], [0, 1], recorded=[[1, 2]])
    record(connection, story)
    sql = "SELECT mean_converged, rescaled FROM convergence ORDER BY example_id"
    assert rows_of(connection, sql) == [(0.0, None), (0.0, None)]


def test_learning_by_band(connection: Connection) -> None:
    """Ten runs; example x is learned at evaluation x // 10, the last five of 40 not at all."""
    right = np.arange(5)[None, :] >= (np.arange(40) // 10)[:, None] + 1
    right[35:] = False
    story = story_of(np.repeat(right[None], 10, axis=0))
    with block_size(16):
        record(connection, story)
    columns = (
        "band, examples, median_learned, median_low, median_high, pairs, pairs_not_learned, "
        "highest_accessibility, lowest_accessibility"
    )
    rows = rows_of(connection, f"SELECT {columns} FROM learning_by_band ORDER BY band")
    assert len(rows) == 20
    assert rows[0] == (1, 2, 1.0, 1, 1, 20, 0, 0.8, 0.8)
    assert rows[5] == (6, 2, 2.0, 2, 2, 20, 0, pytest.approx(0.6), pytest.approx(0.6))
    # One example learned by all runs at 4, one by none: the median lies between 4 and never.
    assert rows[17] == (18, 2, None, 4, None, 20, 10, pytest.approx(0.2), 0.0)
    assert rows[19] == (20, 2, None, None, None, 20, 20, 0.0, 0.0)


def test_agreement_of_independent_runs(connection: Connection) -> None:
    """Two runs, half right, three classes: they agree when both are right, or wrong alike."""
    story = votes_of([[[0], [0], [1], [2]], [[0], [1], [0], [1]]], [0, 0, 0, 0])
    record(connection, story)
    agree = 0.5 * 0.5 + 0.5 * 0.5 / 2
    assert rows_of(
        connection,
        "SELECT runs_agreeing, examples, null_examples FROM agreement_histogram ORDER BY 1",
    ) == [(1, 3, pytest.approx(4 * (1 - agree))), (2, 1, pytest.approx(4 * agree))]
    [(agreement, null_agreement, bimodality, null_bimodality)] = rows_of(
        connection,
        "SELECT agreement, null_agreement, agreement_bimodality, null_agreement_bimodality "
        "FROM bimodality",
    )
    assert agreement == pytest.approx(0.25 + 0.75 / 2)
    assert null_agreement == pytest.approx(agree + (1 - agree) / 2)
    assert (bimodality, null_bimodality) == pytest.approx((0, 0), abs=1e-9)


def test_tp_agreements_columns_alone_leave_the_votes_out(connection: Connection) -> None:
    """The votes cost ten times as much: no part of them is in the plan."""
    tp = "ensemble, split, evaluation, runs, tp_agreement, bimodality, null_bimodality"
    for where in ("TRUE", "ensemble = 'a'", "ensemble = 'a' AND split = 'b' AND evaluation = 3"):
        for columns, voted in ((tp, False), ("count(*)", False), ("agreement", True)):
            plan = rows_of(
                connection, f"EXPLAIN (VERBOSE) SELECT {columns} FROM bimodality WHERE {where}"
            )
            assert any("bitslice_mode" in line for (line,) in plan) is voted, (columns, where)


# --- never learned --------------------------------------------------------------------------------

HISTORIES = {
    # forgetting events by run, never learned by run
    0: ["1111", "1111"],
    1: ["0101", "1010"],
    2: ["0000", "0000"],
    3: ["0000", "1011"],
    4: ["0011", "0110"],
}


@pytest.fixture
def histories(connection: Connection) -> Story:
    story = story_of(
        [[[bit == "1" for bit in HISTORIES[x][run]] for x in HISTORIES] for run in range(2)],
        first=1,
    )
    record(connection, story)
    return story


@pytest.mark.parametrize(
    ("policy", "events", "ranks"),
    [
        ("zero", [0, 3, 0, 1, 1], [1, 5, 1, 3, 3]),
        ("evaluations", [0, 3, 8, 5, 1], [1, 3, 5, 4, 2]),
        ("infinite", [0, 3, np.inf, np.inf, 1], [1, 3, 4, 4, 2]),
    ],
)
def test_policies_for_the_never_learned(
    connection: Connection,
    histories: Story,
    policy: str,
    events: list[float],
    ranks: list[int],
) -> None:
    rows = rows_of(
        connection,
        "SELECT example_id, label, runs, never_learned_runs, forgetting_events, rank "
        "FROM forgetting_ranking(:name, :policy) ORDER BY example_id",
        name=histories.name,
        policy=policy,
    )
    never = [0, 0, 2, 1, 0]
    assert rows == [
        (x, x % 3, 2, never[x], float(events[x]), ranks[x]) for x in range(len(HISTORIES))
    ]


def test_infinite_is_the_default_and_others_are_refused(
    connection: Connection, histories: Story
) -> None:
    sql = "SELECT * FROM forgetting_ranking(:name{}) ORDER BY example_id"
    assert rows_of(connection, sql.format(""), name=histories.name) == rows_of(
        connection, sql.format(", 'infinite'"), name=histories.name
    )
    with pytest.raises(DBAPIError, match="zero, evaluations or infinite, got never"):
        rows_of(connection, sql.format(", 'never'"), name=histories.name)


def toneva_order(correct: np.ndarray) -> np.ndarray:
    """`sort_examples_by_forgetting` of Toneva's order_examples_by_forgetting.py: its statistic."""
    runs, found, presentations = correct.shape
    statistic = np.zeros(found, dtype=int)
    for x in range(found):
        for run in range(runs):
            transitions = np.diff(correct[run, x].astype(int))
            unlearned_per_presentation = np.flatnonzero(transitions == -1)
            if not correct[run, x].any():  # first_learned is NaN
                statistic[x] += presentations
            else:
                statistic[x] += len(unlearned_per_presentation)
    return statistic


def data_diet_scores(correct: np.ndarray) -> np.ndarray:
    """Forgetting events of each run, infinite where never right; the mean over runs."""
    events = (correct[:, :, :-1] & ~correct[:, :, 1:]).sum(axis=2).astype(float)
    events[~correct.any(axis=2)] = np.inf
    return np.asarray(events.mean(axis=0))


@pytest.mark.embedded_only
def test_peers_from_one_history(connection: Connection) -> None:
    """Toneva's ordering, data diet's infinity, cartography's correctness."""
    rng = np.random.default_rng(3)
    correct = rng.random((3, 60, 8)) < rng.random((60, 1)) * np.linspace(0, 1.2, 8)
    correct[:, :5] = False
    correct[0, 5:8] = False
    story = story_of(correct, first=1)
    with block_size(16):
        record(connection, story)
    truth = story.correct[:, :, 1:]

    def ranking(policy: str) -> np.ndarray:
        return np.array(
            rows_of(
                connection,
                "SELECT forgetting_events FROM forgetting_ranking(:name, :policy) "
                "ORDER BY example_id",
                name=story.name,
                policy=policy,
            )
        )[:, 0]

    assert ranking("evaluations").tolist() == toneva_order(truth).tolist()
    ordered = rows_of(
        connection,
        "SELECT example_id FROM forgetting_ranking(:name, 'evaluations') ORDER BY rank, example_id",
        name=story.name,
    )
    assert [x for (x,) in ordered] == np.argsort(toneva_order(truth), kind="stable").tolist()
    assert np.array_equal(ranking("infinite") / 3, data_diet_scores(truth))
    # Cartography trains one run, and counts its right epochs.
    sql = "SELECT runs_correct FROM tp_agreement WHERE example_id = :x ORDER BY evaluation"
    for x in (0, 7, 30):
        counts = [n for (n,) in rows_of(connection, sql, x=x)]
        assert sum(counts) == truth[:, x].sum()
    one_run = with_changes(
        story,
        predicted=story.predicted[:1],
        recorded=story.recorded[:1],
        states=(),
        classes_known=True,
    )
    record(connection, one_run)
    correctness = rows_of(
        connection,
        "SELECT accessibility * evaluations FROM accessibility WHERE ensemble = :name "
        "ORDER BY example_id",
        name=one_run.name,
    )
    assert np.array(correctness)[:, 0] == pytest.approx(truth[0].sum(axis=1))


# --- two ensembles --------------------------------------------------------------------------------


def read_pair(connection: Connection, view: str, a: Recorded, b: Recorded) -> list[Row]:
    rows = connection.execute(
        text(f"SELECT * FROM {view} WHERE ensemble_a = :a AND ensemble_b = :b"),
        {"a": a.story.name, "b": b.story.name},
    )
    return [settled(dict(row)) for row in rows.mappings()]


def settled(row: Row) -> Row:
    """Without p-values of all but perfect correlations: these are the last bits of r."""
    for name in ("pearson", "spearman"):
        if abs(row.get(name) or 0) > 1 - 1e-9:
            row[f"{name}_p"] = None
    return row


def check_pair(connection: Connection, view: str, a: Recorded, b: Recorded) -> None:
    for one_way in ((a, b), (b, a)):
        expected = [settled(row) for row in PAIR_VIEWS[view].reference(*one_way)]
        assert_rows(view, read_pair(connection, view, *one_way), expected)


def another(story: Story, **changes: Any) -> Story:
    """A story of the same dataset; without what was said of the runs."""
    defaults: dict[str, Any] = {"states": (), "classes_known": True, "signals": {}}
    return with_changes(story, **(defaults | changes))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Story, Story]:
    """Two ensembles of a dataset, the second of other numbers of runs and evaluations."""
    story = draw(stories())
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    runs, evaluations = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    shape = (runs, len(story.labels), evaluations)
    predicted = np.where(
        rng.random(shape) < draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])),
        story.labels[None, :, None],
        rng.integers(0, story.num_classes, shape),
    )
    subsets = st.sets(st.integers(0, evaluations - 1)).map(sorted)
    recorded = draw(
        st.one_of(
            st.just([range(evaluations)] * runs),
            st.lists(subsets, min_size=runs, max_size=runs),
        )
    )
    states = st.lists(
        st.sampled_from(["complete", "running", "failed"]), min_size=runs, max_size=runs
    )
    known = st.one_of(st.just(True), st.lists(st.booleans(), min_size=runs, max_size=runs))
    return story, another(
        story,
        predicted=predicted,
        recorded=recorded,
        states=draw(states),
        classes_known=draw(known),
        held_out=rng.random((runs, story.sizes["train"])) < draw(st.sampled_from([0, 0.3, 1])),
        outputs=None,
        depths=None,
    )


@pytest.mark.embedded_only
@given(told=pairs())
def test_pairs_of_every_shape(undone: Any, told: tuple[Story, Story]) -> None:
    with undone() as connection, block_size(8):
        a, b = (record(connection, story) for story in told)
        for view in PAIR_VIEWS:
            check_pair(connection, view, a, b)


@pytest.fixture
def three(connection: Connection) -> list[Recorded]:
    """Three ensembles of one dataset and one of another."""
    rng = np.random.default_rng(4)
    ease = rng.random((25, 1))

    def right(runs: int, evaluations: int) -> np.ndarray:
        return rng.random((runs, 25, evaluations)) < ease ** (3 / np.arange(1, evaluations + 1))

    sizes = {"train": 15, "test": 10}
    told = story_of(right(4, 5), sizes=sizes)
    with block_size(8):
        return [
            record(connection, story)
            for story in (
                told,
                *(
                    another(told, predicted=other.predicted, recorded=other.recorded)
                    for other in (story_of(right(3, 4)), story_of(right(5, 3)))
                ),
                story_of(right(2, 3), sizes=sizes),
            )
        ]


@pytest.mark.parametrize("view", PAIR_VIEWS)
def test_pairs_do_not_mix(connection: Connection, three: list[Recorded], view: str) -> None:
    """All pairs of a dataset in both orders, none with itself, none across datasets."""
    rows = connection.execute(text(f"SELECT * FROM {view}")).mappings()
    expected = [
        row
        for a, b in itertools.permutations(three[:3], 2)
        for row in PAIR_VIEWS[view].reference(a, b)
    ]
    assert_rows(view, [settled(dict(row)) for row in rows], [settled(row) for row in expected])
    assert read_pair(connection, view, three[0], three[3]) == []
    assert read_pair(connection, view, three[0], three[0]) == []


@pytest.mark.parametrize("view", PAIR_VIEWS)
def test_filter_on_both_names_reaches_the_blocks(
    connection: Connection, three: list[Recorded], view: str
) -> None:
    """No block of a third ensemble is read, and each of the two is read a few times only."""
    a, b = three[:2]
    connection.execute(text("ANALYZE"))
    # A table of a page is read as a whole otherwise, whatever is asked of it.
    for method in ("seqscan", "hashjoin", "mergejoin"):
        connection.execute(text(f"SET LOCAL enable_{method} = off"))
    [plan] = connection.execute(
        text(
            f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM {view} "
            "WHERE ensemble_a = :a AND ensemble_b = :b"
        ),
        {"a": a.story.name, "b": b.story.name},
    ).scalar_one()
    parts = nodes(plan["Plan"])
    filters = "".join(str(node) for node in parts if node.get("Relation Name") == "ensemble")
    assert all(f"name = '{x.story.name}'" in filters for x in (a, b))
    scans = [node for node in parts if node.get("Relation Name") == "outcome_block"]
    read = sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in scans
    )
    blocks = 4 * (4 * 5 + 3 * 4)
    # Each of the four shares of an ensemble's evaluations passes by those of the others.
    assert 0 < read <= blocks * (4 if "majority" in str(plan) else 1)


def test_matched_within_a_point_and_further(connection: Connection) -> None:
    """100 examples: 50 right in one ensemble; 50, 51 and 52 in the other."""
    right = np.arange(100)[None, :, None] < np.array([50])
    other = np.arange(100)[None, :, None] < np.array([50, 51, 52])
    told = story_of(right)
    one_ensemble = record(connection, told)
    second = story_of(other)
    two = record(connection, another(told, predicted=second.predicted, recorded=second.recorded))
    assert [
        (row["evaluation_a"], row["evaluation_b"], row["accuracy_a"], row["accuracy_b"])
        for row in read_pair(connection, "matched_evaluations", one_ensemble, two)
    ] == [(0, 0, 0.5, 0.5), (0, 1, 0.5, 0.51)]
    assert one(connection, "accuracies_match(0.5, 0.52, 0.02)") is True
    assert one(connection, "accuracies_match(0.5, 0.52)") is False
    # As the header of matched_evaluations says.
    further = (
        "SELECT b.evaluation FROM ensemble_accuracy AS a JOIN ensemble_accuracy AS b "
        "USING (dataset_id, split) WHERE a.ensemble = :a AND b.ensemble = :b "
        "AND accuracies_match(a.accuracy, b.accuracy, 0.02) ORDER BY 1"
    )
    found = rows_of(connection, further, a=told.name, b=two.story.name)
    assert found == [(0,), (1,), (2,)]


def test_majority_votes_by_hand(connection: Connection) -> None:
    """Five runs, three classes, labels 0: the most votes decide, a tie is the label's."""
    story = votes_of(
        [
            # right 5, 2 of 2-2-1 (tie), 2 of 2-3, 0, 2 of 2-1-1-1 by plurality
            [[0], [0], [0], [1], [0]],
            [[0], [0], [0], [1], [0]],
            [[0], [1], [1], [2], [1]],
            [[0], [1], [1], [2], [2]],
            [[0], [2], [1], [2], [3]],
        ],
        [0] * 5,
        num_classes=4,
    )
    a = record(connection, story)
    b = record(connection, another(story, predicted=story.predicted[:, ::-1]))
    assert rows_of(
        connection,
        "SELECT correct::text, runs, voters, right_answers FROM majority_block "
        "WHERE ensemble = :name",
        name=story.name,
    ) == [("11001", 5, 5, 11)]
    [row] = read_pair(connection, "both_or_only", a, b)
    # 11001 and 10011.
    assert [row[name] for name in ("both_right", "only_a", "only_b", "neither")] == [2, 1, 1, 1]


def test_easiest_by_hand(connection: Connection) -> None:
    """Of ten runs nine are exactly 0.9, which is not above it."""
    counts = [10, 9, 10, 0]
    right = np.arange(10)[:, None, None] < np.array(counts)[None, :, None]
    a = record(connection, story_of(right))
    b = record(
        connection,
        another(
            a.story, predicted=a.story.predicted[:, [0, 0, 1, 0]] * 0 + a.story.labels[:, None]
        ),
    )
    [row] = read_pair(connection, "easiest_overlap", a, b)
    names = ("examples", "easiest_a", "easiest_b", "shared", "jaccard", "expected")
    assert [row[name] for name in names] == [4, 2, 4, 2, 0.5, 2.0]


def test_merged_runs_example_by_example(connection: Connection, three: list[Recorded]) -> None:
    a, b = three[:2]
    for e, f in ((0, 0), (4, 2)):
        rows = rows_of(
            connection,
            'SELECT split, example_id, "position", label, runs, runs_correct, cross_consistency '
            "FROM cross_consistency_of(:a, :e, :b, :f) ORDER BY example_id",
            a=a.story.name,
            e=e,
            b=b.story.name,
            f=f,
        )
        right = np.concatenate([a.story.correct[:, :, e], b.story.correct[:, :, f]]).sum(axis=0)
        assert rows == [
            (split, x, position, int(a.story.labels[x]), 7, right[x], pytest.approx(right[x] / 7))
            for split, position, x in reference.examples(a.story)
        ]
    sql = "SELECT count(*) FROM cross_consistency_of(:a, 0, :b, :f)"
    assert rows_of(connection, sql, a=a.story.name, b=b.story.name, f=9) == [(0,)]
    assert rows_of(connection, sql, a=a.story.name, b=three[3].story.name, f=0) == [(0,)]


def test_order_correlation_is_scipys(connection: Connection, three: list[Recorded]) -> None:
    a, b = three[:2]
    for row in read_pair(connection, "order_correlation", a, b):
        indices = list(a.story.split_ranges()[row["split"]])
        scores = [reference.accessibilities(x.story)[indices].round(12) for x in (a, b)]
        pearson, spearman = stats.pearsonr(*scores), stats.spearmanr(*scores)
        assert (row["pearson"], row["pearson_p"]) == pytest.approx(tuple(pearson), rel=1e-9)
        assert (row["spearman"], row["spearman_p"]) == pytest.approx(tuple(spearman), rel=1e-9)
