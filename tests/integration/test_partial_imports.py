"""Imports that tell of some splits, or of some evaluations, are whole as they are."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from tests.support.ensembles import (
    Story,
    block_size,
    dataset_of,
    layout_of,
    record,
    story_of,
    with_changes,
)
from tracker.deletion import contents
from tracker.errors import UsageError
from tracker.exports import export
from tracker.imports import import_ensemble
from tracker.outcomes.copying import copy_into
from tracker.outcomes.packing import signal_rows
from tracker.registry import register_dataset
from tracker.verification import verify

pytestmark = pytest.mark.embedded_only

# Blocks of 8: train is 0 to 2, held_out 3 to 4, test 5 to 6.
SIZES = {"train": 19, "held_out": 11, "test": 10}
PARTS = {"train": slice(0, 19), "held_out": slice(19, 30), "test": slice(30, 40)}

RNG = np.random.default_rng(5)
STORY = story_of(RNG.random((2, 40, 4)) < 0.6, first=1, num_classes=5, sizes=SIZES, dataset="ours")
MARGIN = RNG.normal(size=(2, 40, 4)).astype(np.float32)

SPLITS = [("train",), ("held_out",), ("test",), ("train", "test"), ("test", "held_out")]


@pytest.fixture(autouse=True)
def _small_blocks() -> Iterator[None]:
    with block_size(8):
        yield


def examples_of(splits: tuple[str, ...]) -> NDArray[np.intp]:
    return np.concatenate([np.arange(40)[PARTS[split]] for split in splits])


def import_part(engine: Engine, folder: Path, splits: tuple[str, ...], name: str) -> None:
    """Import what the story says of these splits, in this order, as of the dataset `ours`."""
    with engine.begin() as connection:
        register_dataset(connection, dataset_of(STORY))
    examples, file = examples_of(splits), folder / f"{name}.npz"
    np.savez(
        file,
        predicted=STORY.predicted[:, examples, 1:],
        margin=MARGIN[:, examples],
        split=np.repeat(splits, [SIZES[split] for split in splits]),
    )
    import_ensemble(engine, [file], name, dataset="ours")


def view(engine: Engine, name: str, table: str = "outcome") -> list[dict[str, Any]]:
    """The outcomes, but for what each ensemble has of its own."""
    order = "seed, example_id, evaluation" + (", signal" if table == "signal" else "")
    query = text(f"SELECT * FROM {table} WHERE ensemble = :name ORDER BY {order}")
    with engine.connect() as connection:
        return [common(dict(row)) for row in connection.execute(query, {"name": name}).mappings()]


def common(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in row if name not in ("ensemble", "ensemble_id", "run_id")}


def exported(engine: Engine, name: str, form: str) -> io.BytesIO:
    file = io.BytesIO()
    export(engine, name, "outcome", form, file)
    file.seek(0)
    return file


def by_key(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(
        map(common, rows), key=lambda row: [row[k] for k in ("seed", "example_id", "evaluation")]
    )


def assert_sound(engine: Engine, name: str, runs: int, evaluations: int, outcomes: int) -> None:
    found = verify(engine, name)
    assert (found.problems, found.unchecked) == ([], {})
    assert (found.runs, found.evaluations, found.outcomes) == (runs, evaluations, outcomes)


def damage(engine: Engine, *statements: str) -> None:
    """Run SQL in which SEED0 and SEED1 are runs of `theirs`; foreign keys are not checked."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            for seed in range(3):
                run = (
                    "(SELECT run.id FROM run INNER JOIN ensemble ON ensemble_id = ensemble.id "
                    f"WHERE name = 'theirs' AND seed = {seed})"
                )
                statement = statement.replace(f"SEED{seed}", run)
            assert connection.execute(text(statement)).rowcount > 0, statement


def problems(engine: Engine) -> list[str]:
    return [str(problem) for problem in verify(engine, "theirs").problems]


# --- some splits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("splits", SPLITS, ids="-".join)
def test_what_covers_some_splits_is_sound(
    engine: Engine, tmp_path: Path, splits: tuple[str, ...]
) -> None:
    import_part(engine, tmp_path, splits, "theirs")
    size = len(examples_of(splits))
    assert_sound(engine, "theirs", 2, 8, 8 * size)
    with engine.connect() as connection:
        assert contents(connection, "theirs").outcomes == 8 * size


