"""The life of a run, and what happens when two workers or reapers want the same one."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from tests.support.ensembles import (
    Recorded,
    add_ensemble,
    claimed,
    dataset_of,
    spec_of,
    story_of,
    write,
)
from tracker import runs
from tracker.errors import RunLostError
from tracker.runs import Claim

MINUTE = timedelta(minutes=1)
PATIENCE = 10.0
"""Seconds after which a test that waits for a thread has failed."""


@pytest.fixture
def ensemble(engine: Engine) -> Recorded:
    """Four queued runs."""
    with engine.begin() as connection:
        return add_ensemble(connection, story_of([[[1, 0, 1]] * 3] * 4, name="demo"))


@pytest.fixture
def run_id(ensemble: Recorded) -> int:
    return ensemble.run_ids[0]


def claim(engine: Engine, run_id: int, worker: str = "host:1") -> Claim:
    with engine.begin() as connection:
        return claimed(connection, run_id, worker)


def row(engine: Engine, run_id: int) -> dict[str, Any]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM run WHERE id = :id"), {"id": run_id})
        return dict(found.mappings().one())


def change(engine: Engine, run_id: int, values: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE run SET {values} WHERE id = :id"), {"id": run_id})


def reap(engine: Engine, stale: timedelta = MINUTE) -> list[int]:
    with engine.begin() as connection:
        # A reaper waits for nobody.
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        return requeued(runs.reap(connection, "tracker", stale))


def requeued(silent: list[runs.Silent]) -> list[int]:
    return [one.run_id for one in silent if one.state == "queued"]


def fall_silent(engine: Engine, run_id: int) -> None:
    change(engine, run_id, "heartbeat_at = now() - interval '2 minutes'")


@contextmanager
def in_background(act: Callable[[], Any]) -> Iterator[Future[Any]]:
    """`act` in a thread, at the end of which it must be done."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(act)
        yield future
        future.result(PATIENCE)


def wait_until_blocked(engine: Engine) -> None:
    query = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(int(PATIENCE / 0.01)):
        with engine.connect() as connection:
            if connection.scalar(query):
                return
        threading.Event().wait(0.01)
    pytest.fail("nobody waits for a lock")


# --- claiming -------------------------------------------------------------------------------------


def test_claim_says_what_to_train(engine: Engine, ensemble: Recorded) -> None:
    got = claim(engine, ensemble.run_ids[2], "host:7")
    assert got == Claim(
        run_id=ensemble.run_ids[2],
        attempt=1,
        seed=2,
        ensemble="demo",
        spec=spec_of(ensemble.story),
        dataset_fingerprint=dataset_of(ensemble.story).fingerprint,
        uid=row(engine, ensemble.run_ids[2])["uid"],
    )
    run = row(engine, got.run_id)
    assert (run["state"], run["attempt"], run["worker"]) == ("running", 1, "host:7")
    assert run["started_at"] is not None
    assert run["heartbeat_at"] >= run["started_at"]
    assert row(engine, ensemble.run_ids[0])["state"] == "queued"


def test_new_attempt_forgets_the_last_one(engine: Engine, run_id: int) -> None:
    first = claim(engine, run_id, "host:1")
    with engine.begin() as connection:
        runs.beat(connection, first, 17, 99.0)
    fall_silent(engine, run_id)
    assert reap(engine) == [run_id]
    assert row(engine, run_id)["error"] == "worker lost: no sign of life for 60 s"
    second = claim(engine, run_id, "host:2")
    assert second.attempt == 2
    run = row(engine, run_id)
    assert [run[name] for name in ("worker", "step", "examples_per_second", "error")] == [
        "host:2",
        0,
        None,
        None,
    ]
    assert run["finished_at"] is None


def test_only_queued_runs_are_claimed(engine: Engine, run_id: int) -> None:
    for state in ("running", "complete", "failed", "cancelled"):
        change(engine, run_id, f"state = '{state}'")
        with engine.begin() as connection:
            assert runs.claim_run(connection, run_id, "host:1") is None, state
        assert row(engine, run_id)["attempt"] == 0
    change(engine, run_id, "state = 'queued', cancel_requested = true")
    with engine.begin() as connection:
        assert runs.claim_run(connection, run_id, "host:1") is None
        assert runs.claim_run(connection, 10**9, "host:1") is None


