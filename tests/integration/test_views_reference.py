"""Every view against the slow reference, on ensembles of every shape, and what always holds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Row, text

from tests.support.ensembles import LAYERS, Story, block_size, record, story_of, with_changes
from tests.support.strategies import stories
from tests.support.views import VIEWS, assert_rows, check, read
from tracker.outcomes.layout import block_size as real_block_size


def random_story(runs: int = 3, examples: int = 5, evaluations: int = 4, **others: Any) -> Story:
    """Right or wrong by chance; `others` as of `story_of`."""
    rng = np.random.default_rng([runs, examples, evaluations])
    return story_of(rng.random((runs, examples, evaluations)) < 0.6, **others)


def random_votes(
    runs: int, examples: int, evaluations: int, num_classes: int, **others: Any
) -> Story:
    """Any class is as likely as any other; `others` as of `Story`."""
    rng = np.random.default_rng([runs, examples, evaluations, num_classes])
    defaults = {"sizes": {"train": examples}, "recorded": [range(evaluations)] * runs}
    return Story(
        num_classes=num_classes,
        labels=rng.integers(0, num_classes, examples),
        predicted=rng.integers(0, num_classes, (runs, examples, evaluations)),
        **(defaults | others),
    )


def random_signals(*shape: int) -> dict[str, Any]:
    """A signal between 0 and 1 and one of large numbers, [R, X, E]."""
    rng = np.random.default_rng(shape)
    return {
        "confidence": rng.random(shape, dtype=np.float32),
        "margin": (rng.standard_normal(shape) * 1e6).astype(np.float32),
    }


def random_probes(examples: int, **others: Any) -> Story:
    """Prediction depths of every kind in three runs and four evaluations."""
    rng = np.random.default_rng(examples)
    depths = rng.integers(0, len(LAYERS) + 1, (3, examples, 4))
    return random_story(examples=examples, depths=depths, **others)


def random_held_out(examples: int, share: float, **others: Any) -> Story:
    """Five runs that held out such a share of the split train, with signals."""
    shape = (5, examples, 4)
    train = others.get("sizes", {"train": examples})["train"]
    held_out = np.random.default_rng(examples).random((5, train)) < share
    return random_story(*shape, held_out=held_out, signals=random_signals(*shape), **others)


CASES = {
    "one example, run and evaluation": random_story(1, 1, 1),
    "one example": random_story(3, 1, 4),
    "one run": random_story(1, 5, 4),
    "one evaluation": random_story(3, 5, 1),
    "without evaluation 0": random_story(first=1),
    "one class": story_of(np.ones((2, 3, 2)), num_classes=1),
    "two classes": random_story(num_classes=2),
    "a thousand classes": random_story(
        examples=20, num_classes=1000, labels=[*range(10), *range(990, 1000)]
    ),
    "one block full": random_story(examples=8),
    "one example more than a block": random_story(examples=9),
    "several blocks": random_story(examples=30),
    "two splits": random_story(examples=21, sizes={"train": 12, "test": 9}),
    "splits that end with their blocks": random_story(examples=24, sizes={"train": 16, "test": 8}),
    "runs behind the others": random_story(
        recorded=[range(4), range(1), range(2)], states=["complete", "running", "running"]
    ),
    "a gap in one run": random_story(recorded=[[0, 1, 2, 3], [0, 3], [0, 2, 3]]),
    "a gap in all runs": random_story(recorded=[[0, 1, 3], [0, 3], [1, 3]]),
    "runs that begin late": random_story(recorded=[[2, 3], [0, 1, 2, 3], [3]]),
    "no evaluation in common": random_story(recorded=[[0], [1], [2]]),
    "evaluations far apart": story_of(
        np.random.default_rng(0).random((3, 5, 301)) < 0.6,
        recorded=[[0, 90, 300], [10, 299], [300]],
    ),
    "a failed run": random_story(states=["complete", "failed", "complete"]),
    "only failed runs": random_story(states=["failed"] * 3),
    "every state": random_story(
        runs=5, states=["queued", "running", "complete", "failed", "cancelled"]
    ),
    "a run without evaluations": random_story(
        recorded=[range(4), (), ()], states=["complete", "running", "queued"]
    ),
    "no evaluation at all": random_story(recorded=[(), (), ()], states=["queued"] * 3),
    "everything right": story_of(np.ones((3, 5, 4))),
    "everything wrong": story_of(np.zeros((3, 5, 4))),
    "signals": random_story(
        examples=21,
        sizes={"train": 12, "test": 9},
        recorded=[range(4), [0, 2], [1]],
        states=["complete", "cancelled", "failed"],
        signals=random_signals(3, 21, 4),
    ),
    "votes for many classes": random_votes(7, 21, 2, 10, sizes={"train": 12, "test": 9}),
    "votes for more classes than runs": random_votes(5, 9, 2, 1000),
    "votes of runs behind the others": random_votes(4, 9, 3, 3, recorded=[[0, 1, 2], [0], [2], []]),
    "no classes known": random_votes(3, 9, 2, 3, classes_known=False),
    "some runs' classes known": random_votes(4, 9, 2, 3, classes_known=[True, False, True, False]),
    "no classes known of who has recorded": random_votes(
        2, 9, 2, 3, recorded=[[0], [1]], classes_known=[False, True]
    ),
    "probes": random_probes(21, sizes={"train": 12, "test": 9}, probed=[0, 3], votes_told=True),
    "probes of runs behind the others and failed ones": random_probes(
        9,
        recorded=[range(4), [0, 1], [0, 2, 3]],
        states=["complete", "running", "failed"],
        probed=[1, 3],
    ),
    "held out by some": random_held_out(21, 0.3, sizes={"train": 12, "test": 9}),
    "held out by all": random_held_out(9, 1),
    "held out by some of runs of different lengths": random_held_out(
        9,
        0.4,
        recorded=[range(4), [0, 1], [0, 2, 3], [3], []],
        states=["complete", "running", "cancelled", "complete", "running"],
    ),
    "held out by no run that has recorded": random_story(
        examples=9,
        recorded=[range(4), [0], []],
        held_out=np.array([[False] * 9, [False] * 9, [True] * 9]),
    ),
    "held out by one run from its second evaluation on": random_story(
        examples=9,
        recorded=[range(4), range(4), [1, 2]],
        held_out=np.array([[False] * 9, [False] * 9, [True, False, True] * 3]),
    ),
    "many runs": random_story(runs=17, examples=9, evaluations=2),
}


@pytest.mark.parametrize("story", CASES.values(), ids=CASES)
def test_cases(connection: Connection, story: Story) -> None:
    with block_size(8):
        recorded = record(connection, story)
        for view in VIEWS:
            check(connection, view, recorded)


@pytest.mark.embedded_only
@hypothesis_settings(max_examples=50)
@given(story=stories(), size=st.sampled_from([8, 16]))
def test_ensembles_of_every_shape(undone: Any, story: Story, size: int) -> None:
    with undone() as connection, block_size(size):
        recorded = record(connection, story)
        for view in VIEWS:
            check(connection, view, recorded)


@pytest.mark.embedded_only
@pytest.mark.parametrize("view", VIEWS)
def test_one_more_than_a_block_of_the_real_size(connection: Connection, view: str) -> None:
    size = real_block_size(1000)
    story = random_story(2, size + 3, 2, sizes={"train": size + 1, "test": 2}, num_classes=1000)
    check(connection, view, record(connection, story))


@pytest.mark.parametrize("view", VIEWS)
def test_ensembles_do_not_mix(connection: Connection, view: str) -> None:
    one = random_story(runs=4, examples=20, sizes={"train": 12, "test": 8})
    with block_size(8):
        stories_told = [
            record(connection, one),
            # Of the same dataset, and of another one.
            record(connection, with_changes(one, predicted=one.predicted[::-1], states=())),
            record(connection, random_story(runs=2, examples=7, first=1)),
        ]
        rows = [row for recorded in stories_told for row in VIEWS[view].rows(recorded)]
    assert_rows(view, read(connection, view), rows)
    for recorded in stories_told:
        check(connection, view, recorded)
    assert read(connection, view, "no such ensemble") == []


@pytest.mark.parametrize("view", VIEWS)
def test_filter_on_the_ensemble_reaches_its_rows(connection: Connection, view: str) -> None:
    """Or every query would read the blocks of all ensembles first."""
    query = text(f"EXPLAIN (FORMAT JSON) SELECT * FROM {view} WHERE ensemble = 'demo'")
    [plan] = connection.execute(query).scalar_one()
    scans = [node for node in nodes(plan["Plan"]) if node.get("Relation Name") == "ensemble"]
    assert scans
    for scan in scans:
        conditions = f"{scan.get('Filter')} {scan.get('Index Cond')} {scan.get('Recheck Cond')}"
        assert "name = 'demo'" in conditions, scan


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """A query's plan and every part of it."""
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]