@pytest.mark.parametrize("splits", SPLITS, ids="-".join)
def test_exports_have_the_examples_that_are_covered(
    engine: Engine, tmp_path: Path, splits: tuple[str, ...]
) -> None:
    import_part(engine, tmp_path, splits, "theirs")
    rows = [
        row | {"margin": MARGIN[row["seed"], row["example_id"], row["evaluation"] - 1]}
        for row in view(engine, "theirs")
    ]
    covered = np.sort(examples_of(splits))
    assert sorted({row["example_id"] for row in rows}) == covered.tolist()

    assert by_key(pq.read_table(exported(engine, "theirs", "parquet")).to_pylist()) == rows
    lines = exported(engine, "theirs", "jsonl").read().decode().splitlines()
    objects = [json.loads(line) for line in lines]
    assert by_key([row | {"margin": np.float32(row["margin"])} for row in objects]) == rows
    cells = csv.DictReader(io.StringIO(exported(engine, "theirs", "csv").read().decode()))
    numbers = ("seed", "example_id", "position", "evaluation", "label", "predicted")
    plain = [
        row
        | {name: int(row[name]) for name in numbers}
        | {name: {"true": True, "false": False}[row[name]] for name in ("correct", "held_out")}
        | {"margin": np.float32(row["margin"])}
        for row in cells
    ]
    assert by_key(plain) == rows

    with np.load(exported(engine, "theirs", "npz")) as arrays:
        of = {split: np.arange(40)[part] for split, part in PARTS.items()}
        named = [(split, place) for split in SIZES for place in range(SIZES[split])]
        np.testing.assert_array_equal(arrays["example_id"], covered)
        assert [
            (str(split), int(place))
            for split, place in zip(arrays["split"], arrays["position"], strict=True)
        ] == [named[example] for example in covered]
        assert set(arrays["split"]) == set(splits) <= set(of)
        np.testing.assert_array_equal(arrays["label"], STORY.labels[covered])
        np.testing.assert_array_equal(arrays["predicted"], STORY.predicted[:, covered, 1:])
        np.testing.assert_array_equal(arrays["correct"], STORY.correct[:, covered, 1:])
        np.testing.assert_array_equal(arrays["margin"], MARGIN[:, covered])


@pytest.mark.parametrize("form", ["parquet", "npz"])
@pytest.mark.parametrize("splits", SPLITS, ids="-".join)
def test_what_is_exported_is_imported_again_as_it_was(
    engine: Engine, tmp_path: Path, splits: tuple[str, ...], form: str
) -> None:
    import_part(engine, tmp_path, splits, "theirs")
    file = tmp_path / f"again.{form}"
    file.write_bytes(exported(engine, "theirs", form).read())
    import_ensemble(engine, [file], "again", dataset="ours")
    assert view(engine, "again") == view(engine, "theirs")
    assert_sound(engine, "again", 2, 8, 8 * len(examples_of(splits)))
    assert checksums(engine, "again") == checksums(engine, "theirs")
    if form == "npz":
        assert view(engine, "again", "signal") == view(engine, "theirs", "signal")


def checksums(engine: Engine, name: str) -> list[bytes]:
    query = text(
        "SELECT checksum FROM evaluation INNER JOIN run ON run_id = run.id "
        "INNER JOIN ensemble ON ensemble_id = ensemble.id WHERE name = :name "
        "ORDER BY seed, evaluation"
    )
    with engine.connect() as connection:
        return [bytes(value) for value in connection.scalars(query, {"name": name})]


COPY_BLOCK = (
    "INSERT INTO outcome_block SELECT run_id, 0, evaluation, correct, predicted "
    "FROM outcome_block WHERE run_id = SEED1 AND evaluation = 2 AND block = 5"
)
COPY_SUMMARY = (
    "INSERT INTO signal_summary (run_id, block, signal, evaluations, mean, deviation) "
    "SELECT run_id, 0, signal, evaluations, mean, deviation FROM signal_summary "
    "WHERE run_id = SEED1 AND block = 5"
)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "DELETE FROM outcome_block WHERE run_id = SEED1 AND evaluation = 2 AND block = 6",
            ["run seed 1, evaluation 2, block 6: missing",
             "run seed 1, evaluation 2, block 6: signal margin has no outcomes beside it"],
        ),
        (
            "DELETE FROM signal_summary WHERE run_id = SEED1 AND block = 6",
            ["run seed 1, block 6: summary of margin is missing"],
        ),
        # Blocks of the dataset that the ensemble does not cover.
        (
            COPY_BLOCK,
            ["run seed 1, evaluation 2, block 0: none of the ensemble's blocks",
             "run seed 1, evaluation 2, block 0: signal margin is missing"],
        ),
        (
            COPY_SUMMARY,
            ["run seed 1, block 0: summary of margin is of none of the ensemble's blocks"],
        ),
    ],
)  # fmt: skip
def test_damage_of_what_covers_one_split(
    engine: Engine, tmp_path: Path, statement: str, expected: list[str]
) -> None:
    import_part(engine, tmp_path, ("test",), "theirs")
    damage(engine, statement)
    assert problems(engine) == expected


# --- some evaluations -----------------------------------------------------------------------------

RECORDED: list[list[int]] = [[2, 5, 7], [1], [3, 4]]


def import_gaps(engine: Engine, folder: Path) -> Story:
    """Import three runs with gaps and of different lengths, none from the first evaluation."""
    told = story_of(RNG.random((3, 20, 7)) < 0.5, first=1, num_classes=3, recorded=RECORDED)
    rows: list[dict[str, Any]] = [
        {
            "run": run,
            "example": example,
            "evaluation": evaluation,
            "correct": bool(told.correct[run, example, evaluation]),
        }
        for run, recorded in enumerate(RECORDED)
        for evaluation in recorded
        for example in range(20)
    ]
    import pyarrow as pa

    pq.write_table(pa.Table.from_pylist(rows), folder / "theirs.parquet")
    import_ensemble(engine, [folder / "theirs.parquet"], "theirs")
    return told


