"""Data maps, AUM, EL2N, all scores of an example, and suspected labels, worked out by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from tests.support.bits import bitmap
from tests.support.ensembles import Recorded, Story, record, story_of
from tests.support.views import read


def signals(**values: Any) -> dict[str, Any]:
    return {name: np.array(value, np.float32) for name, value in values.items()}


def test_data_map_by_hand(connection: Connection) -> None:
    """Run 0 is sure by 0.2 and 0.6: mean 0.4, deviation 0.2; run 1 has one evaluation, 0.8."""
    story = story_of(
        [[[0, 1]], [[1, 0]]],
        recorded=[[0, 1], [0]],
        signals=signals(confidence=[[[0.25, 0.75]], [[0.875, 0]]]),
    )
    record(connection, story)
    [row] = read(connection, "data_map", story.name)
    assert row["runs"] == 2
    assert row["confidence"] == pytest.approx((0.5 + 0.875) / 2)
    assert row["variability"] == pytest.approx((0.25 + 0) / 2)
    # Right at one of two evaluations, and at the only one: not 2 of 3.
    assert row["correctness"] == pytest.approx((1 / 2 + 1) / 2)
    assert read(connection, "aum", story.name) == []


def test_aum_by_hand(connection: Connection) -> None:
    story = story_of(np.ones((2, 1, 2)), signals=signals(margin=[[[-3, 5]], [[4, 6]]]))
    record(connection, story)
    [row] = read(connection, "aum", story.name)
    assert (row["runs"], row["aum"], row["deviation"]) == (2, 3.0, 2.0)


def test_a_margin_that_is_no_number_has_no_aum(connection: Connection) -> None:
    story = story_of(np.ones((2, 2, 1)), signals=signals(margin=[[[np.nan], [1]], [[2], [3]]]))
    record(connection, story)
    rows = read(connection, "aum", story.name)
    assert [(row["aum"], row["deviation"]) for row in rows] == [(None, None), (2.0, 1.0)]
    wide = read(connection, "example_difficulty", story.name)
    assert {row["position"]: row["aum"] for row in wide} == {0: None, 1: 2.0}


def test_el2n_by_hand(connection: Connection) -> None:
    story = story_of(
        np.ones((3, 1, 2)),
        recorded=[[0, 1], [0], [0]],
        states=["complete", "running", "failed"],
        signals=signals(el2n=[[[0.5, 0.25]], [[1, 0]], [[9, 9]]]),
    )
    record(connection, story)
    rows = read(connection, "el2n", story.name)
    assert sorted((row["evaluation"], row["runs"], row["el2n"]) for row in rows) == [
        (0, 2, 0.75),
        (1, 1, 0.25),
    ]


def votes(*final: list[int], labels: list[int], **others: Any) -> Story:
    """Runs whose last predictions are these, by run and example; nothing else was recorded."""
    defaults = {"sizes": {"train": len(labels)}, "recorded": [[0]] * len(final)}
    return Story(
        num_classes=4,
        labels=np.array(labels),
        predicted=np.array(final)[:, :, None],
        **(defaults | others),
    )


def test_suspected_label_errors_by_hand(connection: Connection) -> None:
    """All say 1 of a 0; two of three say 2 of a 0; all differ; one has learned its label."""
    story = votes([1, 2, 1, 3], [1, 2, 2, 1], [1, 3, 3, 1], labels=[0, 0, 0, 3])
    record(connection, story)
    rows = read(connection, "suspected_label_errors", story.name)
    rows.sort(key=lambda row: row["position"])
    assert [
        (row["position"], row["label"], row["consensus_class"], row["label_share"]) for row in rows
    ] == [(0, 0, 1, 0.0), (1, 0, 2, 0.0)]
    assert [row["score"] for row in rows] == [1.0, pytest.approx(2 / 3)]
    assert {(row["confidence"], row["aum"]) for row in rows} == {(None, None)}


def test_a_label_that_was_half_believed_is_not_suspected(connection: Connection) -> None:
    """Never right, all agree: but of the second the label had 0.3 on average."""
    story = votes(
        [1, 1, 1], [1, 1, 1], labels=[0, 0, 0],
        signals=signals(
            confidence=[[[0.05], [0.25], [0.0]], [[0.1], [0.35], [0.0]]],
            margin=[[[-2], [-1], [-4]], [[-4], [-1], [-6]]],
        ),
    )  # fmt: skip
    record(connection, story)
    rows = read(connection, "suspected_label_errors", story.name)
    found = {row["position"]: (row["score"], row["confidence"], row["aum"]) for row in rows}
    assert found == {
        0: (pytest.approx(0.925), pytest.approx(0.075), -3.0),
        2: (1.0, 0.0, -5.0),
    }
    assert {row["accessibility"] for row in rows} == {0.0}


def test_only_training_examples_are_suspected(connection: Connection) -> None:
    told: Recorded = record(
        connection, votes([1, 1], [1, 1], labels=[0, 0], sizes={"train": 1, "test": 1})
    )
    rows = read(connection, "suspected_label_errors", told.story.name)
    assert [row["split"] for row in rows] == ["train"]


@pytest.mark.parametrize(
    ("arguments", "score"),
    [
        ("0.1, 0.6", 0.5),
        ("0.11, 0.6", None),
        ("0.11, 0.6, 0.2", 0.49),
        ("0, 0.5", None),
        ("0, 0.5, 0.1, 0.4", 0.5),
        ("NULL, 1", None),
    ],
)
def test_thresholds_are_parameters(
    connection: Connection, arguments: str, score: float | None
) -> None:
    found = connection.scalar(text(f"SELECT label_error_score({arguments})"))
    assert found == (None if score is None else pytest.approx(score))


NUMBERS = st.floats(-1e6, 1e6, width=32)


@pytest.mark.embedded_only
@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(
            st.lists(NUMBERS, min_size=width, max_size=width), min_size=1, max_size=20
        )
    )
)
def test_means_and_deviations_are_those_of_numpy(undone: Any, rows: list[list[float]]) -> None:
    query = text(
        "SELECT rows_mean(n), rows_deviation(n, rows_mean(n)) "
        "FROM (SELECT CAST(:numbers AS real[]) AS n) AS given"
    )
    with undone() as connection:
        [(mean, deviation)] = connection.execute(query, {"numbers": rows})
    numbers = np.array(rows, np.float32).astype(np.float64)
    np.testing.assert_allclose(mean, numbers.mean(0), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(deviation, numbers.std(0), rtol=1e-9, atol=1e-9)


@pytest.mark.embedded_only
@given(
    rows=st.integers(1, 20),
    size=st.integers(1, 20),
    share=st.sampled_from([0, 0.05, 0.3, 1]),
    seed=st.integers(0, 2**31),
)
@example(rows=8, size=20, share=0.05, seed=0)
@example(rows=9, size=20, share=0.05, seed=0)
@example(rows=16, size=20, share=0.3, seed=0)
@example(rows=17, size=20, share=0.3, seed=0)
def test_means_of_rows_apart(undone: Any, rows: int, size: int, share: float, seed: int) -> None:
    """Other ones for each column; NaN where it counts, but not where it does not."""
    rng = np.random.default_rng(seed)
    numbers = rng.standard_normal((rows, size)).astype(np.float32)
    numbers[rng.random((rows, size)) < 0.05] = np.nan
    held_out = rng.random((rows, size)) < share
    query = text("SELECT rows_mean_apart(CAST(:numbers AS real[]), CAST(:held_out AS varbit[]))")
    with undone() as connection:
        found = connection.scalar(
            query, {"numbers": numbers.tolist(), "held_out": [bitmap(row) for row in held_out]}
        )
    for means, members in zip(found, (~held_out, held_out), strict=True):
        for mean, column, mine in zip(means, numbers.T, members.T, strict=True):
            if mine.any():
                expected = column[mine].astype(np.float64).mean()
                assert mean == pytest.approx(expected, rel=1e-12, abs=1e-9, nan_ok=True)
            else:
                assert mean is None
