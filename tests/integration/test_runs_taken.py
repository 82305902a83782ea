"""Runs that are taken from their workers: silent, cancelled, or without a message."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, event, text

from tests.support.ensembles import Recorded, claimed, write
from tests.support.queue import (
    MINUTE,
    PATIENCE,
    change,
    claim,
    fall_silent,
    in_background,
    reap,
    requeued,
    row,
    wait_until_blocked,
)
from tracker import runs

# --- reaping --------------------------------------------------------------------------------------


def test_silent_run_is_queued_again(engine: Engine, run_id: int) -> None:
    claim(engine, run_id)
    before = row(engine, run_id)
    fall_silent(engine, run_id)
    assert reap(engine) == [run_id]
    run = row(engine, run_id)
    assert (run["state"], run["attempt"], run["finished_at"]) == ("queued", 1, None)
    assert run["queued_at"] > before["queued_at"]
    assert reap(engine) == []


def test_live_and_ended_runs_are_left_alone(engine: Engine, ensemble: Recorded) -> None:
    live, ended, queued, _ = ensemble.run_ids
    claim(engine, live)
    held = claim(engine, ended)
    with engine.begin() as connection:
        runs.finish(connection, held, "complete")
    for run_id in (ended, queued):
        fall_silent(engine, run_id)
    before = [row(engine, run_id) for run_id in ensemble.run_ids]
    assert reap(engine) == []
    assert [row(engine, run_id) for run_id in ensemble.run_ids] == before


def test_run_without_heartbeat_is_silent_since_its_start(
    engine: Engine, ensemble: Recorded
) -> None:
    old, young, _, _ = ensemble.run_ids
    for run_id in (old, young):
        claim(engine, run_id)
        change(engine, run_id, "heartbeat_at = NULL")
    change(engine, old, "started_at = now() - interval '2 minutes'")
    assert reap(engine) == [old]


def test_run_fails_when_its_attempts_are_used_up(engine: Engine, run_id: int) -> None:
    for attempt in (1, 2, 3):
        assert claim(engine, run_id).attempt == attempt
        fall_silent(engine, run_id)
        assert reap(engine) == ([run_id] if attempt < 3 else [])
    run = row(engine, run_id)
    assert (run["state"], run["attempt"]) == ("failed", 3)
    assert run["finished_at"] is not None
    assert run["error"] == "worker lost: no sign of life for 60 s"


@pytest.mark.parametrize("attempt", [1, 3])
def test_silent_run_that_was_to_be_cancelled_is(engine: Engine, run_id: int, attempt: int) -> None:
    claim(engine, run_id)
    change(engine, run_id, f"attempt = {attempt}, cancel_requested = true")
    fall_silent(engine, run_id)
    assert reap(engine) == []
    run = row(engine, run_id)
    assert run["state"] == "cancelled"
    assert run["finished_at"] is not None


def test_outcomes_of_a_reaped_run_stay(engine: Engine, ensemble: Recorded) -> None:
    held = claim(engine, ensemble.run_ids[0])
    with engine.begin() as connection:
        write(connection, held, ensemble.story, 0, 0)
    fall_silent(engine, held.run_id)
    reap(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM outcome_block")) == 1


def test_two_reapers_share_the_work(engine: Engine, ensemble: Recorded) -> None:
    for run_id in ensemble.run_ids:
        claim(engine, run_id)
        fall_silent(engine, run_id)
    with engine.connect() as first:
        locked = ensemble.run_ids[:2]
        query = text("SELECT FROM run WHERE id = ANY(:ids) FOR UPDATE")
        first.execute(query, {"ids": locked})  # as the first reaper does
        assert sorted(reap(engine)) == ensemble.run_ids[2:]
        assert sorted(requeued(runs.reap(first, "tracker", MINUTE))) == locked
        # The second waits for nothing, and finds nothing that the first has taken.
        assert reap(engine) == []
        first.commit()
    assert [row(engine, run_id)["state"] for run_id in ensemble.run_ids] == ["queued"] * 4
    assert [row(engine, run_id)["attempt"] for run_id in ensemble.run_ids] == [1] * 4


def test_many_reapers_at_once_take_every_run_once(engine: Engine, ensemble: Recorded) -> None:
    for run_id in ensemble.run_ids:
        claim(engine, run_id)
        fall_silent(engine, run_id)
    barrier = threading.Barrier(3)

    def reaper(_: int) -> list[int]:
        with engine.begin() as connection:
            barrier.wait(PATIENCE)
            return requeued(runs.reap(connection, "tracker", MINUTE))

    with ThreadPoolExecutor(3) as pool:
        taken = [run_id for ids in pool.map(reaper, range(3)) for run_id in ids]
    assert sorted(taken) == ensemble.run_ids


def test_run_that_is_recording_is_not_reaped(engine: Engine, ensemble: Recorded) -> None:
    held = claim(engine, ensemble.run_ids[0])
    fall_silent(engine, held.run_id)
    with engine.begin() as connection:
        write(connection, held, ensemble.story, 0, 0)
        assert reap(engine) == []


# --- cancelling -----------------------------------------------------------------------------------


def test_cancelling(engine: Engine, ensemble: Recorded) -> None:
    queued, running, complete, _ = ensemble.run_ids
    held = claim(engine, running)
    with engine.begin() as connection:
        runs.finish(connection, claimed(connection, complete), "complete")
        found = runs.request_cancel(connection, [queued, running, complete])
    assert found == {"cancelled": 1, "asked": 1}
    states = [row(engine, run_id)["state"] for run_id in ensemble.run_ids]
    assert states == ["cancelled", "running", "complete", "queued"]
    asked = [row(engine, run_id)["cancel_requested"] for run_id in ensemble.run_ids]
    assert asked == [True, True, False, False]
    assert row(engine, queued)["finished_at"] is not None
    with engine.begin() as connection:
        assert runs.claim_run(connection, queued, "host:2") is None
        assert runs.finish(connection, held, "cancelled")
        assert runs.request_cancel(connection, [queued, running]) == {"cancelled": 0, "asked": 0}
        assert runs.request_cancel(connection, []) == {"cancelled": 0, "asked": 0}


def test_cancelling_waits_for_a_claim_to_be_decided(engine: Engine, run_id: int) -> None:
    def cancel() -> dict[str, int]:
        with engine.begin() as connection:
            return runs.request_cancel(connection, [run_id])

    with engine.connect() as connection:
        runs.claim_run(connection, run_id, "host:1")
        with in_background(cancel) as cancelling:
            wait_until_blocked(engine)
            connection.commit()
    assert cancelling.result() == {"cancelled": 0, "asked": 1}
    assert row(engine, run_id)["cancel_requested"]


def test_cancelling_is_not_lost_to_a_reaper(engine: Engine, run_id: int) -> None:
    """The run is queued again by another process right after the first statement, if it can be."""
    claim(engine, run_id)
    fall_silent(engine, run_id)
    reaped: list[list[int]] = []

    def meanwhile(*_: object) -> None:
        if not reaped:
            reaped.append(reap(engine))

    with engine.begin() as connection:
        event.listen(connection, "after_cursor_execute", meanwhile)
        found = runs.request_cancel(connection, [run_id])
    run = row(engine, run_id)
    assert run["cancel_requested"], f"the run is {run['state']}, request_cancel said {found}"
    assert sum(found.values()) == 1


# --- messages -------------------------------------------------------------------------------------


def unsent(engine: Engine, older_than: timedelta = MINUTE, **options: int) -> list[int]:
    with engine.connect() as connection:
        return runs.unsent_runs(connection, "tracker", older_than, **options)


def test_unsent_runs(engine: Engine, ensemble: Recorded) -> None:
    never, fresh, old, running = ensemble.run_ids
    claim(engine, running)
    with engine.begin() as connection:
        runs.mark_sent(connection, [fresh, old])
        runs.mark_sent(connection, [])
    assert unsent(engine) == [never]
    change(engine, old, "sent_at = now() - interval '2 minutes'")
    assert unsent(engine) == [never, old]
    # Oldest first, and no more than asked for.
    change(engine, old, "queued_at = now() - interval '1 hour'")
    assert unsent(engine) == [old, never]
    assert unsent(engine, limit=1) == [old]
    with engine.begin() as connection:
        runs.mark_sent(connection, [never, old])
    assert unsent(engine) == []


def test_open_runs(engine: Engine, ensemble: Recorded) -> None:
    def count(connection: Connection) -> int:
        return runs.open_runs(connection, "tracker")

    with engine.begin() as connection:
        assert count(connection) == 4
        held = claimed(connection, ensemble.run_ids[0])
        assert count(connection) == 4
        runs.finish(connection, held, "failed")
        runs.request_cancel(connection, ensemble.run_ids[1:3])
        assert count(connection) == 1