def test_gaps_and_unequal_lengths_are_those_of_the_file(engine: Engine, tmp_path: Path) -> None:
    import_gaps(engine, tmp_path)
    assert_sound(engine, "theirs", 3, 6, 6 * 20)
    with pytest.raises(UsageError, match="seed 1, complete, evaluation 1") as refused:
        exported(engine, "theirs", "npz")
    assert "--complete" not in str(refused.value), "it would leave out nothing"
    file = tmp_path / "again.parquet"
    file.write_bytes(exported(engine, "theirs", "parquet").read())
    import_ensemble(engine, [file], "again", dataset="theirs")
    assert view(engine, "again") == view(engine, "theirs")
    assert_sound(engine, "again", 3, 6, 6 * 20)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (
            ["DELETE FROM outcome_block WHERE run_id = SEED2 AND evaluation = 4 AND block = 1"],
            ["run seed 2, evaluation 4, block 1: missing"],
        ),
        (
            ["DELETE FROM outcome_block WHERE run_id = SEED2 AND evaluation = 4"],
            ["run seed 2, evaluation 4: has no blocks"],
        ),
        (
            ["DELETE FROM evaluation WHERE run_id = SEED2 AND evaluation = 4"],
            ["run seed 2, evaluation 4: has blocks, but is none of the run's evaluations"],
        ),
        (
            ["DELETE FROM evaluation WHERE run_id = SEED1",
             "DELETE FROM outcome_block WHERE run_id = SEED1"],
            ["run seed 1: has no evaluations"],
        ),
        (
            ["DELETE FROM evaluation WHERE run_id = SEED0 AND evaluation = 5",
             "DELETE FROM outcome_block WHERE run_id = SEED0 AND evaluation = 5"],
            ["ensemble: no run has the 3 evaluations that the longest was imported of"],
        ),
        (
            ["UPDATE ensemble SET evaluations = 2 WHERE name = 'theirs'"],
            ["run seed 0: 3 evaluations, at most 2 were imported"],
        ),
        (
            ["UPDATE outcome_block SET correct = ~correct "
             "WHERE run_id = SEED2 AND evaluation = 4 AND block = 1"],
            ["run seed 2, evaluation 4: the checksum is not that of its outcomes"],
        ),
    ],
)  # fmt: skip
def test_damage_of_runs_with_gaps(
    engine: Engine, tmp_path: Path, statements: list[str], expected: list[str]
) -> None:
    import_gaps(engine, tmp_path)
    damage(engine, *statements)
    assert problems(engine) == expected


# --- signals of some evaluations ------------------------------------------------------------------


def probed(engine: Engine) -> Story:
    """Loss everywhere, one margin at the last evaluation of both runs, another of one run only.

    As --probe final records them: no input margin where nothing is another class, and an infinite
    one where no change of the picture helps.
    """
    numbers = np.random.default_rng(8).random((2, 40, 5), dtype=np.float32)
    story = with_changes(STORY, name="probed", signals={"loss": numbers})
    with engine.begin() as connection:
        recorded = record(connection, story)
        parts = layout_of(story)
        for run, last in enumerate(numbers[:, :, 4]):
            distance = last.copy()
            distance[[0, 39]] = np.nan, np.inf
            told = {"output_margin": last} | ({"input_margin": distance} if run else {})
            rows = signal_rows(parts, recorded.run_ids[run], 4, told)
            columns = "run_id, block, signal, evaluation, value"
            copy_into(connection, f"signal_block ({columns})", rows)
    return story


def signals_of(engine: Engine, name: str) -> list[str]:
    """Every row of the view, which says what it says of each number."""
    query = text(
        "SELECT seed, split, position, evaluation, label, signal, value, held_out FROM signal "
        "WHERE ensemble = :name ORDER BY signal, seed, evaluation, split, position"
    )
    with engine.connect() as connection:
        return [str(row) for row in connection.execute(query, {"name": name})]


@pytest.mark.parametrize("form", ["parquet", "npz"])
@pytest.mark.parametrize("dataset", ["ours", None])
def test_signals_of_some_evaluations_come_back(
    engine: Engine, tmp_path: Path, form: str, dataset: str | None
) -> None:
    probed(engine)
    file = tmp_path / f"told.{form}"
    with file.open("wb") as stream:
        export(engine, "probed", "outcome", form, stream)
    done = import_ensemble(engine, [file], "again", dataset=dataset)
    assert not done.ignored
    told = signals_of(engine, "again")
    assert told == signals_of(engine, "probed")
    assert len(told) == 40 * (2 * 4 + 2 + 1)
    assert not verify(engine, "again").problems
    with engine.connect() as connection:
        summarised = connection.execute(
            text("SELECT DISTINCT signal FROM run_signal WHERE ensemble = 'again'")
        )
        assert summarised.scalars().all() == ["loss"]
