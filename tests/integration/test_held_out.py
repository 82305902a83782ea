"""What each run did not train on: stored once, compared on a replay, and told apart by the views.

Three runs, four training examples and a test example, evaluations 1 and 2; 1 is right, and what a
run held out is in brackets:

    example  label  run 0   run 1   run 2
    0        0      01      (11)    11
    1        1      (00)    01      (01)
    2        2      11      (10)    (00)
    3        0      11      00      01
    4        1      (11)    (01)    (00)     of the split test
"""

from collections.abc import Callable
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from tests.support.ensembles import Recorded, Story, block_size, record, story_of
from tests.unit.test_specs import spec
from tracker.deletion import delete_ensemble
from tracker.ensembles import enqueue_runs
from tracker.errors import ReplayError, UsageError
from tracker.exports import export
from tracker.holdout import held_out, parse_holdout
from tracker.imports import import_ensemble
from tracker.outcomes.held_out import (
    check_held_out,
    held_out_blocks,
    read_held_out,
    write_held_out,
)
from tracker.outcomes.layout import Layout
from tracker.registry import RegisteredDataset
from tracker.verification import verify

RIGHT = ["01 11 11", "00 01 01", "11 10 00", "11 00 01", "11 01 00"]
STORY = story_of(
    np.array([[list(run) for run in row.split()] for row in RIGHT]).transpose(1, 0, 2) == "1",
    sizes={"train": 4, "test": 1},
    held_out=np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0]], dtype=bool),
    first=1,
    name="held-out",
)


@pytest.fixture
def recorded(connection: Connection) -> Recorded:
    return record(connection, STORY)


def ask(connection: Connection, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(text(query))]


def test_one_bitmap_a_run_and_training_block(connection: Connection, recorded: Recorded) -> None:
    assert ask(connection, "SELECT run_id, block, held_out FROM run_block ORDER BY run_id") == [
        (run_id, 0, bits)
        for run_id, bits in zip(recorded.run_ids, ["0100", "1010", "0110"], strict=True)
    ]


def test_consistency_counts_the_runs_that_held_an_example_out(
    connection: Connection, recorded: Recorded
) -> None:
    # A wrong class is the one after the label.
    assert ask(
        connection,
        "SELECT runs_held_out, consistency, consensus_class, consensus_consistency, "
        "prediction_entropy FROM consistency ORDER BY example_id",
    ) == [
        (1, 1.0, 0, 1.0, 0.0),
        (2, 0.5, 1, 0.5, pytest.approx(log(2))),
        (2, 0.0, 0, 1.0, 0.0),
        (0, None, None, None, None),
        (3, pytest.approx(2 / 3), 1, pytest.approx(2 / 3),
         pytest.approx(log(3) - 2 / 3 * log(2))),
    ]  # fmt: skip


def test_accuracies_of_runs_apart(connection: Connection, recorded: Recorded) -> None:
    columns = (
        "accuracy, trained_on_examples, trained_on_accuracy, held_out_examples, held_out_accuracy"
    )
    assert ask(
        connection,
        f"SELECT seed, split, {columns} FROM run_accuracy WHERE evaluation = 2 "
        "ORDER BY seed, split DESC",
    ) == [
        (0, "train", 0.75, 3, 1.0, 1, 0.0),
        (0, "test", 1.0, 0, None, 1, 1.0),
        (1, "train", 0.5, 2, 0.5, 2, 0.5),
        (1, "test", 1.0, 0, None, 1, 1.0),
        (2, "train", 0.75, 2, 1.0, 2, 0.5),
        (2, "test", 0.0, 0, None, 1, 0.0),
    ]


def test_accuracies_of_the_ensemble_apart(connection: Connection, recorded: Recorded) -> None:
    assert ask(
        connection,
        "SELECT evaluation, accuracy, trained_on_accuracy, held_out_accuracy "
        "FROM ensemble_accuracy WHERE split = 'train' ORDER BY evaluation",
    ) == [
        # Of 12 answers, 7 are of examples that were trained on.
        (1, pytest.approx(5 / 12), pytest.approx(3 / 7), 0.4),
        (2, pytest.approx(8 / 12), pytest.approx(6 / 7), 0.4),
    ]


