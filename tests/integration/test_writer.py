"""Writing evaluations: replays, fences, failures, and the thread that does it in the background."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from tests.support import reference
from tests.support.bits import bitmap
from tests.support.ensembles import (
    Recorded,
    Story,
    add_ensemble,
    block_size,
    claimed,
    record,
    write,
)
from tests.support.views import assert_rows, read
from tracker import runs
from tracker.errors import ReplayError, RunLostError
from tracker.outcomes.layout import Layout
from tracker.outcomes.stream import OutcomeWriter
from tracker.outcomes.writer import EvaluationRecord, record_evaluations
from tracker.runs import Claim

PATIENCE = 10.0
"""Seconds after which a test that waits for a thread has failed."""


def story(evaluations: int = 4) -> Story:
    """One run over two splits and, at 8 examples a block, four blocks."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 5, 29)
    predicted = np.where(rng.random((1, 29, evaluations)) < 0.5, labels[None, :, None], 0)
    return Story({"train": 19, "test": 10}, 5, labels, predicted, [range(evaluations)])


STORY = story()


@pytest.fixture(autouse=True)
def _small_blocks() -> Iterator[None]:
    with block_size(8):
        yield


@pytest.fixture
def ensemble(engine: Engine) -> Recorded:
    with engine.begin() as connection:
        return add_ensemble(connection, STORY)


@pytest.fixture
def claim(engine: Engine, ensemble: Recorded) -> Claim:
    with engine.begin() as connection:
        return claimed(connection, ensemble.run_ids[0])


def layout() -> Layout:
    return Layout.of(STORY.sizes)


def evaluations(engine: Engine) -> list[int]:
    """Ordinals in the order in which they were recorded."""
    return [ordinal for transaction in transactions(engine) for ordinal in transaction]


def transactions(engine: Engine) -> list[list[int]]:
    """The same, those of one transaction together, ascending."""
    with engine.connect() as connection:
        return list(
            connection.scalars(
                text(
                    "SELECT array_agg(evaluation ORDER BY evaluation) FROM evaluation "
                    "GROUP BY recorded_at ORDER BY recorded_at"
                )
            )
        )


def everything(connection: Connection) -> list[Any]:
    """All that is recorded, to the bit."""
    return [
        sorted(map(tuple, connection.execute(text(query))))
        for query in (
            "SELECT run_id, block, evaluation, correct::text, predicted::text FROM outcome_block",
            "SELECT run_id, evaluation, step, epoch, train_loss, recorded_at FROM evaluation",
        )
    ]


def take_away(connection: Connection, claim: Claim) -> None:
    """What the reaper does to a silent run."""
    [silent] = runs.reap(connection, "tracker", timedelta(0))
    assert silent == runs.Silent(claim.run_id, claim.attempt, silent.worker, "queued")


# --- one evaluation, in one transaction -----------------------------------------------------------


def test_stored_bits_are_the_outcomes(connection: Connection) -> None:
    recorded = record(connection, STORY)
    assert_rows("outcome", read(connection, "outcome", STORY.name), reference.outcome(recorded))
    # And bit by bit, with the planes of the predicted classes, least significant first.
    rows = connection.execute(
        text("SELECT correct, predicted FROM outcome_block WHERE evaluation = 2 ORDER BY block")
    )
    blocks = [range(8), range(8, 16), range(16, 19), range(19, 27), range(27, 29)]
    for (correct, predicted), block in zip(rows, blocks, strict=True):
        classes = STORY.predicted[0, block, 2]
        assert correct == bitmap(classes == STORY.labels[block])
        assert predicted == [bitmap(classes >> digit & 1) for digit in range(3)]


def test_what_an_evaluation_records(connection: Connection) -> None:
    record(connection, STORY)
    rows = connection.execute(text("SELECT evaluation, step, epoch, train_loss FROM evaluation"))
    assert sorted(map(tuple, rows)) == [
        (0, 0, 0.0, None),
        (1, 10, 1.0, 1.0),
        (2, 20, 2.0, 0.5),
        (3, 30, 3.0, 1 / 3),
    ]


def test_replay_is_harmless(engine: Engine, claim: Claim) -> None:
    for evaluation in (0, 1):
        with engine.begin() as connection:
            assert write(connection, claim, STORY, 0, evaluation) is False
    with engine.begin() as connection:
        before = everything(connection)
        for evaluation in (1, 0):
            write(connection, claim, STORY, 0, evaluation)
        assert everything(connection) == before


def test_replay_by_the_next_attempt_is_harmless(engine: Engine, claim: Claim) -> None:
    with engine.begin() as connection:
        write(connection, claim, STORY, 0, 0)
        before = everything(connection)
    with engine.begin() as connection:
        take_away(connection, claim)
        again = claimed(connection, claim.run_id)
        assert again.attempt == 2
        write(connection, again, STORY, 0, 0)
        assert everything(connection) == before
        write(connection, again, STORY, 0, 1)


