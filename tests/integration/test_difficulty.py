"""Difficulty within one ensemble: consensus, dichotomy, curves, pairs of runs, classes."""

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests.support import reference_difficulty
from tests.support.bits import counts_of, slices_of
from tests.support.ensembles import Recorded, Story, block_size, record, story_of, with_changes
from tests.support.reference import accessibilities, counted
from tests.support.strategies import stories
from tests.support.views import same

Values = list[tuple[Any, ...]]


def ask(connection: Connection, sql: str, **parameters: object) -> Values:
    return [tuple(row) for row in connection.execute(text(sql), parameters)]


def assert_near(rows: Sequence[tuple[Any, ...]], expected: Sequence[tuple[Any, ...]]) -> None:
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert row == pytest.approx(wanted, abs=1e-9)


def votes_of(votes: Sequence[Sequence[int]], labels: Sequence[int], **others: Any) -> Story:
    """One evaluation: `votes` holds for each example the class that each run predicts."""
    defaults: dict[str, Any] = {"sizes": {"train": len(labels)}}
    predicted = np.array(votes).T[:, :, None]
    return Story(
        num_classes=4,
        labels=np.array(labels),
        predicted=predicted,
        recorded=[[0]] * len(predicted),
        **(defaults | others),
    )


@pytest.fixture
def two_ensembles(connection: Connection) -> tuple[Recorded, Recorded]:
    """Of one dataset; the second was evaluated once more."""
    rng = np.random.default_rng(7)
    one = story_of(rng.random((3, 20, 2)) < 0.6, sizes={"train": 12, "test": 8}, name="one")
    other = story_of(
        rng.random((2, 20, 3)) < 0.6,
        sizes={"train": 12, "test": 8},
        name="other",
        dataset=one.dataset,
    )
    with block_size(8):
        return record(connection, one), record(connection, other)


# --- consensus ------------------------------------------------------------------------------------

VOTES = {
    "all the label": ([2, 2, 2, 2], 2),
    "a tie with the label": ([0, 3, 3, 0], 3),
    "a tie without the label": ([3, 1, 1, 3], 0),
    "all different": ([3, 2, 1, 0], 3),
    "a majority against the label": ([1, 1, 1, 2], 2),
}
# Class, its share, the label's share, entropy.
CONSENSUS = [
    (2, 1.0, 1.0, 0.0),
    (3, 0.5, 0.5, log(2)),
    (1, 0.5, 0.0, log(2)),
    (3, 0.25, 0.25, log(4)),
    (1, 0.75, 0.25, -0.75 * log(0.75) - 0.25 * log(0.25)),
]


def test_consensus(connection: Connection) -> None:
    votes, labels = zip(*VOTES.values(), strict=True)
    record(connection, votes_of(votes, labels, sizes={"train": 2, "test": 3}))
    assert_near(
        ask(
            connection,
            "SELECT split, position, label, runs, consensus_class, consensus_share, label_share, "
            "prediction_entropy FROM consensus ORDER BY example_id",
        ),
        [
            (split, position, label, 4, *row)
            for split, position, label, row in zip(
                ["train", "train", "test", "test", "test"],
                [0, 1, 0, 1, 2],
                labels,
                CONSENSUS,
                strict=True,
            )
        ],
    )


def test_consistency(connection: Connection) -> None:
    """The same of the test split; nobody held out the others."""
    votes, labels = zip(*VOTES.values(), strict=True)
    record(connection, votes_of(votes, labels, sizes={"train": 2, "test": 3}))
    columns = (
        "split, position, runs_held_out, consistency, consensus_class, consensus_consistency, "
        "prediction_entropy"
    )
    rows = ask(connection, f"SELECT {columns} FROM consistency ORDER BY example_id")
    nothing = (None, None, None, None)
    assert rows[:2] == [("train", 0, 0, *nothing), ("train", 1, 0, *nothing)]
    assert_near(
        rows[2:],
        [
            ("test", position, 4, right, top, share, entropy)
            for position, (top, share, right, entropy) in enumerate(CONSENSUS[2:])
        ],
    )