def test_accessibility_apart(connection: Connection, recorded: Recorded) -> None:
    """Of four or six answers about each example, one row above; evaluations count alike."""
    columns = "runs_held_out, accessibility, accessibility_trained_on, accessibility_held_out"
    expected = [
        (1, 5 / 6, 3 / 4, 1.0),
        (2, 2 / 6, 1 / 2, 1 / 4),
        (2, 3 / 6, 1.0, 1 / 4),
        (0, 3 / 6, 3 / 6, None),
        (3, 3 / 6, None, 3 / 6),
    ]
    for view in ("accessibility", "learning_order", "example_difficulty"):
        rows = ask(connection, f"SELECT {columns} FROM {view} ORDER BY example_id")
        assert rows == [pytest.approx(row) for row in expected], view


def test_accessibility_apart_of_runs_behind(connection: Connection) -> None:
    """Each evaluation is a mean over the runs of the kind that have recorded it."""
    # Example 0 is trained on by runs 0 and 1: 2/2 at evaluation 1, 0/1 at 2; held out by run 2,
    # which has recorded 1 alone. Example 1 is held out by run 0 alone: 0/1, 1/1.
    story = story_of(
        np.array([["10", "01"], ["11", "11"], ["01", "10"]], dtype="U2").view("U1").reshape(3, 2, 2)
        == "1",
        recorded=[[1, 2], [1], [1]],
        held_out=np.array([[0, 1], [0, 0], [1, 0]], dtype=bool),
        first=1,
    )
    record(connection, story)
    columns = "accessibility, accessibility_trained_on, accessibility_held_out"
    rows = ask(connection, f"SELECT {columns} FROM accessibility ORDER BY example_id")
    assert rows == [
        # (2/3 + 0/1) / 2, (2/2 + 0/1) / 2, 0/1.
        pytest.approx((1 / 3, 1 / 2, 0.0)),
        # (2/3 + 1/1) / 2, 2/2, (0/1 + 1/1) / 2.
        pytest.approx((5 / 6, 1.0, 1 / 2)),
    ]


def test_learning_by_held_out(connection: Connection, recorded: Recorded) -> None:
    columns = (
        "example_id, held_out, runs, accessibility, mean_learned, median_learned, "
        "learned_share, first_correct, last_mistake, forgetting_events, never_learned_share"
    )
    rows = ask(connection, f"SELECT {columns} FROM learning_by_held_out ORDER BY held_out, 1")
    assert rows == [
        pytest.approx(row)
        for row in [
            # Runs 0 and 2, right 01 and 11: learned at 2 and 1.
            (0, False, 2, 3 / 4, 1.5, 1.5, 1.0, 1.5, 1 / 2, 0.0, 0.0),
            # Run 1: 01.
            (1, False, 1, 1 / 2, 2.0, 2.0, 1.0, 2.0, 1.0, 0.0, 0.0),
            # Run 0: 11.
            (2, False, 1, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0),
            # All runs: 11, 00, 01.
            (3, False, 3, 1 / 2, 1.5, 2.0, 2 / 3, 1.5, 1.0, 0.0, 1 / 3),
            # Run 1: 11.
            (0, True, 1, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0),
            # Runs 0 and 2: 00 and 01; half have learned it, so that there is no median.
            (1, True, 2, 1 / 4, 2.0, None, 1 / 2, 2.0, 1.5, 0.0, 1 / 2),
            # Runs 1 and 2: 10 and 00.
            (2, True, 2, 1 / 4, None, None, 0.0, 1.0, 2.0, 1 / 2, 1 / 2),
            # All runs, of the split test: 11, 01, 00.
            (4, True, 3, 1 / 2, 1.5, 2.0, 2 / 3, 1.5, 1.0, 0.0, 1 / 3),
        ]
    ]


