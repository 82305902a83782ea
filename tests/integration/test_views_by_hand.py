"""Every view on one tiny ensemble, with all numbers worked out by hand.

Three runs, five examples, evaluations 0 to 3. Right (1) or wrong (0) at each evaluation:

    example  label  run 0  run 1  run 2
    0        0      1111   1111   1111   always right
    1        1      0111   0011   0111   learned early
    2        2      0101   0110   0011   forgotten by two runs
    3        0      0000   0001   0000   hardly learned
    4        1      1000   0000   0100   right by luck

A wrong prediction is the class after the label, of three classes. Example 3 was a 1 before label
noise. Example 0's margins are 4, 2, 0, 2 in run 0, and one and two more in runs 1 and 2; those of
example x are 10x more. The rows of each view are given by key, in the view's order of columns.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, text

from tests.support.ensembles import Recorded, Story, record, story_of
from tests.support.views import PAIR_VIEWS, VIEWS
from tracker.db import schema
from tracker.events import note_event

RIGHT = {
    0: ["1111", "1111", "1111"],
    1: ["0111", "0011", "0111"],
    2: ["0101", "0110", "0011"],
    3: ["0000", "0001", "0000"],
    4: ["1000", "0000", "0100"],
}
MARGIN = np.array([[[4, 2, 0, 2]]]) + [[[0]], [[1]], [[2]]] + 10 * np.arange(5)[:, None]
# At evaluation 3, of four probes; 4 is no depth.
DEPTH = np.array([[0, 1, 2, 3, 4], [0, 0, 3, 1, 2], [0, 2, 1, 4, 3]])
STORY = story_of(
    [[[bit == "1" for bit in RIGHT[example][run]] for example in RIGHT] for run in range(3)],
    signals={"margin": MARGIN.astype(np.float32)},
    original_labels=np.array([0, 1, 2, 1, 1]),
    depths=np.repeat(DEPTH[:, :, None], 4, axis=2),
    probed=[3],
    votes_told=True,
    name="by-hand",
)
assert STORY.labels.tolist() == [0, 1, 2, 0, 1]


@pytest.fixture
def by_hand(connection: Connection) -> Recorded:
    return record(connection, STORY)


def values(
    connection: Connection, view: str, columns: str, where: str = "TRUE"
) -> list[tuple[Any, ...]]:
    """Rows in the order of the view's key, leaving the ids out of it."""
    key = [column for column in VIEWS[view].key if column not in ("ensemble_id", "run_id")]
    seed = ["seed"] if "run_id" in VIEWS[view].key else []
    order = ", ".join(seed + key)
    rows = connection.execute(text(f"SELECT {columns} FROM {view} WHERE {where} ORDER BY {order}"))
    return [tuple(row) for row in rows]


def assert_near(rows: Sequence[tuple[Any, ...]], expected: Sequence[tuple[Any, ...]]) -> None:
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert row == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("view", "rows"),
    [
        ("counted_run", 3),
        ("ensemble_evaluation", 4),
        ("outcome", 3 * 5 * 4),
        ("example_label", 5),
        ("run_accuracy", 3 * 4),
        ("run_progress", 3),
        ("run_history", 6),
        ("tp_block", 4),
        ("tp_agreement", 5 * 4),
        ("tp_agreement_histogram", 4 * 4),
        ("bimodality", 4),
        ("history_part", 3),
        ("history_block", 3),
        ("forgetting", 3 * 5),
        ("accessibility_block", 1),
        ("accessibility", 5),
        ("learned_block", 1),
        ("learning_order", 5),
        ("agreement_part", 4),
        ("agreement_block", 4),
        ("agreement", 5 * 4),
        ("agreement_histogram", 4 * 3),
        ("error_consistency", 3 * 4),
        ("decision_swaps", 3 * 3),
        ("signal", 3 * 5 * 4),
        ("run_signal", 3 * 5),
        ("run_depth", 3 * 5),
        ("probe_vote", 3 * 5 * 4),
        ("inference_learning_curve", 4),
    ],
)
def test_grain(connection: Connection, by_hand: Recorded, view: str, rows: int) -> None:
    key = ", ".join(VIEWS[view].key)
    counts = connection.execute(text(f"SELECT count(*), count(DISTINCT ({key})) FROM {view}"))
    assert tuple(counts.one()) == (rows, rows)