def test_consistency_needs_classes_for_the_consensus_only(connection: Connection) -> None:
    story = votes_of(
        [[0, 0, 0], [1, 2, 1]], [0, 1], sizes={"train": 1, "test": 1}, classes_known=False
    )
    record(connection, story)
    columns = "runs_held_out, consistency, consensus_class, consensus_consistency"
    assert_near(
        ask(connection, f"SELECT {columns} FROM consistency WHERE split = 'test'"),
        [(3, 2 / 3, None, None)],
    )
    assert ask(connection, "SELECT * FROM consensus") == []


def test_votes_are_counted_by_class_and_by_run_alike(connection: Connection) -> None:
    """More classes than runs are counted run by run."""
    rng = np.random.default_rng(3)
    votes, members = rng.integers(0, 5, (9, 40)), rng.random((9, 40)) < 0.7
    parameters = {
        "votes": [[*slices_of(run), "0" * 40, "0" * 40][:3] for run in votes],
        "members": ["".join("01"[int(bit)] for bit in run) for run in members],
    }
    tallies: dict[str, dict[tuple[int, int], int]] = {}
    for way in ("by_class", "by_run"):
        found: dict[tuple[int, int], int] = {}
        arguments = "CAST(:votes AS varbit[]), CAST(:members AS varbit[])"
        call = f"bitslice_votes_{way}({arguments}{', 5' if way == 'by_class' else ''})"
        for of_class, tally in ask(connection, f"SELECT class, tally FROM {call}", **parameters):
            classes = [of_class] * 40 if way == "by_class" else counts_of(of_class)
            for x, (k, count) in enumerate(zip(classes, counts_of(tally), strict=True)):
                if count:
                    assert (x, k) not in found
                    found[x, k] = count
        tallies[way] = found
    expected = {
        (x, k): int(((votes[:, x] == k) & members[:, x]).sum()) for x in range(40) for k in range(5)
    }
    assert tallies["by_class"] == {place: n for place, n in expected.items() if n}
    assert tallies["by_run"] == tallies["by_class"]


def test_entropy_where_members_differ(connection: Connection) -> None:
    """Runs 0 and 1 vote for example 0, all for example 1, none for example 2."""
    [[entropy]] = ask(
        connection,
        "SELECT bitslice_entropy(ARRAY[['000'], ['110'], ['100']]::varbit[], "
        "ARRAY['110', '110', '010']::varbit[], 2)",
    )
    assert entropy == [
        pytest.approx(log(2)),
        pytest.approx(-1 / 3 * log(1 / 3) - 2 / 3 * log(2 / 3)),
        None,
    ]


# --- trivial and impossible -----------------------------------------------------------------------


def test_dichotomy(connection: Connection) -> None:
    """Four runs; right in all, in three, in two, in one, in none."""
    record(connection, story_of(np.arange(4)[:, None, None] < np.array([4, 3, 2, 1, 0])[:, None]))
    assert ask(
        connection, "SELECT position, runs, runs_correct, difficulty FROM dichotomy ORDER BY 1"
    ) == [
        (0, 4, 4, "trivial"),
        (1, 4, 3, "in between"),
        (2, 4, 2, "in between"),
        (3, 4, 1, "in between"),
        (4, 4, 0, "impossible"),
    ]
    tolerant = "dichotomous_difficulty(runs_correct, runs, 1)"
    assert ask(connection, f"SELECT position, {tolerant} FROM dichotomy ORDER BY 1") == [
        (0, "trivial"),
        (1, "trivial"),
        (2, "in between"),
        (3, "impossible"),
        (4, "impossible"),
    ]
    # Two of four would be both.
    for arguments in ("4, 4, 2", "NULL, 4, 1", "2, NULL, 1", "2, 4, NULL"):
        assert ask(connection, f"SELECT dichotomous_difficulty({arguments})") == [(None,)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("3, 10, -1", "tolerance must be at least 0, got -1"),
        ("13, 10, 1", "runs_correct must be from 0 to the 10 runs, got 13"),
        ("-1, 10, 0", "runs_correct must be from 0 to the 10 runs, got -1"),
        ("11, 10", "runs_correct must be from 0 to the 10 runs, got 11"),
        ("5, 0", "runs_correct must be from 0 to the 0 runs, got 5"),
        ("9, 4, 2", "runs_correct must be from 0 to the 4 runs, got 9"),
    ],
)
def test_dichotomous_difficulty_refuses_what_cannot_be(
    connection: Connection, arguments: str, told: str
) -> None:
    with pytest.raises(DBAPIError) as caught:
        ask(connection, f"SELECT dichotomous_difficulty({arguments})")
    message = str(caught.value.orig).splitlines()[0]
    assert message == f"dichotomous_difficulty: {told}"