def test_tp_agreement_and_dichotomy_apart(connection: Connection, recorded: Recorded) -> None:
    at = "WHERE evaluation = 2 ORDER BY example_id"
    columns = (
        "runs_correct, runs_held_out, runs_correct_held_out, tp_agreement_trained_on, "
        "tp_agreement_held_out"
    )
    assert ask(connection, f"SELECT {columns} FROM tp_agreement {at}") == [
        (3, 1, 1, 1.0, 1.0),
        (2, 2, 1, 1.0, 0.5),
        (1, 2, 0, 1.0, 0.0),
        (2, 0, 0, pytest.approx(2 / 3), None),
        (2, 3, 2, None, pytest.approx(2 / 3)),
    ]
    apart = "difficulty, difficulty_trained_on, difficulty_held_out"
    expected = [
        ("trivial", "trivial", "trivial"),
        ("in between", "trivial", "in between"),
        ("in between", "trivial", "impossible"),
        ("in between", "in between", None),
        ("in between", None, "in between"),
    ]
    assert ask(connection, f"SELECT {apart} FROM dichotomy {at}") == expected
    # The last evaluation of all runs.
    query = f"SELECT {apart} FROM example_difficulty ORDER BY example_id"
    assert ask(connection, query) == expected


def test_classes_apart(connection: Connection, recorded: Recorded) -> None:
    """Labels are 0, 1, 2 and 0, and 1 of the test example."""
    assert ask(
        connection,
        "SELECT split, class, tp_agreement_trained_on, tp_agreement_held_out FROM class_order "
        "WHERE evaluation = 1 ORDER BY split DESC, class",
    ) == [
        # Answers about examples 0 and 3: 0, 1; 1, 0, 0 trained on, 1 held out.
        ("train", 0, pytest.approx(2 / 5), 1.0),
        ("train", 1, 0.0, 0.0),
        ("train", 2, 1.0, 0.5),
        ("test", 1, None, pytest.approx(1 / 3)),
    ]
    assert ask(
        connection,
        "SELECT split, class, accessibility_trained_on, accessibility_held_out "
        "FROM class_difficulty ORDER BY split DESC, class",
    ) == [
        # Means over the examples of test_accessibility_apart.
        ("train", 0, pytest.approx((3 / 4 + 1 / 2) / 2), 1.0),
        ("train", 1, 0.5, 0.25),
        ("train", 2, 1.0, 0.25),
        ("test", 1, None, 0.5),
    ]


def test_agreement_by_held_out(connection: Connection, recorded: Recorded) -> None:
    columns = "example_id, held_out, runs, runs_agreeing, agreement"
    query = f"SELECT {columns} FROM agreement_by_held_out WHERE evaluation = 2 ORDER BY 2, 1"
    # A wrong class is the one after the label.
    assert ask(connection, query) == [
        (0, False, 2, 2, 1.0),
        (1, False, 1, 1, 1.0),
        (2, False, 1, 1, 1.0),
        (3, False, 3, 2, pytest.approx(2 / 3)),
        (0, True, 1, 1, 1.0),
        (1, True, 2, 1, 0.5),
        (2, True, 2, 2, 1.0),
        (4, True, 3, 2, pytest.approx(2 / 3)),
    ]


def test_swaps_and_convergence_apart(connection: Connection, recorded: Recorded) -> None:
    """A prediction that does not change has converged at 0, one that does at 2."""
    assert ask(
        connection,
        "SELECT seed, swaps, trained_on_examples, trained_on_swap_share, held_out_examples, "
        "held_out_swap_share FROM decision_swaps WHERE split = 'train' ORDER BY seed",
    ) == [
        (0, 1, 3, pytest.approx(1 / 3), 1, 0.0),
        (1, 2, 2, 0.5, 2, 0.5),
        (2, 2, 2, 0.5, 2, 0.5),
    ]
    assert ask(
        connection,
        "SELECT runs_held_out, mean_converged, mean_converged_trained_on, mean_converged_held_out "
        "FROM convergence ORDER BY example_id",
    ) == [
        pytest.approx(row)
        for row in [
            (1, 2 / 3, 1.0, 0.0),
            (2, 4 / 3, 2.0, 1.0),
            (2, 2 / 3, 0.0, 1.0),
            (0, 2 / 3, 2 / 3, None),
            (3, 2 / 3, None, 2 / 3),
        ]
    ]