@pytest.mark.parametrize("place", [0, 18, 28], ids=["first example", "last of train", "last"])
def test_differing_replay_is_refused(engine: Engine, claim: Claim, place: int) -> None:
    predicted = STORY.predicted.copy()
    predicted[0, place, 0] = (predicted[0, place, 0] + 1) % 5
    other = replace(STORY, predicted=predicted)
    with engine.begin() as connection:
        write(connection, claim, STORY, 0, 0)
        before = everything(connection)
    block = {0: 0, 18: 2, 28: 4}[place]
    with (
        pytest.raises(ReplayError, match=rf"run \d+, attempt 1: evaluation 0 .* block {block};"),
        engine.begin() as connection,
    ):
        write(connection, claim, other, 0, 0)
    with engine.connect() as connection:
        assert everything(connection) == before


def test_wrong_class_that_differs_is_a_difference(engine: Engine, claim: Claim) -> None:
    """Right and wrong are the same, only the predicted class is another."""
    wrong = np.flatnonzero(~STORY.correct[0, :, 0])[0]
    predicted = STORY.predicted.copy()
    others = {0, 1, 2, 3, 4} - {int(STORY.labels[wrong]), int(predicted[0, wrong, 0])}
    predicted[0, wrong, 0] = others.pop()
    with engine.begin() as connection:
        write(connection, claim, STORY, 0, 0)
    with pytest.raises(ReplayError), engine.begin() as connection:
        write(connection, claim, replace(STORY, predicted=predicted), 0, 0)


def test_fenced_out_attempt_writes_nothing(engine: Engine, claim: Claim) -> None:
    with engine.begin() as connection:
        write(connection, claim, STORY, 0, 0)
        before = everything(connection)
        take_away(connection, claim)
    for state in ("queued", "claimed again"):
        with (
            pytest.raises(RunLostError, match=r"run \d+ is no longer held by attempt 1"),
            engine.begin() as connection,
        ):
            write(connection, claim, STORY, 0, 1)
        with engine.begin() as connection:
            assert everything(connection) == before, state
            if state == "queued":
                claimed(connection, claim.run_id)


@pytest.mark.parametrize("state", ["complete", "failed", "cancelled"])
def test_ended_run_takes_no_evaluation(engine: Engine, claim: Claim, state: str) -> None:
    with engine.begin() as connection:
        assert runs.finish(connection, claim, state)
    with pytest.raises(RunLostError), engine.begin() as connection:
        write(connection, claim, STORY, 0, 0)
    assert evaluations(engine) == []


def test_failure_in_the_middle_leaves_nothing(engine: Engine, claim: Claim) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("ALTER TABLE outcome_block ADD CONSTRAINT full_disk CHECK (block < 3)")
        )
    with pytest.raises(psycopg.Error, match="full_disk"), engine.begin() as connection:
        write(connection, claim, STORY, 0, 0)
    with engine.begin() as connection:
        assert everything(connection) == [[], []]
        # The run is still held, and the connection fit for the next attempt.
        connection.execute(text("ALTER TABLE outcome_block DROP CONSTRAINT full_disk"))
        write(connection, claim, STORY, 0, 0)


def test_truncated_outcomes_are_refused_whole(engine: Engine, claim: Claim) -> None:
    whole = STORY.evaluation_record(0, 0)
    short = replace(whole, packed=whole.packed[:, :-1])
    with pytest.raises(psycopg.Error), engine.begin() as connection:
        record_evaluations(connection, claim, layout(), [short])
    assert evaluations(engine) == []


def test_cancelling_is_noticed_at_the_next_evaluation(engine: Engine, claim: Claim) -> None:
    with engine.begin() as connection:
        assert write(connection, claim, STORY, 0, 0) is False
        runs.request_cancel(connection, [claim.run_id])
    with engine.begin() as connection:
        assert write(connection, claim, STORY, 0, 1) is True
        assert write(connection, claim, STORY, 0, 0) is True
    assert evaluations(engine) == [0, 1]


# --- in the background ----------------------------------------------------------------------------


@contextmanager
def locked_run(engine: Engine, claim: Claim) -> Iterator[None]:
    """Somebody holds the run's row: its fence waits."""
    with engine.connect() as connection:
        connection.execute(text("SELECT FROM run WHERE id = :id FOR UPDATE"), {"id": claim.run_id})
        yield
        connection.rollback()


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def blocked_sessions(engine: Engine) -> int:
    with engine.connect() as connection:
        count: int = connection.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )
        return count


def test_writer_keeps_the_order(engine: Engine, claim: Claim) -> None:
    told = story(evaluations=12)
    with OutcomeWriter(engine, claim, layout()) as writer:
        for evaluation in range(12):
            writer.put(told.evaluation_record(0, evaluation))
        assert not writer.cancel_requested
    assert evaluations(engine) == list(range(12))