def test_of_many_workers_one_gets_the_run(engine: Engine, run_id: int) -> None:
    workers = 4
    barrier = threading.Barrier(workers)

    def work(worker: int) -> Claim | None:
        with engine.begin() as connection:
            barrier.wait(PATIENCE)
            return runs.claim_run(connection, run_id, f"host:{worker}")

    with ThreadPoolExecutor(workers) as pool:
        claims = list(pool.map(work, range(workers)))
    [winner] = [worker for worker, got in enumerate(claims) if got is not None]
    run = row(engine, run_id)
    assert (run["attempt"], run["worker"]) == (1, f"host:{winner}")


@pytest.mark.parametrize("committed", [True, False], ids=["commits", "rolls back"])
def test_second_worker_waits_for_the_first_to_decide(
    engine: Engine, run_id: int, committed: bool
) -> None:
    def second() -> Claim | None:
        with engine.begin() as connection:
            return runs.claim_run(connection, run_id, "host:2")

    with engine.connect() as connection:
        assert runs.claim_run(connection, run_id, "host:1")
        with in_background(second) as later:
            wait_until_blocked(engine)
            assert not later.done()
            connection.commit() if committed else connection.rollback()
    got = later.result()
    assert (got is None) == committed
    assert row(engine, run_id)["worker"] == ("host:1" if committed else "host:2")


# --- holding --------------------------------------------------------------------------------------


def test_heartbeat(engine: Engine, run_id: int) -> None:
    held = claim(engine, run_id)
    fall_silent(engine, run_id)
    before = row(engine, run_id)["heartbeat_at"]
    with engine.begin() as connection:
        assert runs.beat(connection, held, 12, 345.5) is False
        runs.request_cancel(connection, [run_id])
        assert runs.beat(connection, held, 12, 345.5) is True
    run = row(engine, run_id)
    assert run["heartbeat_at"] > before
    assert (run["step"], run["examples_per_second"]) == (12, 345.5)
    assert reap(engine) == []


def test_heartbeat_waits_for_no_recording(engine: Engine, run_id: int) -> None:
    held = claim(engine, run_id)
    fall_silent(engine, run_id)
    before = row(engine, run_id)["heartbeat_at"]
    with engine.begin() as recording:
        runs.fence(recording, held)
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = 1"))
            assert runs.beat(connection, held, 12, 345.5) is False
        assert row(engine, run_id)["heartbeat_at"] == before
        assert reap(engine) == [], "a run that is being recorded is not silent"
        runs.stay(recording, held, 7)
    after = row(engine, run_id)
    assert after["heartbeat_at"] > before
    assert after["step"] == 7
    assert reap(engine) == []


def test_stale_attempt_can_do_nothing(engine: Engine, run_id: int) -> None:
    stale = claim(engine, run_id, "host:1")
    fall_silent(engine, run_id)
    reap(engine)
    for holder in ("nobody", "the next attempt"):
        before = row(engine, run_id)
        with engine.begin() as connection:
            assert runs.beat(connection, stale, 5, 1.0) is None
            assert not runs.finish(connection, stale, "complete")
            assert not runs.finish(connection, stale, "failed", "out of memory")
            with pytest.raises(RunLostError):
                runs.begin(connection, stale, {"torch": "0", "device": "cpu"})
            with pytest.raises(RunLostError, match=f"run {run_id} .* held by attempt 1"):
                runs.fence(connection, stale)
        assert row(engine, run_id) == before, holder
        if holder == "nobody":
            claim(engine, run_id, "host:2")


def test_fence_says_whether_to_cancel(engine: Engine, run_id: int) -> None:
    held = claim(engine, run_id)
    with engine.begin() as connection:
        assert runs.fence(connection, held) is False
        assert runs.request_cancel(connection, [run_id]) == {"cancelled": 0, "asked": 1}
        assert runs.fence(connection, held) is True


def test_fenced_run_cannot_be_taken_away(engine: Engine, run_id: int) -> None:
    """Until the transaction ends, so that what it writes is still the attempt's to write."""
    held = claim(engine, run_id)
    fall_silent(engine, run_id)
    with engine.begin() as connection:
        runs.fence(connection, held)
        assert reap(engine) == []
    assert reap(engine) == [run_id]


