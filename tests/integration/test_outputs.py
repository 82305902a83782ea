"""Final softmax outputs: written, replayed, read, verified; and the score computed from them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from tests.support.ensembles import (
    Recorded,
    Story,
    add_ensemble,
    block_size,
    claimed,
    layout_of,
    record,
    with_changes,
    write,
)
from tests.support.views import VIEWS, assert_rows, read
from tracker import analysis
from tracker.analysis import analyze, find_material, store
from tracker.deletion import delete_ensemble
from tracker.errors import NotFoundError, ReplayError, TrackerError, UsageError
from tracker.outcomes.outputs import read_outputs
from tracker.outcomes.reader import CorruptOutcomesError
from tracker.outcomes.writer import record_evaluations
from tracker.runs import Claim, finish
from tracker.verification import verify

RUNS, EXAMPLES, CLASSES = 3, 29, 5
OUTPUTS = np.random.default_rng(0).dirichlet(np.full(CLASSES, 0.5), (RUNS, EXAMPLES))
STORY = Story(
    # Blocks of 8: train is 0 to 2, test 3 and 4.
    sizes={"train": 19, "test": 10},
    num_classes=CLASSES,
    labels=np.arange(EXAMPLES) % CLASSES,
    predicted=np.repeat(OUTPUTS.argmax(2)[:, :, None], 3, axis=2),
    recorded=[[1, 2]] * RUNS,
    outputs=OUTPUTS.astype(np.float32),
    name="told",
)


@pytest.fixture(autouse=True)
def _small_blocks() -> Iterator[None]:
    with block_size(8):
        yield


@pytest.fixture
def claim(connection: Connection) -> Claim:
    return claimed(connection, add_ensemble(connection, STORY).run_ids[0])


def stored(connection: Connection, columns: str = "block, evaluation, value") -> list[Any]:
    query = text(f"SELECT {columns} FROM output_block ORDER BY run_id, block")
    return [tuple(row) for row in connection.execute(query)]


def test_the_last_evaluation_has_them(connection: Connection, claim: Claim) -> None:
    write(connection, claim, STORY, 0, 1)
    assert stored(connection) == []
    write(connection, claim, STORY, 0, 2)
    rows = stored(connection)
    assert [(block, evaluation) for block, evaluation, _ in rows] == [(b, 2) for b in range(5)]
    values = np.concatenate([np.array(value, np.float32) for *_, value in rows])
    assert (values.reshape(EXAMPLES, CLASSES) == STORY.outputs[0]).all()


def test_writing_the_same_again_writes_nothing(connection: Connection, claim: Claim) -> None:
    for _ in range(2):
        write(connection, claim, STORY, 0, 2)
    assert len(stored(connection)) == 5


@pytest.mark.parametrize("place", [0, 18, 28])
def test_differing_outputs_are_refused(connection: Connection, claim: Claim, place: int) -> None:
    write(connection, claim, STORY, 0, 2)
    other = OUTPUTS[0].astype(np.float32)
    other[place, 3] = np.nextafter(other[place, 3], np.float32(2))
    told = replace(STORY.evaluation_record(0, 2), outputs=other)
    block = {0: 0, 18: 2, 28: 4}[place]
    with pytest.raises(ReplayError, match=f"evaluation 2 differs .* in outputs of block {block}"):
        record_evaluations(connection, claim, layout_of(STORY), [told])


def test_outputs_in_one_of_two_are_a_difference(connection: Connection, claim: Claim) -> None:
    with_them = STORY.evaluation_record(0, 2)
    without = replace(with_them, outputs=None)
    layout = layout_of(STORY)
    for first, second in ((with_them, without), (without, with_them)):
        with connection.begin_nested() as savepoint:
            record_evaluations(connection, claim, layout, [first])
            with pytest.raises(ReplayError, match=r"evaluation 2 differs .* in outputs of block 0"):
                record_evaluations(connection, claim, layout, [second])
            savepoint.rollback()


def test_other_numbers_of_examples_are_refused(connection: Connection, claim: Claim) -> None:
    short = replace(STORY.evaluation_record(0, 2), outputs=OUTPUTS[0, :-1].astype(np.float32))
    with pytest.raises(ValueError, match=r"outputs: an array of shape \(28, 5\) for 29 examples"):
        record_evaluations(connection, claim, layout_of(STORY), [short])


def test_they_go_with_a_history_that_is_begun_anew(connection: Connection, claim: Claim) -> None:
    write(connection, claim, STORY, 0, 2)
    connection.execute(text("DELETE FROM evaluation"))
    assert stored(connection) == []


# --- read in parts --------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, RUNS * CLASSES * 3, 2**20])
def test_parts_are_bounded_and_whole(connection: Connection, most: int) -> None:
    recorded = record(connection, STORY)
    blocks = [block for split in layout_of(STORY).splits for block in split.blocks]
    parts: list[NDArray[np.float32]] = []
    for block in blocks:
        with closing(read_outputs(connection, recorded.run_ids, block, CLASSES, most)) as streamed:
            parts += streamed
    assert max(part.size for part in parts) <= max(most, RUNS * CLASSES)
    assert (np.concatenate(parts, axis=1) == STORY.outputs).all()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM output_block WHERE run_id = :run AND block = 3",
        "UPDATE output_block SET value = value[1:39] WHERE run_id = :run AND block = 3",
        "UPDATE output_block SET value[4] = NULL WHERE run_id = :run AND block = 3",
    ],
)
def test_damaged_outputs_are_not_computed_with(connection: Connection, damage: str) -> None:
    recorded = record(connection, STORY)
    connection.execute(text(damage), {"run": recorded.run_ids[1]})
    material = find_material(connection, "told")
    with pytest.raises(CorruptOutcomesError, match=r"outputs of block 3 .*tracker verify"):
        analysis.compute(connection, material, "ensemble-agreement")


# --- the score ------------------------------------------------------------------------------------


def tell(engine: Engine, story: Story) -> Recorded:
    """The story, with its scores if it has outputs of two runs."""
    with engine.begin() as connection:
        return record(connection, story)


def test_by_hand(connection: Connection) -> None:
    """Sure of the same, sure of different classes, torn and sure; a run that failed is left out."""
    outputs = [
        [[1, 0], [1, 0], [0.5, 0.5]],
        [[1, 0], [0, 1], [1, 0]],
        [[0, 1], [0, 1], [0, 1]],
    ]
    story = Story(
        sizes={"train": 3},
        num_classes=2,
        labels=np.zeros(3, np.int64),
        predicted=np.zeros((3, 3, 1), np.int64),
        recorded=[[0]] * 3,
        states=["complete", "complete", "failed"],
        outputs=np.array(outputs, np.float32),
    )
    record(connection, story)
    rows = read(connection, "ensemble_agreement", story.name)
    found = {row["position"]: (row["ensemble_agreement"], row["decile"]) for row in rows}
    half = 0.75 * np.log(4 / 3) + 0.25 * np.log(4) - np.log(2) / 2
    assert found[0] == (0.0, 1)
    assert found[2] == (pytest.approx(half, rel=1e-7), 2)
    assert found[1] == (pytest.approx(np.log(2), rel=1e-7), 3)
    assert {(row["runs"], row["stale"]) for row in rows} == {(2, False)}
    wide = read(connection, "example_difficulty", story.name)
    assert {r["position"]: r["ensemble_agreement"] for r in wide} == {
        row["position"]: row["ensemble_agreement"] for row in rows
    }


def test_what_is_no_number_is_null(connection: Connection) -> None:
    outputs = OUTPUTS.astype(np.float32)
    outputs[1, 4] = np.nan
    record(connection, with_changes(STORY, name="nan", outputs=outputs))
    rows = {row["position"]: row for row in read(connection, "ensemble_agreement", "nan")
            if row["split"] == "train"}  # fmt: skip
    assert (rows[4]["ensemble_agreement"], rows[4]["decile"]) == (None, None)
    told = [row for at, row in rows.items() if at != 4]
    assert None not in {row["ensemble_agreement"] for row in told}
    # 19 examples: the last tenth has one, which is this one.
    assert {row["decile"] for row in told} == set(range(1, 10))


def test_a_current_score_is_left_alone_and_a_stale_one_computed_anew(engine: Engine) -> None:
    told = with_changes(STORY, name="told", states=["complete", "complete", "queued"],
                        recorded=[[1, 2], [1, 2], []])  # fmt: skip
    recorded = tell(engine, told)
    found = analyze(engine, "told", "ensemble-agreement")
    assert (found.runs, found.examples, found.computed) == (2, EXAMPLES, False)
    with engine.begin() as connection:
        rows = read(connection, "ensemble_agreement", "told")
        claim = claimed(connection, recorded.run_ids[2])
        for evaluation in (1, 2):
            write(connection, claim, with_changes(STORY, name="told"), 2, evaluation)
        finish(connection, claim, "complete")
    with engine.connect() as connection:
        old = read(connection, "ensemble_agreement", "told")
        assert {row["stale"] for row in old} == {True}
        assert [row | {"stale": False} for row in old] == rows, "what it was"
        wide = read(connection, "example_difficulty", "told")
        assert {row["ensemble_agreement"] for row in wide} == {None}
    seen: list[tuple[int, int]] = []
    found = analyze(engine, "told", "ensemble-agreement", lambda *done: seen.append(done))
    assert (found.runs, found.computed) == (3, True)
    assert seen[-1] == (EXAMPLES, EXAMPLES)
    with engine.connect() as connection:
        now = replace(recorded, story=STORY)
        assert_rows(
            "ensemble_agreement",
            read(connection, "ensemble_agreement", "told"),
            VIEWS["ensemble_agreement"].rows(now),
        )


def test_another_training_of_a_run_makes_it_stale(connection: Connection) -> None:
    recorded = record(connection, STORY)
    version = "SELECT version FROM output_version"
    before = connection.scalar(text(version))
    connection.execute(
        text("UPDATE evaluation SET recorded_at = recorded_at + INTERVAL '1 s' WHERE run_id = :r"),
        {"r": recorded.run_ids[1]},
    )
    assert connection.scalar(text(version)) != before
    assert {row["stale"] for row in read(connection, "ensemble_agreement", "told")} == {True}


@pytest.mark.embedded_only
def test_what_cannot_be_analyzed(engine: Engine) -> None:
    tell(engine, with_changes(STORY, name="none", outputs=None))
    tell(engine, with_changes(STORY, name="one", states=["complete", "failed", "cancelled"]))
    with pytest.raises(UsageError, match="unknown score 'agr': choose one of ensemble-agreement"):
        analyze(engine, "one", "agr")
    with pytest.raises(NotFoundError, match="no ensemble 'two': choose one of one, none"):
        analyze(engine, "two", "ensemble-agreement")
    with pytest.raises(TrackerError, match=r"no complete run has .* of 'none'.*--record outputs"):
        analyze(engine, "none", "ensemble-agreement")
    with pytest.raises(TrackerError, match=r"^1 complete run has recorded outputs of 'one'"):
        analyze(engine, "one", "ensemble-agreement")


@pytest.mark.embedded_only
def test_an_ensemble_that_is_deleted_meanwhile(connection: Connection) -> None:
    record(connection, STORY)
    material = find_material(connection, "told")
    values = analysis.compute(connection, material, "ensemble-agreement")
    delete_ensemble(connection, "told")
    with pytest.raises(NotFoundError, match="'told' was deleted while it was analyzed"):
        store(connection, material, "ensemble-agreement", values)


# --- verify ---------------------------------------------------------------------------------------

AT = "run_id = SEED1 AND block = 3"
PLACE = "run seed 1, evaluation 2, block 3"
SWAPPED = "value[6:10] || value[1:5] || value[11:40]"

DAMAGES = {
    "all of a run": (
        "DELETE FROM output_block WHERE run_id = SEED1",
        ["run seed 1: outputs are missing"],
    ),
    "a block": (f"DELETE FROM output_block WHERE {AT}", [f"{PLACE}: outputs are missing"]),
    "too few": (
        f"UPDATE output_block SET value = value[1:39] WHERE {AT}",
        [f"{PLACE}: outputs have 39 numbers, 40 expected"],
    ),
    "NULL": (
        f"UPDATE output_block SET value[7] = NULL WHERE {AT}",
        [f"{PLACE}: outputs hold NULL"],
    ),
    "a sum": (
        f"UPDATE output_block SET value[1] = value[1] + 0.01 WHERE {AT}",
        [f"{PLACE}: outputs do not sum to 1 for 1 of 8 examples, first example_id 19"],
    ),
    "no number beside numbers": (
        f"UPDATE output_block SET value[1] = 'NaN' WHERE {AT}",
        [f"{PLACE}: outputs do not sum to 1 for 1 of 8 examples, first example_id 19"],
    ),
    "two examples": (
        f"UPDATE output_block SET value = {SWAPPED} WHERE {AT}",
        [
            f"{PLACE}: outputs contradict the predicted class for 2 of 8 examples, "
            "first example_id 19"
        ],
    ),
    "another evaluation": (
        f"UPDATE output_block SET evaluation = 1 WHERE {AT}",
        ["run seed 1, evaluation 1, block 3: outputs are not of evaluation 2, as others are"],
    ),
    "a block that there is not": (
        "INSERT INTO output_block SELECT run_id, 9, evaluation, value FROM output_block "
        f"WHERE {AT}",
        ["run seed 1, evaluation 2, block 9: outputs are of none of the ensemble's blocks"],
    ),
    "a block of the score": (
        "DELETE FROM score_block WHERE block = 1",
        ["block 1: score ensemble-agreement is missing"],
    ),
    "a number of the score": (
        "UPDATE score_block SET value = value[1:7] WHERE block = 1",
        ["block 1: score ensemble-agreement has 7 numbers, 8 expected"],
    ),
    "the version of a part": (
        "UPDATE score_block SET version = '' WHERE block = 1",
        ["ensemble: score ensemble-agreement is put together from several versions"],
    ),
}


@pytest.mark.embedded_only
@pytest.mark.parametrize(("sql", "expected"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_named(engine: Engine, sql: str, expected: list[str]) -> None:
    assert OUTPUTS[1, 19].argmax() != OUTPUTS[1, 20].argmax()
    tell(engine, STORY)
    with engine.begin() as connection:
        spec = """jsonb_set(spec::JSONB, '{recording,outputs}', 'true')"""
        connection.execute(text(f"UPDATE ensemble SET spec = {spec}, evaluations = 2"))
        # Runs of this story have no summaries, as from before there were checksums.
        connection.execute(text("UPDATE evaluation SET checksum = NULL"))
    found = verify(engine, "told")
    assert (found.problem_count, found.output_blocks) == (0, 15)
    with engine.begin() as connection:
        statement = sql.replace("SEED1", "(SELECT id FROM run WHERE seed = 1)")
        assert connection.execute(text(statement)).rowcount > 0
    assert [str(problem) for problem in verify(engine, "told").problems] == expected