def test_leaving_waits_until_everything_is_written(engine: Engine, claim: Claim) -> None:
    closed = threading.Event()

    def train() -> None:
        with OutcomeWriter(engine, claim, layout()) as writer:
            writer.put(STORY.evaluation_record(0, 0))
        closed.set()

    with locked_run(engine, claim):
        thread = threading.Thread(target=train)
        thread.start()
        wait_for(lambda: blocked_sessions(engine) == 1)
        assert not closed.wait(0.1)
    thread.join(PATIENCE)
    assert closed.is_set()
    assert evaluations(engine) == [0]


@pytest.mark.parametrize(("sizes", "held"), [(0, 1), (1, 1), (3, 3), (3.9, 3)])
def test_training_waits_for_a_slow_database(
    engine: Engine, claim: Claim, sizes: float, held: int
) -> None:
    """What the writer holds is bounded by its bytes, but one evaluation always has room."""
    told = story(evaluations=8)
    handed_over: list[int] = []
    limit = int(sizes * told.evaluation_record(0, 0).nbytes)

    def train() -> None:
        with OutcomeWriter(engine, claim, layout(), limit) as writer:
            for evaluation in range(8):
                writer.put(told.evaluation_record(0, evaluation))
                handed_over.append(evaluation)

    with locked_run(engine, claim):
        thread = threading.Thread(target=train)
        thread.start()
        wait_for(lambda: len(handed_over) == held and blocked_sessions(engine) == 1)
        time.sleep(0.1)
        assert len(handed_over) == held
    thread.join(PATIENCE)
    assert handed_over == evaluations(engine) == list(range(8))


def test_errors_reach_the_training_thread(engine: Engine, claim: Claim) -> None:
    with engine.begin() as connection:
        take_away(connection, claim)
    writer = OutcomeWriter(engine, claim, layout())

    def train() -> None:
        for _ in range(100):
            writer.put(STORY.evaluation_record(0, 0))
            time.sleep(0.01)

    with pytest.raises(RunLostError):
        train()
    with pytest.raises(RunLostError):
        writer.close()
    assert evaluations(engine) == []


def test_last_error_is_raised_on_leaving(engine: Engine, claim: Claim) -> None:
    with engine.begin() as connection:
        take_away(connection, claim)
    with pytest.raises(RunLostError), OutcomeWriter(engine, claim, layout()) as writer:
        writer.put(STORY.evaluation_record(0, 0))


def test_nothing_is_written_after_an_error(engine: Engine, claim: Claim) -> None:
    """An ensemble's history has no holes: what follows a failed evaluation is dropped."""
    with engine.begin() as connection:
        write(connection, claim, STORY, 0, 0)
        connection.execute(
            text("ALTER TABLE evaluation ADD CONSTRAINT not_one CHECK (evaluation <> 1)")
        )
    writer = OutcomeWriter(engine, claim, layout())
    with locked_run(engine, claim):
        for evaluation in (1, 2, 3):
            writer.put(STORY.evaluation_record(0, evaluation))
    with pytest.raises(DBAPIError, match="not_one"):
        writer.close()
    with pytest.raises(DBAPIError, match="not_one"):
        writer.put(STORY.evaluation_record(0, 2))
    assert evaluations(engine) == [0]


def train_and_fail(engine: Engine, claim: Claim) -> None:
    with OutcomeWriter(engine, claim, layout()) as writer:
        writer.put(STORY.evaluation_record(0, 0))
        raise ZeroDivisionError


def test_error_of_the_training_is_not_masked(engine: Engine, claim: Claim) -> None:
    with engine.begin() as connection:
        take_away(connection, claim)
    with pytest.raises(ZeroDivisionError):
        train_and_fail(engine, claim)


def test_what_was_handed_over_before_an_error_is_written(engine: Engine, claim: Claim) -> None:
    with pytest.raises(ZeroDivisionError):
        train_and_fail(engine, claim)
    assert evaluations(engine) == [0]


def test_closing_twice_is_allowed(engine: Engine, claim: Claim) -> None:
    writer = OutcomeWriter(engine, claim, layout())
    writer.put(STORY.evaluation_record(0, 0))
    writer.close()
    writer.close()
    assert evaluations(engine) == [0]


def test_writer_says_when_to_cancel(engine: Engine, claim: Claim) -> None:
    with OutcomeWriter(engine, claim, layout()) as writer:
        writer.put(STORY.evaluation_record(0, 0))
        wait_for(lambda: evaluations(engine) == [0])
        assert not writer.cancel_requested
        with engine.begin() as connection:
            runs.request_cancel(connection, [claim.run_id])
        writer.put(STORY.evaluation_record(0, 1))
        wait_for(lambda: writer.cancel_requested)
    assert evaluations(engine) == [0, 1]