def test_dichotomous_difficulty_is_inlined(connection: Connection) -> None:
    """The views ask it for every example."""
    numbers = "(VALUES (1, 2), (2, 2)) AS example (a, b)"
    plan = ask(connection, f"EXPLAIN (VERBOSE) SELECT dichotomous_difficulty(a, b) FROM {numbers}")
    told = "\n".join(line for (line,) in plan)
    assert "'trivial'" in told
    assert "dichotomous_difficulty" not in told


def test_dichotomy_summary(connection: Connection) -> None:
    """Accuracies 4/5, 3/5, 2/5, 1/5."""
    record(
        connection,
        story_of(np.arange(4)[:, None, None] < np.array([4, 3, 2, 1, 0])[:, None], name="four"),
    )
    columns = (
        "runs, examples, trivial, in_between, impossible, trivial_share, in_between_share, "
        "impossible_share, null_trivial_share, null_in_between_share, null_impossible_share"
    )
    null = 4 * 3 * 2 * 1 / 5**4
    assert_near(
        ask(connection, f"SELECT {columns} FROM dichotomy_summary"),
        [(4, 5, 1, 3, 1, 0.2, 0.6, 0.2, null, 1 - 2 * null, null)],
    )
    # All but one: 4/5 is wrong alone, or 3/5, or 2/5, or 1/5.
    most = null + (1 * 3 * 2 * 1 + 4 * 2 * 2 * 1 + 4 * 3 * 3 * 1 + 4 * 3 * 2 * 4) / 5**4
    assert_near(
        ask(connection, f"SELECT {columns} FROM dichotomy_summary_at('four', 1)"),
        [
            (4, 5, 2, 1, 2, 0.4, 0.2, 0.4, most, 1 - 2 * most, most),
        ],
    )


@pytest.mark.parametrize(
    ("tolerance", "told"),
    [
        (-1, "tolerance must be at least 0, got -1"),
        (2, "tolerance must be below half of the 4 runs of 'four', got 2"),
        (2_000_000_000, "tolerance must be below half of the 4 runs of 'four', got 2000000000"),
    ],
)
def test_a_tolerance_with_which_there_are_no_rows_is_refused(
    connection: Connection, tolerance: int, told: str
) -> None:
    record(connection, story_of(np.ones((4, 1, 1)), name="four"))
    with pytest.raises(DBAPIError) as caught:
        ask(connection, f"SELECT * FROM dichotomy_summary_at('four', {tolerance})")
    assert str(caught.value.orig).splitlines()[0] == f"dichotomy_summary_at: {told}"


def test_a_tolerance_is_one_of_all_runs_while_an_ensemble_trains(connection: Connection) -> None:
    """Few have recorded the last evaluation so far: that is no error, and it has no row yet."""
    story = story_of(np.ones((3, 1, 2)), recorded=[[0, 1], [0], [0]], name="three")
    record(connection, story)
    asked = "SELECT evaluation, runs FROM dichotomy_summary_at('three', 1)"
    assert ask(connection, asked) == [(0, 3)]
    waiting = story_of(np.ones((3, 1, 1)), recorded=[[], [], []], states=["queued"] * 3, name="new")
    record(connection, waiting)
    assert ask(connection, "SELECT * FROM dichotomy_summary_at('new', 1)") == []


def test_null_of_equal_accuracies_is_binomial(connection: Connection) -> None:
    record(connection, story_of(np.array([[1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1]])[:, :, None]))
    columns = "null_trivial_share, null_impossible_share"
    assert_near(ask(connection, f"SELECT {columns} FROM dichotomy_summary"), [(0.75**3, 0.25**3)])