def test_equal_accessibility_is_an_equal_rank(connection: Connection) -> None:
    """Also where an evaluation has other numbers of runs: 2/3 + 3/3 + 0/1 is 2/3 + 0/3 + 1/1."""
    story = story_of(
        [
            [[1, 1, 0], [1, 0, 1]],
            [[1, 1, 0], [1, 0, 0]],
            [[0, 1, 0], [0, 0, 0]],
        ],
        recorded=[[0, 1, 2], [0, 1], [0, 1]],
    )
    record(connection, story)
    rows = read(connection, "learning_order", story.name)
    assert [row["accessibility"] for row in rows] == [pytest.approx(5 / 9)] * 2
    assert [row["rank"] for row in rows] == [1, 1]


@pytest.mark.embedded_only
def test_many_accurate_runs(connection: Connection) -> None:
    """Of 200 runs that are 99% right, all are wrong with probability 1e-400: less than a double."""
    right = np.ones((200, 100, 1))
    right[np.arange(200), np.arange(200) % 100] = 0
    recorded = record(connection, story_of(right))
    check(connection, "tp_agreement_histogram", recorded)
    check(connection, "bimodality", recorded)


# --- what holds of every ensemble -----------------------------------------------------------------


def query(connection: Connection, sql: str, story: Story) -> list[Row[Any]]:
    return list(connection.execute(text(sql), {"name": story.name}))


