"""Prediction depth and the difficulty types, with all numbers worked out by hand.

The story of test_held_out, probed at evaluation 2. Depths, of runs that held the example out in
brackets; - is none:

    example  label  run 0  run 1  run 2
    0        0      0      (1)    0
    1        1      (3)    2      (1)
    2        2      1      (3)    (2)
    3        0      2      2      -
    4        1      (0)    (1)    (-)     of the split test
"""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Connection, text

from tests.integration.test_held_out import STORY as HELD_OUT
from tests.support.ensembles import Recorded, record

DEPTH = np.array([[0, 3, 1, 2, 0], [1, 2, 3, 2, 1], [0, 1, 2, 4, 4]])
STORY = replace(
    HELD_OUT,
    depths=np.repeat(DEPTH[:, :, None], HELD_OUT.evaluations, axis=2),
    probed=[2],
    original_labels=np.array([0, 1, 0, 1, 1]),
    name="depth",
)


@pytest.fixture(autouse=True)
def recorded(connection: Connection) -> Recorded:
    return record(connection, STORY)


def ask(connection: Connection, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(text(query))]


def test_prediction_depth(connection: Connection) -> None:
    assert ask(
        connection,
        "SELECT split, position, label, layers, runs_trained_on, depth_trained_on, "
        "runs_held_out, depth_held_out, runs_without FROM prediction_depth ORDER BY example_id",
    ) == [
        ("train", 0, 0, 4, 2, 0.0, 1, 1.0, 0),
        ("train", 1, 1, 4, 1, 2.0, 2, 2.0, 0),
        ("train", 2, 2, 4, 1, 1.0, 2, 2.5, 0),
        ("train", 3, 0, 4, 2, 2.0, 0, None, 1),
        ("test", 0, 1, 4, 0, None, 2, 0.5, 1),
    ]


def test_difficulty_type(connection: Connection) -> None:
    """Held-out depths are from 1 to 2.5, the others from 0 to 2."""
    third = pytest.approx(1 / 3)
    assert ask(
        connection,
        "SELECT example_id, held_out_scaled, trained_on_scaled, type, distance, rank, class_rank "
        "FROM difficulty_type ORDER BY example_id",
    ) == [
        (0, 0.0, 0.0, "easy", 0.0, 1, 1),
        (1, pytest.approx(2 / 3), 1.0, "ambiguous", third, 1, 1),
        (2, 1.0, 0.5, "ambiguous_unless_the_label_is_given", 0.5, 1, 1),
    ]
    assert ask(
        connection,
        "SELECT example_id, depth_trained_on, depth_held_out, difficulty_type "
        "FROM example_difficulty ORDER BY example_id",
    ) == [
        (0, 0.0, 1.0, "easy"),
        (1, 2.0, 2.0, "ambiguous"),
        (2, 1.0, 2.5, "ambiguous_unless_the_label_is_given"),
        (3, 2.0, None, None),
        (4, None, 0.5, None),
    ]


@pytest.mark.parametrize(
    ("held_out", "trained_on", "corner"),
    [
        (0.5, 0.5, "easy"),
        (0.5, 0.6, "looks_like_a_different_class"),
        (0.6, 0.5, "ambiguous_unless_the_label_is_given"),
        (0.6, 0.6, "ambiguous"),
        (None, 0.1, None),
    ],
)
def test_corners(
    connection: Connection, held_out: float | None, trained_on: float, corner: str | None
) -> None:
    query = text("SELECT difficulty_corner(:held_out, :trained_on)")
    values = {"held_out": held_out, "trained_on": trained_on}
    assert connection.scalar(query, values) == corner


def test_types_in_numbers(connection: Connection) -> None:
    """Example 2 is mislabelled; example 3 too, but has no type."""
    third = pytest.approx(1 / 3)
    assert ask(
        connection,
        "SELECT type, examples, share, mislabelled, mislabelled_share, depth_held_out, "
        "depth_trained_on, consistency, consensus_consistency "
        "FROM difficulty_type_summary ORDER BY type",
    ) == [
        ("ambiguous", 1, third, 0, 0.0, 2.0, 2.0, 0.5, 0.5),
        ("ambiguous_unless_the_label_is_given", 1, third, 1, 1.0, 2.5, 1.0, 0.0, 1.0),
        ("easy", 1, third, 0, 0.0, 1.0, 0.0, 1.0, 1.0),
    ]


def test_accuracy_by_depth(connection: Connection) -> None:
    """The class that the runs that held it out agree on is 0, 1 (a tie), 0 and 1."""
    assert ask(
        connection,
        "SELECT split, held_out, depth, answers, share, accuracy, consensus_share "
        "FROM depth_accuracy ORDER BY split DESC, held_out, depth",
    ) == [
        ("train", False, 0, 2, pytest.approx(2 / 6), 1.0, None),
        ("train", False, 1, 1, pytest.approx(1 / 6), 1.0, None),
        ("train", False, 2, 3, 0.5, pytest.approx(2 / 3), None),
        ("train", True, 1, 2, 0.4, 1.0, 1.0),
        ("train", True, 2, 1, 0.2, 0.0, 1.0),
        ("train", True, 3, 2, 0.4, 0.0, 0.5),
        ("test", True, 0, 1, 0.5, 1.0, 1.0),
        ("test", True, 1, 1, 0.5, 1.0, 1.0),
    ]


def test_learned_by_depth(connection: Connection) -> None:
    """A prediction that changes settles at evaluation 2, which is the 95th percentile too."""
    assert ask(
        connection,
        "SELECT split, held_out, depth, answers, mean_converged, rescaled "
        "FROM depth_learned ORDER BY split DESC, held_out, depth",
    ) == [
        ("train", False, 0, 2, 1.0, 0.5),
        ("train", False, 1, 1, 0.0, 0.0),
        ("train", False, 2, 3, pytest.approx(2 / 3), pytest.approx(1 / 3)),
        ("train", True, 1, 2, 1.0, 0.5),
        ("train", True, 2, 1, 0.0, 0.0),
        ("train", True, 3, 2, 1.0, 0.5),
        ("test", True, 0, 1, 0.0, 0.0),
        ("test", True, 1, 1, 2.0, 1.0),
    ]