@pytest.mark.embedded_only
@given(story=stories(), tolerance=st.integers(0, 3))
def test_dichotomy_summary_at(undone: Any, story: Story, tolerance: int) -> None:
    asked = text("SELECT * FROM dichotomy_summary_at(:name, :tolerance)")
    arguments = {"name": story.name, "tolerance": tolerance}
    with undone() as connection, block_size(8):
        recorded = record(connection, story)
        if tolerance > 0 and 0 < len(counted(story)) <= 2 * tolerance:
            with pytest.raises(DBAPIError, match="tolerance must be below half of the"):
                connection.execute(asked, arguments)
            return
        rows = connection.execute(asked, arguments).mappings()
        found = {(row["split"], row["evaluation"]): dict(row) for row in rows}
    expected = reference_difficulty.dichotomy_summary(recorded, tolerance)
    assert found.keys() == {(row["split"], row["evaluation"]) for row in expected}
    for row in expected:
        for column, value in found[row["split"], row["evaluation"]].items():
            assert same(value, row[column]), column


# --- curves ---------------------------------------------------------------------------------------


def test_first_correct_last_mistake(connection: Connection) -> None:
    """Two runs, three examples, in the order of the easiest first."""
    record(
        connection,
        story_of(
            [
                [[1, 1, 1], [1, 0, 1], [0, 0, 0]],
                [[1, 1, 1], [0, 1, 1], [0, 1, 0]],
            ]
        ),
    )
    columns = "band, evaluation, runs, examples, first_correct, accuracy, last_mistake"
    order = "ORDER BY band, evaluation"
    assert_near(
        ask(connection, f"SELECT {columns} FROM first_correct_last_mistake {order}"),
        [
            (0, 0, 2, 3, 3 / 6, 3 / 6, 2 / 6),
            (0, 1, 2, 3, 5 / 6, 4 / 6, 3 / 6),
            (0, 2, 2, 3, 5 / 6, 4 / 6, 4 / 6),
            # The hardest example.
            (1, 0, 2, 1, 0.0, 0.0, 0.0),
            (1, 1, 2, 1, 0.5, 0.5, 0.0),
            (1, 2, 2, 1, 0.5, 0.0, 0.0),
            (2, 0, 2, 1, 0.5, 0.5, 0.0),
            (2, 1, 2, 1, 1.0, 0.5, 0.5),
            (2, 2, 2, 1, 1.0, 1.0, 1.0),
            (3, 0, 2, 1, 1.0, 1.0, 1.0),
            (3, 1, 2, 1, 1.0, 1.0, 1.0),
            (3, 2, 2, 1, 1.0, 1.0, 1.0),
        ],
    )


@pytest.mark.embedded_only
@given(story=stories())
def test_curves_do_not_cross(undone: Any, story: Story) -> None:
    with undone() as connection, block_size(8):
        record(connection, story)
        rows = ask(
            connection,
            "SELECT first_correct, accuracy, last_mistake FROM first_correct_last_mistake "
            "WHERE ensemble = :name",
            name=story.name,
        )
    for first_correct, accuracy, last_mistake in rows:
        assert 1 >= first_correct >= accuracy >= last_mistake >= 0


@pytest.mark.embedded_only
@given(story=stories(), data=st.data())
def test_curves_of_any_bands(undone: Any, story: Story, data: st.DataObject) -> None:
    split = data.draw(st.sampled_from(sorted(story.sizes)))
    indices = story.split_ranges()[split]
    bands = data.draw(
        st.lists(
            st.one_of(st.none(), st.integers(1, 3), st.just(100)),
            min_size=len(indices),
            max_size=len(indices),
        )
    )
    with undone() as connection, block_size(8):
        record(connection, story)
        rows = connection.execute(
            text("SELECT * FROM first_correct_last_mistake_by(:name, :split, :bands)"),
            {"name": story.name, "split": split, "bands": bands},
        ).mappings()
        found = {(row["band"], row["evaluation"]): dict(row) for row in rows}
    # -1 is in no band of the reference.
    numbers = np.array([band or -1 for band in bands])
    expected = list(reference_difficulty.curves(story, indices, numbers))
    assert found.keys() == {(row["band"], row["evaluation"]) for row in expected}
    for row in expected:
        for column, value in row.items():
            assert same(found[row["band"], row["evaluation"]][column], value), column