def test_no_thread_is_left(engine: Engine, claim: Claim) -> None:
    before = threading.active_count()
    with OutcomeWriter(engine, claim, layout()):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


# --- evaluations that come faster than transactions -----------------------------------------------


def write_together(
    engine: Engine, claim: Claim, first: EvaluationRecord, *group: EvaluationRecord
) -> None:
    """Hand over `first`, and a group while it is being written."""
    with OutcomeWriter(engine, claim, layout()) as writer, locked_run(engine, claim):
        writer.put(first)
        wait_for(lambda: blocked_sessions(engine) == 1)
        for told in group:
            writer.put(told)


def test_what_waits_is_written_together(engine: Engine, claim: Claim, ensemble: Recorded) -> None:
    told = [STORY.evaluation_record(0, evaluation) for evaluation in range(4)]
    write_together(engine, claim, *told)
    assert transactions(engine) == [[0], [1, 2, 3]]
    with engine.connect() as connection:
        assert_rows("outcome", read(connection, "outcome", STORY.name), reference.outcome(ensemble))


def test_a_group_of_which_some_are_recorded_writes_the_others(
    engine: Engine, claim: Claim, ensemble: Recorded
) -> None:
    with engine.begin() as connection:
        write(connection, claim, STORY, 0, 2)
    told = [STORY.evaluation_record(0, evaluation) for evaluation in range(4)]
    write_together(engine, claim, *told)
    assert transactions(engine) == [[2], [0], [1, 3]]
    with engine.connect() as connection:
        assert_rows("outcome", read(connection, "outcome", STORY.name), reference.outcome(ensemble))


def test_a_differing_replay_in_a_group_is_refused(engine: Engine, claim: Claim) -> None:
    with engine.begin() as connection:
        write(connection, claim, STORY, 0, 2)
    first, one, two, three = (STORY.evaluation_record(0, number) for number in range(4))
    other = replace(two, packed=one.packed)
    with pytest.raises(ReplayError, match="evaluation 2 differs"):
        write_together(engine, claim, first, one, other, three)
    assert evaluations(engine) == [2, 0, 1]


def test_an_evaluation_twice_in_a_group_is_a_replay(engine: Engine, claim: Claim) -> None:
    first, one, two, _ = (STORY.evaluation_record(0, number) for number in range(4))
    write_together(engine, claim, first, one, one, two)
    assert transactions(engine) == [[0], [1, 2]]


def test_the_second_of_a_group_that_differs_is_refused(engine: Engine, claim: Claim) -> None:
    first, one, two, _ = (STORY.evaluation_record(0, number) for number in range(4))
    with pytest.raises(ReplayError, match="evaluation 1 differs"):
        write_together(engine, claim, first, one, replace(two, evaluation=1), two)
    assert transactions(engine) == [[0], [1]]


def test_an_error_in_a_group_keeps_what_came_before(engine: Engine, claim: Claim) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("ALTER TABLE evaluation ADD CONSTRAINT not_two CHECK (evaluation <> 2)")
        )
    told = [STORY.evaluation_record(0, evaluation) for evaluation in range(4)]
    with pytest.raises(DBAPIError, match="not_two"):
        write_together(engine, claim, *told)
    assert evaluations(engine) == [0, 1]


def test_a_group_that_is_fenced_out_writes_nothing(engine: Engine, claim: Claim) -> None:
    writer = OutcomeWriter(engine, claim, layout())
    with engine.begin() as connection:
        take_away(connection, claim)
        for evaluation in range(3):
            writer.put(STORY.evaluation_record(0, evaluation))
    with pytest.raises(RunLostError):
        writer.flush()
    with pytest.raises(RunLostError):
        writer.close()
    assert evaluations(engine) == []


def test_cancelling_is_noticed_in_a_group(engine: Engine, claim: Claim) -> None:
    with OutcomeWriter(engine, claim, layout()) as writer:
        with engine.connect() as connection:
            runs.request_cancel(connection, [claim.run_id])
            for evaluation in range(3):
                writer.put(STORY.evaluation_record(0, evaluation))
            assert not writer.cancel_requested
            connection.commit()
        writer.flush()
        assert writer.cancel_requested
    assert evaluations(engine) == [0, 1, 2]


def test_flushing_waits_until_everything_is_committed(engine: Engine, claim: Claim) -> None:
    with OutcomeWriter(engine, claim, layout()) as writer:
        writer.flush()
        for evaluation in range(3):
            writer.put(STORY.evaluation_record(0, evaluation))
        writer.flush()
        assert evaluations(engine) == [0, 1, 2]
        writer.put(STORY.evaluation_record(0, 3))
    assert evaluations(engine) == [0, 1, 2, 3]
