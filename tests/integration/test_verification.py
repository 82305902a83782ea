"""Every way in which stored outcomes can be damaged is found and named precisely."""

from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import Engine, text

from tests.support.ensembles import Recorded, Story, block_size, record
from tracker.cli import upkeep
from tracker.errors import NotFoundError
from tracker.outcomes.layout import Layout
from tracker.outcomes.packing import COPY_HEADER, COPY_TRAILER, checksum, signal_rows, summary_rows
from tracker.outcomes.signals import ALWAYS, SignalSummary
from tracker.verification import verify

pytestmark = pytest.mark.embedded_only

# Blocks of 8: train is 0 (8 examples), 1 (8), 2 (3); test is 3 (8), 4 (2).
SIZES = {"train": 19, "test": 10}
LABELS = np.arange(29) % 5


@pytest.fixture(autouse=True)
def _small_blocks() -> Iterator[None]:
    with block_size(8):
        yield


def story(**changes: object) -> Story:
    """Three complete runs, evaluations 1 to 4, that classify as 2 whatever they see."""
    parts: dict[str, object] = {
        "sizes": SIZES,
        "num_classes": 5,
        "labels": LABELS,
        "predicted": np.full((3, 29, 5), 2),
        "recorded": [range(1, 5)] * 3,
        "name": "told",
    }
    return Story(**(parts | changes))  # type: ignore[arg-type]


@pytest.fixture
def told(engine: Engine) -> Recorded:
    return recorded_in(engine, story())


def recorded_in(engine: Engine, told: Story) -> Recorded:
    """The story, with the evaluations and summaries that its recipe has, and a signal of seed 0."""
    with engine.begin() as connection:
        recorded = record(connection, told)
        connection.execute(text("UPDATE ensemble SET evaluations = 4"))
        values, layout = np.arange(29, dtype=np.float32), Layout.of(SIZES, 8)
        summaries = []
        for run_id, evaluations in zip(recorded.run_ids, told.recorded, strict=True):
            if evaluations:
                summary = SignalSummary(len(evaluations), values, values)
                summaries += summary_rows(layout, run_id, dict.fromkeys(ALWAYS, summary))
        for table, rows in (
            ("signal_block", signal_rows(layout, recorded.run_ids[0], 2, {"margin": values})),
            ("signal_summary", summaries),
        ):
            with connection.connection.cursor().copy(
                f"COPY {table} FROM STDIN (FORMAT binary)"
            ) as copy:
                copy.write(b"".join([COPY_HEADER, *rows, COPY_TRAILER]))
    return recorded