def test_curves_refuse_bands_of_other_examples(connection: Connection) -> None:
    record(connection, story_of([[[1], [0], [0]]], name="three"))
    with pytest.raises(DBAPIError, match="'train' has 3 examples, but bands has 2 numbers"):
        ask(connection, "SELECT * FROM first_correct_last_mistake_by('three', 'train', '{1,2}')")


@pytest.mark.parametrize(("bands", "lowest"), [("{1,0,2}", 0), ("{1,-1,0}", -1), ("{NULL,1,0}", 0)])
def test_curves_refuse_bands_below_1(connection: Connection, bands: str, lowest: int) -> None:
    """Band 0 is all examples: a class 0 would be lost in it, without a word."""
    record(connection, story_of([[[1], [0], [0]]], name="three"))
    with pytest.raises(DBAPIError) as caught:
        ask(connection, f"SELECT * FROM first_correct_last_mistake_by('three', 'train', '{bands}')")
    message = str(caught.value.orig).splitlines()[0]
    assert message == f"first_correct_last_mistake_by: bands must be 1 or more, got {lowest}"


def test_curves_of_no_bands_are_those_of_all_examples(connection: Connection) -> None:
    record(connection, story_of([[[1], [0]]], name="two"))
    curves = "SELECT band, examples FROM first_correct_last_mistake_by('two', 'train', '{%s}')"
    assert ask(connection, curves % "NULL,NULL") == [(0, 2)]
    assert sorted(ask(connection, curves % "NULL,7")) == [(0, 2), (7, 1)]


def test_curves_refuse_a_split_that_does_not_exist(connection: Connection) -> None:
    record(connection, story_of([[[1]]], name="one"))
    with pytest.raises(DBAPIError, match="first_correct_last_mistake_by: 'one' has no split 'val'"):
        ask(connection, "SELECT * FROM first_correct_last_mistake_by('one', 'val', '{1}')")


def test_bands_are_deciles_of_the_split(connection: Connection) -> None:
    rng = np.random.default_rng(1)
    story = story_of(rng.random((5, 63, 4)) < rng.random((63, 1)), sizes={"train": 23, "test": 40})
    with block_size(8):
        record(connection, story)
    rows = ask(
        connection,
        "SELECT split, band, examples FROM first_correct_last_mistake WHERE evaluation = 0 "
        "ORDER BY split, band",
    )
    assert rows == [
        *[("test", band, 4 if band else 40) for band in range(11)],
        *[("train", band, [23, 3, 3, 3][band] if band < 4 else 2) for band in range(11)],
    ]
    assert len(accessibilities(story)) == 63


@pytest.mark.embedded_only
@given(st.lists(st.one_of(st.none(), st.integers(0, 2**31 - 1)), max_size=20))
def test_bitslice_of_undoes_unslice(undone: Any, numbers: list[int | None]) -> None:
    with undone() as connection:
        [[back]] = ask(
            connection, "SELECT unslice(bitslice_of(CAST(:numbers AS integer[])))", numbers=numbers
        )
    assert back == [number or 0 for number in numbers]


def test_bitslice_of_refuses_negative_numbers(connection: Connection) -> None:
    with pytest.raises(DBAPIError, match="numbers must be at least 0, got -2"):
        ask(connection, "SELECT bitslice_of('{1,-2}')")


# --- pairs of runs --------------------------------------------------------------------------------


def test_error_consistency_in_between(connection: Connection) -> None:
    """Of six examples one is trivial and one impossible; right about 1001, 1010 and 0110."""
    record(
        connection,
        story_of(
            np.array([[1, 0, 1, 0, 0, 1], [1, 0, 1, 0, 1, 0], [1, 0, 0, 1, 1, 0]])[:, :, None]
        ),
    )
    columns = "seed_a, seed_b, examples, accuracy_a, accuracy_b, observed, expected, kappa"
    assert_near(
        ask(
            connection, f"SELECT {columns} FROM error_consistency_in_between ORDER BY run_a, run_b"
        ),
        [
            (0, 1, 4, 0.5, 0.5, 0.5, 0.5, 0.0),
            (0, 2, 4, 0.5, 0.5, 0.0, 0.5, -1.0),
            (1, 2, 4, 0.5, 0.5, 0.5, 0.5, 0.0),
        ],
    )