def test_every_view_is_tested() -> None:
    assert list(VIEWS) == [view for view in schema.VIEWS if view not in PAIR_VIEWS]
    assert PAIR_VIEWS.keys() <= set(schema.VIEWS)


def test_counted_run(connection: Connection, by_hand: Recorded) -> None:
    assert values(connection, "counted_run", "ensemble, seed, run_id, ensemble_id, dataset_id") == [
        ("by-hand", seed, by_hand.run_ids[seed], by_hand.ensemble_id, by_hand.dataset_id)
        for seed in range(3)
    ]


def test_ensemble_evaluation(connection: Connection, by_hand: Recorded) -> None:
    # Losses are 1/e, 1/e + 0.01 and 1/e + 0.02; none at evaluation 0.
    assert_near(
        values(
            connection, "ensemble_evaluation", "ensemble, evaluation, runs, step, epoch, train_loss"
        ),
        [
            ("by-hand", 0, 3, 0, 0.0, None),
            ("by-hand", 1, 3, 10, 1.0, 1.01),
            ("by-hand", 2, 3, 20, 2.0, 0.51),
            ("by-hand", 3, 3, 30, 3.0, 1 / 3 + 0.01),
        ],
    )


def test_example_label(connection: Connection, by_hand: Recorded) -> None:
    assert values(
        connection,
        "example_label",
        "ensemble, split, example_id, position, label, original_label, mislabelled",
        "example_id >= 2",
    ) == [
        ("by-hand", "train", 2, 2, 2, 2, False),
        ("by-hand", "train", 3, 3, 0, 1, True),
        ("by-hand", "train", 4, 4, 1, 1, False),
    ]


def test_outcome(connection: Connection, by_hand: Recorded) -> None:
    assert values(
        connection,
        "outcome",
        "ensemble, seed, split, example_id, position, evaluation, label, correct, predicted",
        "seed = 1 AND example_id IN (2, 3)",
    ) == [
        ("by-hand", 1, "train", 2, 2, 0, 2, False, 0),
        ("by-hand", 1, "train", 2, 2, 1, 2, True, 2),
        ("by-hand", 1, "train", 2, 2, 2, 2, True, 2),
        ("by-hand", 1, "train", 2, 2, 3, 2, False, 0),
        ("by-hand", 1, "train", 3, 3, 0, 0, False, 1),
        ("by-hand", 1, "train", 3, 3, 1, 0, False, 1),
        ("by-hand", 1, "train", 3, 3, 2, 0, False, 1),
        ("by-hand", 1, "train", 3, 3, 3, 0, True, 0),
    ]


def test_run_accuracy(connection: Connection, by_hand: Recorded) -> None:
    assert_near(
        values(connection, "run_accuracy", "seed, split, evaluation, correct, examples, accuracy"),
        [
            (0, "train", 0, 2, 5, 0.4),
            (0, "train", 1, 3, 5, 0.6),
            (0, "train", 2, 2, 5, 0.4),
            (0, "train", 3, 3, 5, 0.6),
            (1, "train", 0, 1, 5, 0.2),
            (1, "train", 1, 2, 5, 0.4),
            (1, "train", 2, 3, 5, 0.6),
            (1, "train", 3, 3, 5, 0.6),
            (2, "train", 0, 1, 5, 0.2),
            (2, "train", 1, 3, 5, 0.6),
            (2, "train", 2, 3, 5, 0.6),
            (2, "train", 3, 3, 5, 0.6),
        ],
    )