@pytest.mark.embedded_only
@given(story=stories())
def test_properties(undone: Any, story: Story) -> None:
    with undone() as connection, block_size(8):
        record(connection, story)
        first_correct_above_accuracy_above_last_mistake(connection, story)
        histograms_count_every_example(connection, story)
        accessibility_is_the_mean_of_tp_agreement(connection, story)
        accuracy_is_the_mean_of_tp_agreement(connection, story)
        ranks_follow_accessibility(connection, story)
        views_agree_on_accessibility(connection, story)
        agreement_is_at_least_tp_agreement(connection, story)
        agreement_histograms_count_every_example(connection, story)
        swaps_are_events(connection, story)


def first_correct_above_accuracy_above_last_mistake(connection: Connection, story: Story) -> None:
    curves = query(
        connection,
        """
        SELECT
            avg(coalesce((forgetting.first_correct <= run_accuracy.evaluation)::int, 0)) AS fc,
            avg(coalesce((forgetting.learned <= run_accuracy.evaluation)::int, 0)) AS lm,
            min(run_accuracy.accuracy) AS accuracy
        FROM forgetting
        JOIN run_accuracy USING (run_id, split)
        WHERE forgetting.ensemble = :name
        GROUP BY run_id, split, run_accuracy.evaluation
        """,
        story,
    )
    for curve in curves:
        assert float(curve.fc) >= curve.accuracy - 1e-12
        assert curve.accuracy >= float(curve.lm) - 1e-12