def test_no_example_in_between(connection: Connection) -> None:
    record(connection, story_of([[[1], [0]], [[1], [0]]]))
    columns = "examples, accuracy_a, accuracy_b, observed, expected, kappa"
    assert ask(connection, f"SELECT {columns} FROM error_consistency_in_between") == [
        (0, None, None, None, None, None)
    ]


def test_kappa_is_scikit_learns(
    connection: Connection, two_ensembles: tuple[Recorded, Recorded]
) -> None:
    one, other = (recorded.story for recorded in two_ensembles)
    rows = ask(
        connection,
        "SELECT split, at_a, seed_a, seed_b, kappa FROM error_consistency_between('one', 'other')",
    )
    assert len(rows) == 3 * 2 * 2 * 2
    for split, e, a, b, kappa in rows:
        indices = one.split_ranges()[split]
        expected = cohen_kappa_score(one.correct[a, indices, e], other.correct[b, indices, e])
        assert kappa == pytest.approx(expected)
    rows = ask(
        connection,
        "SELECT split, evaluation, seed_a, seed_b, kappa FROM error_consistency_in_between "
        "WHERE ensemble = 'one'",
    )
    for split, e, a, b, kappa in rows:
        rights = one.correct[:, :, e].sum(axis=0)
        members = [x for x in one.split_ranges()[split] if 0 < rights[x] < 3]
        expected = cohen_kappa_score(one.correct[a, members, e], one.correct[b, members, e])
        assert kappa == pytest.approx(expected)


@pytest.mark.parametrize("in_between", [False, True])
@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        ("", [(0, 0), (1, 1)]),
        (", evaluation_a => 1", [(1, 1)]),
        (", evaluation_a => 1, evaluation_b => 2", [(1, 2)]),
        (", evaluation_a => 9", []),
    ],
)
def test_error_consistency_between(
    connection: Connection,
    two_ensembles: tuple[Recorded, Recorded],
    given: str,
    pairs: list[tuple[int, int]],
    in_between: bool,
) -> None:
    one, other = two_ensembles
    rows = connection.execute(
        text(
            "SELECT * FROM error_consistency_between('one', 'other'"
            f"{given}, in_between => {in_between})"
        )
    ).mappings()
    key = ("split", "at_a", "at_b", "seed_a", "seed_b")
    found = {tuple(row[column] for column in key): dict(row) for row in rows}
    expected = {}
    for at_a, at_b in pairs:
        rights = one.story.correct[:, :, at_a].sum(0) + other.story.correct[:, :, at_b].sum(0)
        for split, indices in one.story.split_ranges().items():
            members = [x for x in indices if not in_between or 0 < rights[x] < 5]
            for a in range(3):
                for b in range(2):
                    expected[split, at_a, at_b, a, b] = {
                        "run_a": one.run_ids[a],
                        "run_b": other.run_ids[b],
                        "examples": len(members),
                    } | reference_difficulty.kappa(
                        one.story.correct[a, members, at_a], other.story.correct[b, members, at_b]
                    )
    assert found.keys() == expected.keys()
    for place, row in expected.items():
        for column, value in row.items():
            assert same(found[place][column], value), column


def test_error_consistency_between_leaves_failed_runs_out(
    connection: Connection, two_ensembles: tuple[Recorded, Recorded]
) -> None:
    one, _ = two_ensembles
    failed = with_changes(one.story, states=["failed", "complete", "complete"], name="failing")
    with block_size(8):
        record(connection, failed)
    rows = ask(connection, "SELECT seed_a FROM error_consistency_between('failing', 'other')")
    assert {seed for (seed,) in rows} == {1, 2}