def test_run_progress(connection: Connection, by_hand: Recorded) -> None:
    assert values(
        connection,
        "run_progress",
        "ensemble, seed, state, attempt, evaluations, evaluations_in_all, step, total_steps, share",
    ) == [("by-hand", seed, "complete", 1, 4, 4, 30, 30, 1.0) for seed in range(3)]


def test_run_history(connection: Connection, by_hand: Recorded) -> None:
    run_id = by_hand.run_ids[1]
    note_event(connection, "retried", [run_id], {"by": "tracker retry"})
    assert values(
        connection, "run_history", "ensemble, seed, event, attempt, detail", "seed = 1"
    ) == [
        ("by-hand", 1, "claimed", 1, None),
        ("by-hand", 1, "complete", 1, None),
        ("by-hand", 1, "retried", 1, '{"by": "tracker retry"}'),
    ]


def test_history_block(connection: Connection, by_hand: Recorded) -> None:
    # Run 1 is right about 10000, 10100, 11100 and 11010. After ordinal 3 comes 4, of three digits:
    # 7 is "never". Example by example: forgotten 0 0 1 0 0, learned 0 2 7 3 7, first correct
    # 0 2 1 3 7, last mistake 0 1 3 2 3; ones first, then twos, then fours.
    columns = (
        "seed, block, evaluations, last_evaluation, planes, forgotten, learned, first_correct, "
        "last_mistake, ever, at_first, at_last"
    )
    assert values(connection, "history_block", columns, "seed = 1") == [
        (
            *(1, 0, 4, 3, 3),
            ["00100"],
            ["00111", "01111", "00101"],
            ["00111", "01011", "00001"],
            ["01101", "00111", "00000"],
            *("11110", "10000", "11010"),
        )
    ]


def test_history_part(connection: Connection, by_hand: Recorded) -> None:
    columns = ", ".join(connection.execute(text("SELECT * FROM history_block")).keys())
    assert values(connection, "history_part", columns) == values(connection, "history_block", "*")
    assert values(connection, "history_part", "part") == [(run % 4,) for run in by_hand.run_ids]


def test_forgetting(connection: Connection, by_hand: Recorded) -> None:
    columns = (
        "seed, example_id, split, position, label, evaluations, forgetting_events, "
        "learning_events, first_correct, last_mistake, learned, never_learned, unforgettable"
    )
    assert values(connection, "forgetting", columns) == [
        # run, example, split, position, label, evaluations,
        #                    forgotten, acquired, first, last mistake, learned, never, unforgettable
        (0, 0, "train", 0, 0, 4, 0, 0, 0, 0, 0, False, True),
        (0, 1, "train", 1, 1, 4, 0, 1, 1, 0, 1, False, True),
        (0, 2, "train", 2, 2, 4, 1, 2, 1, 2, 3, False, False),
        (0, 3, "train", 3, 0, 4, 0, 0, None, 3, None, True, False),
        (0, 4, "train", 4, 1, 4, 1, 0, 0, 3, None, False, False),
        (1, 0, "train", 0, 0, 4, 0, 0, 0, 0, 0, False, True),
        (1, 1, "train", 1, 1, 4, 0, 1, 2, 1, 2, False, True),
        (1, 2, "train", 2, 2, 4, 1, 1, 1, 3, None, False, False),
        (1, 3, "train", 3, 0, 4, 0, 1, 3, 2, 3, False, True),
        (1, 4, "train", 4, 1, 4, 0, 0, None, 3, None, True, False),
        (2, 0, "train", 0, 0, 4, 0, 0, 0, 0, 0, False, True),
        (2, 1, "train", 1, 1, 4, 0, 1, 1, 0, 1, False, True),
        (2, 2, "train", 2, 2, 4, 0, 1, 2, 1, 2, False, True),
        (2, 3, "train", 3, 0, 4, 0, 0, None, 3, None, True, False),
        (2, 4, "train", 4, 1, 4, 1, 1, 1, 3, None, False, False),
    ]