def test_signals_apart(connection: Connection) -> None:
    """Margins of run r at both evaluations are r and 10 + r of each example."""
    margin = np.arange(3)[:, None, None] + np.array([0, 0, 10]) + np.zeros((3, 5, 1))
    signals = {"margin": margin.astype(np.float32), "el2n": margin.astype(np.float32)}
    record(connection, replace(STORY, signals=signals))
    at = "WHERE example_id = 0 AND {} ORDER BY held_out"
    query = f"SELECT held_out, runs, mean, deviation FROM signal_by_held_out {at}"
    assert ask(connection, query.format("signal = 'margin'")) == [
        # Of runs 0 and 2, and of run 1.
        (False, 2, 6.0, 5.0),
        (True, 1, 6.0, 5.0),
    ]
    query = f"SELECT held_out, runs, el2n FROM el2n_by_held_out {at}"
    assert ask(connection, query.format("evaluation = 2")) == [(False, 2, 11.0), (True, 1, 11.0)]


@pytest.mark.parametrize(
    ("view", "per_pair"), [("outcome", 2), ("forgetting", 1)], ids=["outcome", "forgetting"]
)
def test_every_answer_of_a_run_says_whether_it_trained_on_the_example(
    connection: Connection, recorded: Recorded, view: str, per_pair: int
) -> None:
    told = ask(connection, f"SELECT seed, example_id, held_out FROM {view} ORDER BY seed, 2")
    assert told[::per_pair] == [
        (run, example, bool(STORY.unseen[run, example])) for run in range(3) for example in range(5)
    ]


TOLD_APART = (
    *("tp_block", "tp_agreement", "dichotomy", "accessibility_block", "accessibility"),
    *("learning_order", "learned_held_out_block", "learning_by_held_out", "agreement_by_held_out"),
    *("class_order", "class_difficulty", "decision_swaps", "convergence", "consistency"),
    *("signal_by_held_out", "el2n_by_held_out", "example_difficulty", "run_accuracy"),
)


def test_a_run_without_bitmaps_held_nothing_of_train_out(connection: Connection) -> None:
    """Beside runs that have some: a bitmap without ones would say the same."""
    told = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0]], dtype=bool)
    signal = np.arange(3 * 5 * 3, dtype=np.float32).reshape(3, 5, 3)
    signals = {"confidence": signal, "margin": signal, "el2n": signal}
    recorded = record(
        connection,
        replace(STORY, held_out=told, signals=signals, recorded=[[1, 2], [1], [1, 2]]),
    )

    def rows() -> dict[str, set[str]]:
        return {
            view: {str(row) for (row,) in ask(connection, f"SELECT told::text FROM {view} told")}
            for view in TOLD_APART
        }

    before = rows()
    assert all(before.values())
    assert bitmaps(connection) == ["1010", "0110"]
    query = text("INSERT INTO run_block (run_id, block, held_out) VALUES (:run, 0, '0000')")
    connection.execute(query, {"run": recorded.run_ids[0]})
    assert rows() == before


# --- writing --------------------------------------------------------------------------------------


def bitmaps(connection: Connection) -> list[str]:
    query = "SELECT string_agg(held_out::text, ',' ORDER BY block) FROM run_block GROUP BY run_id"
    return [str(bits) for (bits,) in ask(connection, query)]


def test_bitmaps_of_blocks() -> None:
    with block_size(8):
        layout = Layout.of({"test": 5, "train": 10}, 8)
    held_out = np.arange(10) % 3 == 0
    assert held_out_blocks(layout, held_out) == {1: "10010010", 2: "01"}


def test_writing_again_changes_nothing_and_something_else_is_refused(
    connection: Connection, recorded: Recorded
) -> None:
    layout = Layout.of(STORY.sizes, recorded.block_size)
    before = bitmaps(connection)
    write_held_out(connection, recorded.run_ids[0], layout, STORY.held_out[0])
    for other in (STORY.held_out[1], np.zeros(4, bool)):
        with pytest.raises(ReplayError, match=f"run {recorded.run_ids[0]}: .* held out other"):
            write_held_out(connection, recorded.run_ids[0], layout, other)
    assert bitmaps(connection) == before