def test_provenance(engine: Engine, run_id: int) -> None:
    held = claim(engine, run_id)
    with engine.begin() as connection:
        runs.begin(connection, held, {"device": "cpu", "threads": 2})
    assert row(engine, run_id)["provenance"] == {"device": "cpu", "threads": 2}


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({"device": "cpu", "threads": 2}, {"device": "cpu", "threads": 2}, 1),
        ({"device": "cpu", "threads": 2}, {"device": "cpu", "threads": 1}, 0),
        ({"device": "some GPU"}, {"device": "some GPU"}, 0),
    ],
)
def test_an_attempt_keeps_earlier_outcomes_only_if_it_can_repeat_them(
    engine: Engine, run_id: int, first: dict[str, Any], second: dict[str, Any], kept: int
) -> None:
    held = claim(engine, run_id)
    with engine.begin() as connection:
        runs.begin(connection, held, first)
        connection.execute(
            text("INSERT INTO evaluation (run_id, evaluation, step, epoch) VALUES (:id, 1, 1, 1)"),
            {"id": run_id},
        )
    fall_silent(engine, run_id)
    reap(engine)
    again = claim(engine, run_id)
    with engine.begin() as connection:
        runs.begin(connection, again, second)
        assert connection.scalar(text("SELECT count(*) FROM evaluation")) == kept


def test_a_worker_that_was_stopped_gives_its_run_back(engine: Engine, run_id: int) -> None:
    held = claim(engine, run_id, "here:1")
    with engine.begin() as connection:
        assert runs.release(connection, "here:2") == []
        assert runs.release(connection, "here:1") == [run_id]
        assert run_id in runs.unsent_runs(connection, "tracker", MINUTE), "to be sent at once"
    for _ in range(4):
        held = claim(engine, run_id, "here:1")
        with engine.begin() as connection:
            assert runs.release(connection, "here:1") == [run_id]
    assert held.attempt == 5
    assert row(engine, run_id)["state"] == "queued", "stopping it uses up no attempts"


def test_failed_and_cancelled_runs_are_queued_again(engine: Engine, ensemble: Recorded) -> None:
    failed, cancelled, complete, queued = ensemble.run_ids[:4]
    for run_id, state in ((failed, "failed"), (complete, "complete")):
        held = claim(engine, run_id)
        with engine.begin() as connection:
            assert runs.finish(connection, held, state)
    with engine.begin() as connection:
        runs.request_cancel(connection, [cancelled])
        again = runs.retry(connection, [failed, cancelled, complete, queued])
    assert sorted(again) == sorted([failed, cancelled])
    assert row(engine, failed)["finished_at"] is None
    assert claim(engine, failed).attempt == 2
    assert claim(engine, cancelled).attempt == 1


def test_workers_look_after_the_runs_of_their_queue(engine: Engine, run_id: int) -> None:
    with engine.begin() as connection:
        before = runs.open_runs(connection, "tracker")
        connection.execute(text("UPDATE run SET queue = 'other' WHERE id = :id"), {"id": run_id})
        assert runs.open_runs(connection, "tracker") == before - 1
        assert runs.unsent_runs(connection, "other", MINUTE) == [run_id]
        assert run_id not in runs.unsent_runs(connection, "tracker", MINUTE)
    claim(engine, run_id)
    fall_silent(engine, run_id)
    assert reap(engine) == []
    with engine.begin() as connection:
        assert requeued(runs.reap(connection, "other", MINUTE)) == [run_id]


@pytest.mark.parametrize("state", ["complete", "failed", "cancelled"])
def test_finish(engine: Engine, run_id: int, state: str) -> None:
    held = claim(engine, run_id)
    with engine.begin() as connection:
        assert runs.finish(connection, held, state, "Traceback" if state == "failed" else None)
    run = row(engine, run_id)
    assert run["state"] == state
    assert run["finished_at"] >= run["started_at"]
    assert run["error"] == ("Traceback" if state == "failed" else None)
    with engine.begin() as connection:
        assert not runs.finish(connection, held, "complete")
    assert reap(engine, timedelta(0)) == []


def test_end_of_a_long_error_is_kept(engine: Engine, run_id: int) -> None:
    held = claim(engine, run_id)
    with engine.begin() as connection:
        runs.finish(connection, held, "failed", "x" * runs.ERROR_LIMIT + "the reason")
    error = row(engine, run_id)["error"]
    assert len(error) == runs.ERROR_LIMIT
    assert error.endswith("xthe reason")


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