def test_learning_order(connection: Connection, by_hand: Recorded) -> None:
    columns = (
        "example_id, split, position, label, runs, evaluations, accessibility, rank, mean_learned, "
        "median_learned, learned_share, first_correct, last_mistake, forgetting_events, "
        "never_learned_share"
    )
    assert_near(
        values(connection, "learning_order", columns),
        [
            # 12 of 12 right; learned at 0, 0, 0.
            (0, "train", 0, 0, 3, 4, 1.0, 1, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0),
            # 8 of 12; learned at 1, 2, 1; last mistakes 0, 1, 0.
            (1, "train", 1, 1, 3, 4, 8 / 12, 2, 4 / 3, 1.0, 1.0, 4 / 3, 1 / 3, 0.0, 0.0),
            # 6 of 12; learned at 3, never, 2; first correct 1, 1, 2; last mistakes 2, 3, 1.
            (2, "train", 2, 2, 3, 4, 6 / 12, 3, 2.5, 3.0, 2 / 3, 4 / 3, 2.0, 2 / 3, 0.0),
            # 1 of 12; learned by one run of three, so there is no median; last mistakes 3, 2, 3.
            (3, "train", 3, 0, 3, 4, 1 / 12, 5, 3.0, None, 1 / 3, 3.0, 8 / 3, 0.0, 2 / 3),
            # 2 of 12; wrong at the end in all runs; first correct 0, never, 1.
            (4, "train", 4, 1, 3, 4, 2 / 12, 4, None, None, 0.0, 0.5, 3.0, 2 / 3, 1 / 3),
        ],
    )


def test_accessibility(connection: Connection, by_hand: Recorded) -> None:
    columns = "example_id, split, position, label, evaluations, accessibility, rank"
    assert_near(
        values(connection, "accessibility", columns),
        [
            # Right 12, 8, 6, 1 and 2 times of 12.
            (0, "train", 0, 0, 4, 1.0, 1),
            (1, "train", 1, 1, 4, 8 / 12, 2),
            (2, "train", 2, 2, 4, 6 / 12, 3),
            (3, "train", 3, 0, 4, 1 / 12, 5),
            (4, "train", 4, 1, 4, 2 / 12, 4),
        ],
    )


def test_accessibility_block(connection: Connection, by_hand: Recorded) -> None:
    [(block, evaluations, scores)] = values(
        connection, "accessibility_block", "block, evaluations, accessibility"
    )
    assert (block, evaluations) == (0, 4)
    assert scores == pytest.approx([1, 8 / 12, 6 / 12, 1 / 12, 2 / 12])


def test_accessibility_of_runs_behind_is_a_mean_of_means(connection: Connection) -> None:
    # Example 0: 2/2 right at evaluation 0, 0/1 at evaluation 1; example 1: 1/2 and 1/1.
    record(connection, story_of([[[1, 0], [1, 1]], [[1, 0], [0, 0]]], recorded=[[0, 1], [0]]))
    assert_near(
        values(connection, "accessibility", "example_id, evaluations, accessibility, rank"),
        [(0, 2, 1 / 2, 2), (1, 2, 3 / 4, 1)],
    )


def test_learned_block(connection: Connection, by_hand: Recorded) -> None:
    columns = (
        *("learned_runs", "met_runs", "learned", "lower_median", "upper_median"),
        *("first_correct", "last_mistake", "forgotten"),
    )
    told = ", ".join(f"unslice({column})" for column in columns)
    [(block, runs, *numbers)] = values(connection, "learned_block", f"block, runs, {told}")
    assert (block, runs) == (0, 3)
    # 7 stands for "never" in the medians.
    assert dict(zip(columns, numbers, strict=True)) == {
        "learned_runs": [3, 3, 2, 1, 0],
        "met_runs": [3, 3, 3, 1, 2],
        "learned": [0, 4, 5, 3, 0],
        "lower_median": [0, 1, 3, 7, 7],
        "upper_median": [0, 1, 3, 7, 7],
        "first_correct": [0, 4, 4, 3, 1],
        "last_mistake": [0, 1, 6, 8, 9],
        "forgotten": [0, 0, 2, 0, 2],
    }