def test_error_consistency_between_refuses(
    connection: Connection, two_ensembles: tuple[Recorded, Recorded]
) -> None:
    record(connection, story_of([[[1]]], name="elsewhere"))
    query = "SELECT * FROM error_consistency_between(:a, :b)"
    with connection.begin_nested() as savepoint:
        with pytest.raises(DBAPIError, match="no ensemble named 'nobody'"):
            ask(connection, query, a="one", b="nobody")
        savepoint.rollback()
    with connection.begin_nested() as savepoint:
        with pytest.raises(DBAPIError, match="'one' and 'elsewhere' are of different datasets"):
            ask(connection, query, a="one", b="elsewhere")
        savepoint.rollback()
    with pytest.raises(DBAPIError, match="its own pairs are in the view error_consistency"):
        ask(connection, query, a="one", b="one")


# --- classes --------------------------------------------------------------------------------------


@pytest.fixture
def classes(connection: Connection) -> Recorded:
    """Two examples of class 0, one of class 1; class 2 has none. Wrong is the class after."""
    return record(
        connection,
        story_of(
            [
                [[1, 1], [0, 0], [1, 1]],
                [[0, 1], [1, 0], [1, 1]],
            ],
            labels=[0, 0, 1],
        ),
    )


def test_class_difficulty(connection: Connection, classes: Recorded) -> None:
    columns = "split, class, class_name, examples, accessibility, accuracy, forgetting_events, rank"
    assert_near(
        ask(connection, f"SELECT {columns} FROM class_difficulty ORDER BY class"),
        [
            ("train", 0, "class 0", 2, 4 / 8, 2 / 4, 1 / 4, 2),
            ("train", 1, "class 1", 1, 1.0, 1.0, 0.0, 1),
        ],
    )


def test_class_order(connection: Connection, classes: Recorded) -> None:
    columns = "split, class, class_name, evaluation, runs, examples, tp_agreement, rank"
    assert_near(
        ask(connection, f"SELECT {columns} FROM class_order ORDER BY evaluation, class"),
        [
            ("train", 0, "class 0", 0, 2, 2, 2 / 4, 2),
            ("train", 1, "class 1", 0, 2, 1, 1.0, 1),
            ("train", 0, "class 0", 1, 2, 2, 2 / 4, 2),
            ("train", 1, "class 1", 1, 2, 1, 1.0, 1),
        ],
    )


def test_induced_class(connection: Connection, classes: Recorded) -> None:
    # Predicted, run by run: 00 10 of class 0, 11 01 of class 0, 11 11 of class 1.
    columns = "position, label, predictions, induced_class, induced_share"
    assert_near(
        ask(connection, f"SELECT {columns} FROM induced_class ORDER BY position"),
        [(0, 0, 4, 0, 3 / 4), (1, 0, 4, 1, 3 / 4), (2, 1, 4, 1, 1.0)],
    )


def test_induced_class_at(connection: Connection, classes: Recorded) -> None:
    columns = "split, example_id, position, label, runs, induced_class, induced_share"
    query = f"SELECT {columns} FROM induced_class_at(:name, :e) ORDER BY position"
    assert_near(
        ask(connection, query, name=classes.story.name, e=0),
        [
            ("train", 0, 0, 0, 2, 0, 0.5),
            ("train", 1, 1, 0, 2, 0, 0.5),
            ("train", 2, 2, 1, 2, 1, 1.0),
        ],
    )
    assert ask(connection, query, name=classes.story.name, e=2) == []


def test_induced_class_at_the_end_is_the_consensus(connection: Connection) -> None:
    rng = np.random.default_rng(5)
    story = Story(
        sizes={"train": 12, "test": 8},
        num_classes=7,
        labels=rng.integers(0, 7, 20),
        predicted=rng.integers(0, 7, (6, 20, 2)),
        recorded=[[0, 1]] * 6,
    )
    with block_size(8):
        record(connection, story)
    shared = "example_id, label, runs"
    assert ask(
        connection,
        f"SELECT {shared}, induced_class, induced_share FROM induced_class_at(:name, 1) "
        "ORDER BY example_id",
        name=story.name,
    ) == ask(
        connection,
        f"SELECT {shared}, consensus_class, consensus_share FROM consensus ORDER BY example_id",
    )