def damage(engine: Engine, *statements: str) -> None:
    """Run SQL in which SEED1 stands for the run of seed 1; foreign keys are not checked."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            run = "(SELECT id FROM run WHERE seed = {})"
            for seed in range(3):
                statement = statement.replace(f"SEED{seed}", run.format(seed))
            assert connection.execute(text(statement)).rowcount > 0, statement


def problems(engine: Engine) -> list[str]:
    """What is wrong, one line each."""
    found = verify(engine, "told")
    assert found.problem_count == len(found.problems)
    return [str(problem) for problem in found.problems]


def test_what_is_sound_has_no_problems(engine: Engine, told: Recorded) -> None:
    found = verify(engine, "told")
    assert (found.problems, found.problem_count, found.unchecked) == ([], 0, {})
    assert (found.runs, found.evaluations, found.blocks) == (3, 12, 60)
    assert (found.outcomes, found.signal_blocks) == (3 * 4 * 29, 5)


AT = "run_id = SEED1 AND evaluation = 2 AND block = 3"
PLACE = "run seed 1, evaluation 2, block 3"
WHOLE = "run seed 1, evaluation 2"
CHECKSUM = f"{WHOLE}: the checksum is not that of its outcomes"

SUMMARY = "run_id = SEED0 AND signal = 'margin'"

DAMAGES = {
    "correct is too short": (
        f"UPDATE outcome_block SET correct = B'0010000' WHERE {AT}",
        [f"{PLACE}: correct has 7 bits, 8 expected"],
    ),
    "a plane is too long": (
        "UPDATE outcome_block SET predicted = '{000000000,111111111,000000000}' WHERE " + AT,
        [f"{PLACE}: predicted has 9 bits a plane, 8 expected"],
    ),
    "planes of several lengths": (
        "UPDATE outcome_block SET predicted = '{00000000,1111111,00000000}' WHERE " + AT,
        [f"{PLACE}: predicted is not one row of bitmaps of one length"],
    ),
    "a plane is missing": (
        "UPDATE outcome_block SET predicted = predicted[1:2] WHERE " + AT,
        [f"{PLACE}: predicted has 2 planes, 3 expected"],
    ),
    "a plane too many": (
        "UPDATE outcome_block SET predicted = predicted || predicted[1:1] WHERE " + AT,
        [f"{PLACE}: predicted has 4 planes, 3 expected"],
    ),
    "a plane is NULL": (
        "UPDATE outcome_block SET predicted[2] = NULL WHERE " + AT,
        [f"{PLACE}: predicted is not one row of bitmaps of one length"],
    ),
    "no planes at all": (
        "UPDATE outcome_block SET predicted = '{}' WHERE " + AT,
        [f"{PLACE}: predicted is not one row of bitmaps of one length"],
    ),
    "predicted is NULL in one block": (
        f"UPDATE outcome_block SET predicted = NULL WHERE {AT}",
        [f"{WHOLE}: predicted is NULL in 1 of 5 blocks"],
    ),
    "a block is missing": (
        f"DELETE FROM outcome_block WHERE {AT}",
        [f"{PLACE}: missing"],
    ),
    "a block that the dataset has not": (
        f"INSERT INTO outcome_block SELECT run_id, 7, evaluation, correct, predicted "
        f"FROM outcome_block WHERE {AT}",
        ["run seed 1, evaluation 2, block 7: none of the ensemble's blocks"],
    ),
    "an evaluation without blocks": (
        "DELETE FROM outcome_block WHERE run_id = SEED1 AND evaluation = 2",
        [f"{WHOLE}: has no blocks"],
    ),
    # Position 2 of the test split, example 21, is of class 1.
    "a bit of correct": (
        f"UPDATE outcome_block SET correct = set_bit(correct, 2, 1) WHERE {AT}",
        [f"{PLACE}: correct is not [predicted = label] for 1 of 8 examples, first example_id 21",
         CHECKSUM],
    ),
    "bits of a plane": (
        "UPDATE outcome_block SET predicted[1] = B'11111111' WHERE " + AT,
        [f"{PLACE}: correct is not [predicted = label] for 2 of 8 examples, first example_id 22",
         CHECKSUM],
    ),
    "classes above the last": (
        "UPDATE outcome_block SET predicted[3] = set_bit(predicted[3], 0, 1) WHERE " + AT,
        [f"{PLACE}: predicted is no class below 5 for 1 of 8 examples, first example_id 19",
         CHECKSUM],
    ),
    "classes and right answers changed together": (
        "UPDATE outcome_block SET predicted[2] = set_bit(predicted[2], 0, 0) WHERE " + AT,
        [CHECKSUM],
    ),
    "a checksum": (
        "UPDATE evaluation SET checksum = '\\x00' WHERE run_id = SEED1 AND evaluation = 2",
        [CHECKSUM],
    ),
    "an evaluation in the middle": (
        "DELETE FROM evaluation WHERE run_id = SEED1 AND evaluation = 2; "
        "DELETE FROM outcome_block WHERE run_id = SEED1 AND evaluation = 2; "
        "UPDATE signal_summary SET evaluations = 3 WHERE run_id = SEED1",
        ["run seed 1: evaluations missing before the last recorded: 2"],
    ),
    "the first evaluation": (
        "DELETE FROM evaluation WHERE run_id = SEED1 AND evaluation = 1; "
        "DELETE FROM outcome_block WHERE run_id = SEED1 AND evaluation = 1; "
        "UPDATE signal_summary SET evaluations = 3 WHERE run_id = SEED1",
        ["run seed 1: evaluations missing before the last recorded: 1"],
    ),
    "the last evaluations of a complete run": (
        "DELETE FROM evaluation WHERE run_id = SEED1 AND evaluation > 2; "
        "DELETE FROM outcome_block WHERE run_id = SEED1 AND evaluation > 2; "
        "UPDATE signal_summary SET evaluations = 2 WHERE run_id = SEED1",
        ["run seed 1: evaluations missing at the end of a complete run: 3, 4"],
    ),
    "an evaluation beyond the last": (
        "UPDATE evaluation SET evaluation = 9 WHERE run_id = SEED1 AND evaluation = 4; "
        "UPDATE outcome_block SET evaluation = 9 WHERE run_id = SEED1 AND evaluation = 4",
        ["run seed 1: evaluations missing before the last recorded: 4",
         "run seed 1: evaluations outside of the ensemble's (1 to 4): 9"],
    ),
    "everything of a complete run": (
        "DELETE FROM evaluation WHERE run_id = SEED1; "
        "DELETE FROM outcome_block WHERE run_id = SEED1; "
        "DELETE FROM signal_summary WHERE run_id = SEED1",
        ["run seed 1: evaluations missing at the end of a complete run: 1, 2, 3, 4"],
    ),
    "the size of a block of the dataset": (
        "UPDATE block SET size = 7 WHERE block = 3",
        ["block 3: 7 examples in table block, 8 expected",
         *(f"run seed {seed}, block 3: summary of {signal}: mean has 8 numbers, 7 expected"
           for seed in range(3) for signal in ALWAYS),
         "run seed 0, evaluation 2, block 3: signal margin has 8 numbers, 7 expected"],
    ),
    "a block of the dataset": (
        "DELETE FROM block WHERE block = 3",
        ["block 3: dataset DATASET has lost it",
         *(f"run seed {seed}, block 3: summary of {signal} is of none of the ensemble's blocks"
           for seed in range(3) for signal in ALWAYS),
         "run seed 0, evaluation 2, block 3: signal margin is of none of the ensemble's blocks"],
    ),
    "labels of a block": (
        "UPDATE block SET label = label[1:2] WHERE block = 3",
        ["block 3: labels in table block have other lengths or planes than its examples"],
    ),
    "a label of an example": (
        "UPDATE example SET label = (label + 1) % 5 WHERE example_id IN (21, 24)",
        ["block 3: label in table example is not that in table block for 2 of 8 examples, "
         "first example_id 21"],
    ),
    "labels of examples of two blocks": (
        "UPDATE example SET label = 4 - label WHERE example_id IN (1, 28)",
        ["block 0: label in table example is not that in table block for 1 of 8 examples, "
         "first example_id 1",
         "block 4: label in table example is not that in table block for 1 of 2 examples, "
         "first example_id 28"],
    ),
    "an example": (
        "DELETE FROM example WHERE example_id = 22",
        ["block 3: label in table example is not that in table block for 1 of 8 examples, "
         "first example_id 22"],
    ),
    "numbers of a signal": (
        "UPDATE signal_block SET value = value[1:6] WHERE block = 3",
        ["run seed 0, evaluation 2, block 3: signal margin has 6 numbers, 8 expected"],
    ),
    "a NULL in a signal": (
        "UPDATE signal_block SET value[2] = NULL WHERE block = 3",
        ["run seed 0, evaluation 2, block 3: signal margin holds NULL"],
    ),
    "a signal of a block that the dataset has not": (
        "UPDATE signal_block SET block = 7 WHERE block = 3",
        ["run seed 0, evaluation 2, block 3: signal margin is missing",
         "run seed 0, evaluation 2, block 7: signal margin is of none of the ensemble's blocks"],
    ),
    "a signal without its evaluation": (
        "UPDATE signal_block SET evaluation = 9 WHERE block = 3",
        ["run seed 0, evaluation 2, block 3: signal margin is missing",
         "run seed 0, evaluation 9, block 3: signal margin has no outcomes beside it"],
    ),
    "a block of a signal": (
        "DELETE FROM signal_block WHERE block = 4",
        ["run seed 0, evaluation 2, block 4: signal margin is missing"],
    ),
    "means of a summary": (
        f"UPDATE signal_summary SET mean = mean[1:6] WHERE {SUMMARY} AND block = 3",
        ["run seed 0, block 3: summary of margin: mean has 6 numbers, 8 expected"],
    ),
    "deviations of a summary": (
        f"UPDATE signal_summary SET deviation = deviation || 1::REAL WHERE {SUMMARY} AND block = 3",
        ["run seed 0, block 3: summary of margin: deviation has 9 numbers, 8 expected"],
    ),
    "a summary of more than there is": (
        f"UPDATE signal_summary SET evaluations = 5 WHERE {SUMMARY} AND block = 3",
        ["run seed 0, block 3: summary of margin covers 5 evaluations, 4 are recorded"],
    ),
    "a block of a summary": (
        f"DELETE FROM signal_summary WHERE {SUMMARY} AND block = 0",
        ["run seed 0, block 0: summary of margin is missing"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_named(engine: Engine, told: Recorded, sql: str, expected: list[str]) -> None:
    damage(engine, *sql.split("; "))
    expected = [line.replace("DATASET", told.story.dataset) for line in expected]
    assert sorted(problems(engine)) == sorted(expected)


def test_problems_beyond_the_limit_are_counted(engine: Engine, told: Recorded) -> None:
    damage(engine, "UPDATE outcome_block SET correct = ~correct WHERE run_id = SEED2")
    found = verify(engine, "told", limit=3)
    assert found.problem_count == 4 * (5 + 1), "each block, and each evaluation's checksum"
    assert [problem.block for problem in found.problems] == [0, 1, 2]


def test_many_missing_evaluations_are_one_line(engine: Engine) -> None:
    recorded = record_long(engine)
    damage(
        engine,
        "DELETE FROM evaluation WHERE run_id = SEED0 AND evaluation BETWEEN 10 AND 30",
        "DELETE FROM outcome_block WHERE run_id = SEED0 AND evaluation BETWEEN 10 AND 30",
    )
    [problem] = verify(engine, recorded.story.name).problems
    assert problem.what.endswith("last recorded: 10, 11, 12, 13, 14, ... (21 in all)")


def record_long(engine: Engine) -> Recorded:
    """One run of 40 evaluations, the untrained network's among them."""
    with engine.begin() as connection:
        return record(
            connection,
            Story(
                {"train": 3},
                2,
                np.zeros(3, int),
                np.zeros((1, 3, 40), int),
                [range(40)],
                states=["running"],  # so that no summaries are missing
            ),
        )