def test_consensus_block(connection: Connection, by_hand: Recorded) -> None:
    [(runs, correct, top, votes, entropy)] = values(
        connection,
        "consensus_block",
        "runs, unslice(correct), unslice(consensus_class), unslice(votes), prediction_entropy",
    )
    assert (runs, correct) == (3, [3, 3, 2, 1, 0])
    assert (top, votes) == ([0, 1, 2, 1, 2], [3, 3, 2, 2, 3])
    split = np.log(3) - np.log(2) * 2 / 3
    assert entropy == pytest.approx([0, 0, split, split, 0])


def test_tp_block(connection: Connection, by_hand: Recorded) -> None:
    # Right in 3, 2, 2, 0 and 1 runs at evaluation 1: ones first, then twos.
    assert values(connection, "tp_block", "block, evaluation, runs, correct", "evaluation = 1") == [
        (0, 1, 3, ["10001", "11100"])
    ]


def test_tp_agreement(connection: Connection, by_hand: Recorded) -> None:
    columns = "example_id, evaluation, split, position, label, runs, runs_correct, tp_agreement"
    assert_near(
        values(connection, "tp_agreement", columns, "evaluation IN (1, 3)"),
        [
            (0, 1, "train", 0, 0, 3, 3, 1.0),
            (0, 3, "train", 0, 0, 3, 3, 1.0),
            (1, 1, "train", 1, 1, 3, 2, 2 / 3),
            (1, 3, "train", 1, 1, 3, 3, 1.0),
            (2, 1, "train", 2, 2, 3, 2, 2 / 3),
            (2, 3, "train", 2, 2, 3, 2, 2 / 3),
            (3, 1, "train", 3, 0, 3, 0, 0.0),
            (3, 3, "train", 3, 0, 3, 1, 1 / 3),
            (4, 1, "train", 4, 1, 3, 1, 1 / 3),
            (4, 3, "train", 4, 1, 3, 0, 0.0),
        ],
    )


def test_tp_agreement_histogram(connection: Connection, by_hand: Recorded) -> None:
    columns = "split, evaluation, runs, runs_correct, tp_agreement, examples, null_examples"
    # The runs' accuracies are 0.6, 0.4 and 0.6. None is right: 0.4 * 0.6 * 0.4; one alone:
    # 0.6 * 0.6 * 0.4 + 0.4 * 0.4 * 0.4 + 0.4 * 0.6 * 0.6; all: 0.6 * 0.4 * 0.6; two: the rest.
    assert_near(
        values(connection, "tp_agreement_histogram", columns, "evaluation = 1"),
        [
            ("train", 1, 3, 0, 0.0, 1, 5 * 0.096),
            ("train", 1, 3, 1, 1 / 3, 1, 5 * 0.352),
            ("train", 1, 3, 2, 2 / 3, 2, 5 * 0.408),
            ("train", 1, 3, 3, 1.0, 1, 5 * 0.144),
        ],
    )


def test_bimodality(connection: Connection, by_hand: Recorded) -> None:
    # At evaluation 1, in thirds: 3, 2, 2, 0, 1, hence mean 1.6, variance 5.2/5, third moment
    # -1.44/5, fourth 10.576/5. Null: three independent runs with p(1-p) = 0.24, hence variance
    # 0.72, third moment 0.24 (-0.2 + 0.2 - 0.2), fourth 3 * 0.72^2 + 3 * 0.24 (1 - 6 * 0.24).
    observed = 2.1152 / 1.04**2 - 0.288**2 / 1.04**3 - 1
    null = 1.2384 / 0.72**2 - 0.048**2 / 0.72**3 - 1
    assert observed == pytest.approx(0.881884, abs=1e-6)
    assert null == pytest.approx(1.382716, abs=1e-6)
    columns = "split, evaluation, runs, tp_agreement, bimodality, null_bimodality"
    assert_near(
        values(connection, "bimodality", columns, "evaluation = 1"),
        [("train", 1, 3, 1.6 / 3, observed, null)],
    )