def test_without_evaluations_the_new_attempt_is_right(connection: Connection) -> None:
    story = replace(STORY, recorded=[[], [], []], states=("running",) * 3)
    recorded = record(connection, story)
    layout = Layout.of(STORY.sizes, recorded.block_size)
    for run_id in recorded.run_ids[:2]:
        write_held_out(connection, run_id, layout, np.array([0, 0, 0, 1], bool))
    write_held_out(connection, recorded.run_ids[2], layout, np.zeros(4, bool))
    assert bitmaps(connection) == ["0001", "0001"]


def test_deleting_takes_the_bitmaps_along(connection: Connection, recorded: Recorded) -> None:
    delete_ensemble(connection, STORY.name)
    assert bitmaps(connection) == []


# --- taking it elsewhere, and checking ------------------------------------------------------------


def exported(engine: Engine, folder: Path, form: str = "npz", story: Story = STORY) -> Path:
    with engine.begin() as connection:
        record(connection, story)
    file = folder / f"told.{form}"
    with file.open("wb") as stream:
        export(engine, story.name, "outcome", form, stream)
    return file


def answers(engine: Engine, name: str) -> list[tuple[object, ...]]:
    query = f"SELECT seed, example_id, evaluation, held_out FROM outcome WHERE ensemble = '{name}'"
    with engine.connect() as connection:
        return sorted(ask(connection, query))


def test_arrays_say_what_is_held_out(engine: Engine, tmp_path: Path) -> None:
    with np.load(exported(engine, tmp_path)) as archive:
        np.testing.assert_array_equal(archive["held_out"], STORY.unseen)


@pytest.mark.parametrize("form", ["npz", "parquet"])
@pytest.mark.parametrize("told", [STORY.held_out, None], ids=["some", "nothing"])
def test_what_is_held_out_comes_back(
    engine: Engine, tmp_path: Path, form: str, told: NDArray[np.bool_] | None
) -> None:
    story = replace(STORY, held_out=told)
    done = import_ensemble(engine, [exported(engine, tmp_path, form, story)], "again")
    assert not done.ignored
    rows = answers(engine, "again")
    assert rows == answers(engine, STORY.name)
    assert len(rows) == 3 * 5 * 2
    with engine.connect() as connection:
        bits = bitmaps(connection)
    assert bits[: len(bits) // 2] == bits[len(bits) // 2 :]
    assert len(bits) == (0 if told is None else 6)
    assert not verify(engine, "again").problems


def of_row(table: pa.Table, row: int, value: Any) -> list[Any]:
    values: list[Any] = table["held_out"].to_pylist()
    values[row] = value
    return values


@pytest.mark.embedded_only
@pytest.mark.parametrize("batch", [1 << 20, 3])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        # Rows stand by seed, evaluation and example: 13 is run 1, evaluation 1, example 3.
        (lambda table: of_row(table, 13, True), "run 1, train example 3 is held out in one row an"),
        (
            lambda table: of_row(table, 4, False),
            "run 0, test example 0 is held out in one row and trained on in another",
        ),
        (
            lambda table: [False] * len(table),
            "run 0, test example 0 is not held out, but runs hold out all examples of splits other",
        ),
        (lambda table: of_row(table, 7, None), "held_out is NULL in row 7"),
        (lambda table: [2] * len(table), r"held_out in row 0 is 2, neither 0 \(trained on\) nor 1"),
        (lambda table: ["no"] * len(table), "column held_out holds string"),
    ],
    ids=["contradiction", "test contradiction", "test examples", "NULL", "values", "type"],
)
def test_other_columns_are_refused(
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pa.Table], list[Any]],
    message: str,
    batch: int,
) -> None:
    monkeypatch.setattr("tracker.imports.parquet_table.BATCH", batch)
    file = exported(engine, tmp_path, "parquet")
    table = pq.read_table(file)
    column = table.schema.get_field_index("held_out")
    pq.write_table(table.set_column(column, "held_out", pa.array(change(table))), file)
    with pytest.raises(UsageError, match=rf"cannot import told\.parquet: {message}"):
        import_ensemble(engine, [file], "again")