def test_runs_that_are_not_over_lack_nothing(engine: Engine) -> None:
    states = ["running", "failed", "queued"]
    recorded_in(engine, story(recorded=[range(1, 3), range(1, 2), ()], states=states))
    with engine.begin() as connection:
        connection.execute(text("UPDATE signal_summary SET evaluations = 1"))
    found = verify(engine, "told")
    assert found.problems == []
    assert (found.runs, found.evaluations) == (2, 3)
    assert found.unrecorded == {"queued": 1}


def test_runs_without_anything_recorded_are_said(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with engine.begin() as connection:
        record(connection, story(recorded=[()] * 3, states=["queued", "cancelled", "queued"]))
    monkeypatch.setattr(upkeep, "open_reader", lambda: engine)
    upkeep.verify("told")
    assert capsys.readouterr().out.splitlines() == [
        "told: 0 runs, 0 evaluations, 0 blocks, 0 outcomes checked, nothing is wrong",
        "without anything recorded, so not checked: 3 runs (2 queued, 1 cancelled)",
    ]


def test_evaluations_without_a_checksum_are_counted_by_seed(engine: Engine, told: Recorded) -> None:
    damage(
        engine,
        "UPDATE evaluation SET checksum = NULL WHERE run_id = SEED0",
        "UPDATE evaluation SET checksum = NULL WHERE run_id = SEED2 AND evaluation = 3",
        # Without a checksum this cannot be found; classes that are none still are.
        "UPDATE outcome_block SET predicted[2] = set_bit(predicted[2], 0, 0) "
        "WHERE run_id = SEED0 AND block = 3",
    )
    found = verify(engine, "told")
    assert (found.problems, found.unchecked) == ([], {0: 4, 2: 1})


def test_outcomes_without_classes_are_checked_for_what_they_have(
    engine: Engine, told: Recorded
) -> None:
    damage(engine, "UPDATE outcome_block SET predicted = NULL WHERE run_id = SEED0")
    checksums = [checksum(told.story.packed(0, evaluation)[:1]) for evaluation in range(1, 5)]
    with engine.begin() as connection:
        for evaluation, value in enumerate(checksums, 1):
            connection.execute(
                text("UPDATE evaluation SET checksum = :value WHERE run_id = :run "
                     "AND evaluation = :evaluation"),
                {"value": value, "run": told.run_ids[0], "evaluation": evaluation},
            )  # fmt: skip
    assert problems(engine) == []
    damage(
        engine,
        "UPDATE outcome_block SET correct = ~correct "
        "WHERE run_id = SEED0 AND block = 4 AND evaluation = 1",
    )
    assert problems(engine) == [
        "run seed 0, evaluation 1: the checksum is not that of its outcomes"
    ]


def test_an_unknown_ensemble(engine: Engine, told: Recorded) -> None:
    with pytest.raises(NotFoundError, match="no ensemble 'tolled': choose one of told"):
        verify(engine, "tolled")