def test_two_points_have_bimodality_0(connection: Connection) -> None:
    record(connection, story_of([[[1], [1], [0], [0], [0]]] * 3))
    assert_near(values(connection, "bimodality", "bimodality"), [(0.0,)])


def test_agreement_block(connection: Connection, by_hand: Recorded) -> None:
    # Right in 3, 2, 2, 0 and 1 runs at evaluation 1, and the wrong ones agree with each other:
    # 3, 2, 2, 3 and 2 of a mind; ones first, then twos.
    columns = "block, evaluation, runs, agreeing"
    expected = [(0, 1, 3, ["10010", "11111"])]
    assert values(connection, "agreement_block", columns, "evaluation = 1") == expected
    assert values(connection, "agreement_part", columns, "evaluation = 1") == expected
    parts = values(connection, "agreement_part", "evaluation, part")
    assert parts == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_agreement(connection: Connection, by_hand: Recorded) -> None:
    columns = "example_id, evaluation, split, position, label, runs, runs_agreeing, agreement"
    assert_near(
        values(connection, "agreement", columns, "evaluation IN (1, 3)"),
        [
            (0, 1, "train", 0, 0, 3, 3, 1.0),
            (0, 3, "train", 0, 0, 3, 3, 1.0),
            (1, 1, "train", 1, 1, 3, 2, 2 / 3),
            (1, 3, "train", 1, 1, 3, 3, 1.0),
            (2, 1, "train", 2, 2, 3, 2, 2 / 3),
            (2, 3, "train", 2, 2, 3, 2, 2 / 3),
            (3, 1, "train", 3, 0, 3, 3, 1.0),
            (3, 3, "train", 3, 0, 3, 2, 2 / 3),
            (4, 1, "train", 4, 1, 3, 2, 2 / 3),
            (4, 3, "train", 4, 1, 3, 3, 1.0),
        ],
    )


def test_agreement_on_several_classes(connection: Connection) -> None:
    """Of five votes for four classes; nobody knows those of the last two runs."""
    votes = {0: [3, 1, 3, 2, 3, 0, 0], 1: [0, 1, 2, 3, 3, 3, 3], 2: [2, 2, 1, 1, 0, 1, 1]}
    told = Story(
        sizes={"train": 2, "test": 1},
        num_classes=4,
        labels=np.zeros(3, dtype=np.int64),
        predicted=np.array(list(votes.values())).T[:, :, None],
        recorded=[[0]] * 7,
        classes_known=[True] * 5 + [False] * 2,
    )
    record(connection, told)
    assert_near(
        values(connection, "agreement", "split, example_id, runs, runs_agreeing, agreement"),
        [("train", 0, 5, 3, 0.6), ("train", 1, 5, 2, 0.4), ("test", 2, 5, 2, 0.4)],
    )


def test_agreement_histogram(connection: Connection, by_hand: Recorded) -> None:
    columns = "split, evaluation, runs, runs_agreeing, agreement, examples"
    assert_near(
        values(connection, "agreement_histogram", columns, "evaluation = 1"),
        [
            ("train", 1, 3, 1, 1 / 3, 0),
            ("train", 1, 3, 2, 2 / 3, 3),
            ("train", 1, 3, 3, 1.0, 2),
        ],
    )