@pytest.mark.embedded_only
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda held: held[:, :4], r"array held_out must have shape \(3, 5\), got \(3, 4\)"),
        (lambda held: held * 2, r"held_out\[0, 1\] is 2, neither 0 \(trained on\) nor 1"),
        (lambda held: held & (np.arange(5) < 4), r"held_out\[0, 4\] is 0, but runs hold out"),
        (lambda held: held.astype("U5"), "array held_out holds <U5, not 0 and 1"),
    ],
    ids=["shape", "values", "test examples", "type"],
)
def test_other_arrays_are_refused(
    engine: Engine, tmp_path: Path, change: Callable[[Any], Any], message: str
) -> None:
    file = exported(engine, tmp_path)
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez(file, **arrays | {"held_out": change(arrays["held_out"])})
    with pytest.raises(UsageError, match=message):
        import_ensemble(engine, [file], "again")


def test_verify_knows_what_the_seed_draws(connection: Connection) -> None:
    layout = Layout.of({"train": 20, "test": 4}, 8)
    story = replace(STORY, recorded=[[], [], []], states=("running",) * 3)
    run_id = record(connection, story).run_ids[0]
    expected = held_out(parse_holdout("80:20"), 3, 20)

    def found() -> list[tuple[int, str]]:
        return list(check_held_out(connection, run_id, layout, expected))

    connection.execute(text("DELETE FROM run_block"))
    assert found() == [(block, "held_out is missing") for block in range(3)]
    write_held_out(connection, run_id, layout, expected)
    assert found() == []
    assert list(check_held_out(connection, run_id, layout, None)) == []
    np.testing.assert_array_equal(
        read_held_out(connection, run_id, layout), [*expected, *[True] * 4]
    )
    connection.execute(text("UPDATE run_block SET held_out = ~held_out WHERE block = 1"))
    connection.execute(text("UPDATE run_block SET held_out = B'1' WHERE block = 2"))
    connection.execute(text("UPDATE run_block SET block = 3 WHERE block = 0"))
    assert found() == [
        (0, "held_out is missing"),
        (1, "held_out is not what the seed of the run draws"),
        (2, "held_out has 1 bits, 4 expected"),
        (3, "held_out is of a block of which nothing can be held out"),
    ]


# --- queueing -------------------------------------------------------------------------------------


def test_steps_are_those_of_the_examples_trained_on(connection: Connection) -> None:
    dataset = registered(connection, 103)
    rows = []
    for split in (None, "90:10", "parts:4", "part:2/4"):
        one = spec(split=split, batch_size=10, length="2epochs")
        name = f"e-{split}".replace(":", "")
        enqueued = enqueue_runs(connection, name, one, dataset, range(3), "q")
        query = f"SELECT total_steps, evaluations FROM ensemble WHERE id = {enqueued.ensemble_id}"
        rows += ask(connection, query)
    assert rows == [(22, 2), (20, 2), (6, 2), (6, 2)]


@pytest.mark.parametrize(("split", "size", "some"), [("90:10", 4, 4), ("parts:9", 8, 0)])
def test_a_split_needs_examples_on_both_sides(
    connection: Connection, split: str, size: int, some: int
) -> None:
    dataset, one = registered(connection, size), spec(split=split)
    message = f"--split {split} of {size} training examples trains on {some} of them"
    with pytest.raises(UsageError, match=message):
        enqueue_runs(connection, "e", one, dataset, range(1), "q")


def registered(connection: Connection, train: int) -> RegisteredDataset:
    query = (
        "INSERT INTO dataset (name, num_classes, class_names, fingerprint, block_size) "
        "VALUES ('d', 2, '{a,b}', '', 8) RETURNING id"
    )
    [(dataset_id,)] = ask(connection, query)
    return RegisteredDataset(dataset_id, "d", 2, 8, {"train": train, "test": 5})