def histograms_count_every_example(connection: Connection, story: Story) -> None:
    histograms = query(
        connection,
        """
        SELECT split, sum(examples) AS examples, sum(null_examples) AS null_examples,
            sum(examples * tp_agreement) AS mean, sum(null_examples * tp_agreement) AS null_mean
        FROM tp_agreement_histogram WHERE ensemble = :name GROUP BY split, evaluation
        """,
        story,
    )
    for histogram in histograms:
        assert histogram.examples == story.sizes[histogram.split]
        assert histogram.null_examples == pytest.approx(story.sizes[histogram.split])
        assert histogram.null_mean == pytest.approx(histogram.mean)


def accessibility_is_the_mean_of_tp_agreement(connection: Connection, story: Story) -> None:
    pairs = query(
        connection,
        """
        SELECT learning_order.accessibility, avg(tp_agreement.tp_agreement) AS mean
        FROM learning_order JOIN tp_agreement USING (ensemble, split, position)
        WHERE ensemble = :name GROUP BY split, position, learning_order.accessibility
        """,
        story,
    )
    for pair in pairs:
        assert pair.accessibility == pytest.approx(pair.mean)


def accuracy_is_the_mean_of_tp_agreement(connection: Connection, story: Story) -> None:
    pairs = query(
        connection,
        """
        SELECT bimodality.tp_agreement, avg(run_accuracy.accuracy) AS mean
        FROM bimodality JOIN run_accuracy USING (ensemble, split, evaluation)
        WHERE ensemble = :name GROUP BY split, evaluation, bimodality.tp_agreement
        """,
        story,
    )
    for pair in pairs:
        assert pair.tp_agreement == pytest.approx(pair.mean)


def ranks_follow_accessibility(connection: Connection, story: Story) -> None:
    for split in story.sizes:
        rows = [
            row for row in read(connection, "learning_order", story.name) if row["split"] == split
        ]
        if rows:
            assert min(row["rank"] for row in rows) == 1
        rows.sort(key=lambda row: row["rank"])
        scores = [row["accessibility"] for row in rows]
        assert scores == sorted(scores, reverse=True)


def views_agree_on_accessibility(connection: Connection, story: Story) -> None:
    columns = ("example_id", "accessibility", "rank")
    one, other = (
        sorted(
            tuple(row[column] for column in columns) for row in read(connection, view, story.name)
        )
        for view in ("accessibility", "learning_order")
    )
    assert one == other


def agreement_is_at_least_tp_agreement(connection: Connection, story: Story) -> None:
    """Where all classes are known; it is also at least the share that chance needs."""
    if not all(story.classes_told):
        return
    pairs = query(
        connection,
        """
        SELECT tp_agreement.runs, runs_correct, runs_agreeing
        FROM tp_agreement JOIN agreement USING (ensemble, example_id, evaluation, runs)
        WHERE ensemble = :name
        """,
        story,
    )
    assert len(pairs) == len(read(connection, "tp_agreement", story.name))
    for pair in pairs:
        assert pair.runs_correct <= pair.runs_agreeing <= pair.runs
        assert pair.runs_agreeing * story.num_classes >= pair.runs


def agreement_histograms_count_every_example(connection: Connection, story: Story) -> None:
    histograms = query(
        connection,
        """
        SELECT split, sum(examples) AS examples, count(*) AS bars, min(runs) AS runs
        FROM agreement_histogram WHERE ensemble = :name GROUP BY split, evaluation
        """,
        story,
    )
    for histogram in histograms:
        assert histogram.examples == story.sizes[histogram.split]
        assert histogram.bars == histogram.runs


def swaps_are_events(connection: Connection, story: Story) -> None:
    """Answers that change, evaluation by evaluation, are the events of the examples."""
    by_evaluation = query(
        connection,
        """
        SELECT run_id, split, sum(forgotten)::int, sum(learned)::int
        FROM decision_swaps WHERE ensemble = :name GROUP BY run_id, split ORDER BY run_id, split
        """,
        story,
    )
    by_example = query(
        connection,
        """
        SELECT run_id, split, sum(forgetting_events)::int, sum(learning_events)::int
        FROM forgetting WHERE ensemble = :name AND evaluations > 1
        GROUP BY run_id, split ORDER BY run_id, split
        """,
        story,
    )
    assert by_evaluation == by_example