def test_error_consistency(connection: Connection, by_hand: Recorded) -> None:
    # At evaluation 1 the runs are right about 11100, 10100 and 11001.
    columns = (
        "seed_a, seed_b, run_a, run_b, split, examples, accuracy_a, accuracy_b, observed, "
        "expected, kappa"
    )
    ids = by_hand.run_ids
    assert_near(
        values(connection, "error_consistency", columns, "evaluation = 1"),
        [
            (0, 1, ids[0], ids[1], "train", 5, 0.6, 0.4, 0.8, 0.48, 0.32 / 0.52),
            (0, 2, ids[0], ids[2], "train", 5, 0.6, 0.6, 0.6, 0.52, 0.08 / 0.48),
            (1, 2, ids[1], ids[2], "train", 5, 0.4, 0.6, 0.4, 0.48, -0.08 / 0.52),
        ],
    )


def test_error_consistency_where_chance_says_all(connection: Connection) -> None:
    """Two runs always right, one always wrong, one that errs once."""
    record(connection, story_of([[[1], [1]], [[1], [1]], [[0], [0]], [[1], [0]]]))
    assert_near(
        values(connection, "error_consistency", "seed_a, seed_b, observed, expected, kappa"),
        [
            (0, 1, 1.0, 1.0, None),
            (0, 2, 0.0, 0.0, 0.0),
            (0, 3, 0.5, 0.5, 0.0),
            (1, 2, 0.0, 0.0, 0.0),
            (1, 3, 0.5, 0.5, 0.0),
            (2, 3, 0.5, 0.5, 0.0),
        ],
    )


def test_decision_swaps(connection: Connection, by_hand: Recorded) -> None:
    columns = (
        "seed, split, evaluation, previous_evaluation, swaps, forgotten, learned, examples, "
        "swap_share"
    )
    assert_near(
        values(connection, "decision_swaps", columns),
        [
            # Right about 10001, 11100, 11000 and 11100.
            (0, "train", 1, 0, 3, 1, 2, 5, 0.6),
            (0, "train", 2, 1, 1, 1, 0, 5, 0.2),
            (0, "train", 3, 2, 1, 0, 1, 5, 0.2),
            # About 10000, 10100, 11100 and 11010.
            (1, "train", 1, 0, 1, 0, 1, 5, 0.2),
            (1, "train", 2, 1, 1, 0, 1, 5, 0.2),
            (1, "train", 3, 2, 2, 1, 1, 5, 0.4),
            # About 10000, 11001, 11100 and 11100.
            (2, "train", 1, 0, 2, 0, 2, 5, 0.4),
            (2, "train", 2, 1, 2, 1, 1, 5, 0.4),
            (2, "train", 3, 2, 0, 0, 0, 5, 0.0),
        ],
    )


def test_decision_swaps_over_a_gap(connection: Connection) -> None:
    record(connection, story_of([[[1, 0, 1], [1, 1, 0]]], recorded=[[0, 2]]))
    columns = "evaluation, previous_evaluation, swaps, forgotten, learned"
    assert values(connection, "decision_swaps", columns) == [(2, 0, 1, 1, 0)]


def test_unknown_classes(connection: Connection) -> None:
    """Right and wrong are all that is known: only what needs classes is missing."""
    record(connection, story_of([[[1], [0]]], classes_known=False))
    assert values(connection, "outcome", "example_id, correct, predicted") == [
        (0, True, None),
        (1, False, None),
    ]
    assert values(connection, "tp_agreement", "example_id, runs_correct") == [(0, 1), (1, 0)]
    for view in ("agreement_part", "agreement_block", "agreement", "agreement_histogram"):
        assert values(connection, view, "*") == []


