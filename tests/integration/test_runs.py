"""The life of a run, and what happens when two workers want the same one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.support.ensembles import Recorded, dataset_of, spec_of
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
from tracker.errors import RunLostError
from tracker.runs import Claim

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