def test_signal(connection: Connection, by_hand: Recorded) -> None:
    columns = "ensemble, seed, example_id, evaluation, signal, value, split, position, label"
    assert values(connection, "signal", columns, "example_id = 3 AND seed <> 1") == [
        ("by-hand", 0, 3, 0, "margin", 34.0, "train", 3, 0),
        ("by-hand", 0, 3, 1, "margin", 32.0, "train", 3, 0),
        ("by-hand", 0, 3, 2, "margin", 30.0, "train", 3, 0),
        ("by-hand", 0, 3, 3, "margin", 32.0, "train", 3, 0),
        ("by-hand", 2, 3, 0, "margin", 36.0, "train", 3, 0),
        ("by-hand", 2, 3, 1, "margin", 34.0, "train", 3, 0),
        ("by-hand", 2, 3, 2, "margin", 32.0, "train", 3, 0),
        ("by-hand", 2, 3, 3, "margin", 34.0, "train", 3, 0),
    ]


def test_run_signal(connection: Connection, by_hand: Recorded) -> None:
    # 4, 2, 0 and 2 have mean 2, and deviations 2, 0, -2 and 0 from it: variance 8/4.
    columns = "seed, example_id, signal, evaluations, mean, deviation, split, position, label"
    rows = values(connection, "run_signal", columns)
    assert len(rows) == 15
    for row in rows:
        run, example = row[:2]
        assert row[2:4] == ("margin", 4)
        assert row[4:6] == pytest.approx((2 + run + 10 * example, 2**0.5))
        assert row[6:] == ("train", example, [0, 1, 2, 0, 1][example])


def test_run_depth(connection: Connection, by_hand: Recorded) -> None:
    columns = "seed, split, example_id, position, evaluation, label, depth, layers"
    assert values(connection, "run_depth", columns, "seed IN (0, 2)") == [
        (0, "train", 0, 0, 3, 0, 0, 4),
        (0, "train", 1, 1, 3, 1, 1, 4),
        (0, "train", 2, 2, 3, 2, 2, 4),
        (0, "train", 3, 3, 3, 0, 3, 4),
        (0, "train", 4, 4, 3, 1, None, 4),
        (2, "train", 0, 0, 3, 0, 0, 4),
        (2, "train", 1, 1, 3, 1, 2, 4),
        (2, "train", 2, 2, 3, 2, 1, 4),
        (2, "train", 3, 3, 3, 0, None, 4),
        (2, "train", 4, 4, 3, 1, 3, 4),
    ]


def test_probe_vote(connection: Connection, by_hand: Recorded) -> None:
    # The network predicts the class after the label, a probe that disagrees the one after that.
    columns = "seed, example_id, label, layer, layer_name, predicted"
    assert values(connection, "probe_vote", columns, "seed = 0 AND example_id >= 3") == [
        (0, 3, 0, 0, "input", 2),
        (0, 3, 0, 1, "hidden", 2),
        (0, 3, 0, 2, "output", 2),
        (0, 3, 0, 3, "softmax", 1),
        (0, 4, 1, 0, "input", 0),
        (0, 4, 1, 1, "hidden", 0),
        (0, 4, 1, 2, "output", 0),
        (0, 4, 1, 3, "softmax", 0),
    ]


def test_inference_learning_curve(connection: Connection, by_hand: Recorded) -> None:
    # Right by layer, of five examples: 1, 2, 3, 3 in run 0; 2, 3, 3, 3; and 1, 2, 3, 3.
    spread = (0.08 - 0.64 / 9) ** 0.5
    columns = (
        "ensemble, evaluation, example_group, layer, layer_name, runs, accuracy, deviation, "
        "network_accuracy, network_deviation"
    )
    network = (0.6, 0)
    assert_near(
        values(connection, "inference_learning_curve", columns),
        [
            ("by-hand", 3, "trained_on", 0, "input", 3, 0.8 / 3, spread, *network),
            ("by-hand", 3, "trained_on", 1, "hidden", 3, 1.4 / 3, spread, *network),
            ("by-hand", 3, "trained_on", 2, "output", 3, 0.6, 0, *network),
            ("by-hand", 3, "trained_on", 3, "softmax", 3, 0.6, 0, *network),
        ],
    )
