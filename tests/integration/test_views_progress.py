"""`run_progress`: the columns that depend on time, heartbeats and attempts."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, text

from tests.support.ensembles import Recorded, add_ensemble, claimed, story_of, write
from tracker import runs

# Of 8 evaluations, ordinals 0 to 7: 70 optimizer steps.
STORY = story_of(np.ones((2, 3, 8)), name="demo")


@pytest.fixture
def demo(connection: Connection) -> Recorded:
    return add_ensemble(connection, STORY)


def progress(connection: Connection, run_id: int) -> dict[str, Any]:
    query = text("SELECT * FROM run_progress WHERE run_id = :id")
    return dict(connection.execute(query, {"id": run_id}).mappings().one())


def started(connection: Connection, run_id: int, ago: str, heartbeat: str) -> None:
    connection.execute(
        text(
            "UPDATE run SET started_at = now() - CAST(:ago AS interval), "
            "heartbeat_at = now() - CAST(:heartbeat AS interval) WHERE id = :id"
        ),
        {"id": run_id, "ago": ago, "heartbeat": heartbeat},
    )


def test_queued_run(connection: Connection, demo: Recorded) -> None:
    assert progress(connection, demo.run_ids[1]) == {
        "ensemble": "demo",
        "ensemble_id": demo.ensemble_id,
        "run_id": demo.run_ids[1],
        "seed": 1,
        "state": "queued",
        "attempt": 0,
        "evaluations": 0,
        "evaluations_in_all": 8,
        "step": 0,
        "total_steps": 70,
        "share": 0.0,
        "examples_per_second": None,
        "seconds_left": None,
        "worker": None,
        "started_at": None,
        "heartbeat_at": None,
        "finished_at": None,
        "error": None,
    }


def test_running_run(connection: Connection, demo: Recorded) -> None:
    claim = claimed(connection, demo.run_ids[0], "host:7")
    assert progress(connection, claim.run_id)["seconds_left"] is None
    runs.beat(connection, claim, 28, 1000.0)
    write(connection, claim, STORY, 0, 1)
    write(connection, claim, STORY, 0, 2)
    started(connection, claim.run_id, "100 seconds", "60 seconds")
    row = progress(connection, claim.run_id)
    assert (row["state"], row["attempt"], row["worker"]) == ("running", 1, "host:7")
    assert (row["evaluations"], row["step"], row["share"]) == (2, 28, 0.4)
    assert row["examples_per_second"] == 1000.0
    # 28 steps in the 40 seconds up to the heartbeat, 42 to go.
    assert row["seconds_left"] == pytest.approx(60)
    assert row["heartbeat_at"] - row["started_at"] == timedelta(seconds=40)


def test_evaluation_is_progress_before_the_next_heartbeat(
    connection: Connection, demo: Recorded
) -> None:
    claim = claimed(connection, demo.run_ids[0])
    write(connection, claim, STORY, 0, 3)
    row = progress(connection, claim.run_id)
    assert (row["step"], row["share"]) == (30, 30 / 70)


def test_resumed_run_is_as_far_as_it_was_recorded(connection: Connection, demo: Recorded) -> None:
    first = claimed(connection, demo.run_ids[0])
    write(connection, first, STORY, 0, 5)
    runs.reap(connection, "tracker", timedelta(0))
    assert progress(connection, first.run_id)["state"] == "queued"
    assert progress(connection, first.run_id)["error"].startswith("worker lost")
    second = claimed(connection, first.run_id)
    runs.beat(connection, second, 10, 500.0)
    started(connection, second.run_id, "60 seconds", "40 seconds")
    row = progress(connection, second.run_id)
    assert (row["attempt"], row["step"], row["share"]) == (2, 50, 50 / 70)
    # The new attempt starts over: 10 steps in 20 seconds, 60 to go.
    assert row["seconds_left"] == pytest.approx(120)


def test_failed_run_keeps_its_evaluations(connection: Connection, demo: Recorded) -> None:
    claim = claimed(connection, demo.run_ids[0])
    write(connection, claim, STORY, 0, 7)
    runs.beat(connection, claim, 70, 10.0)
    runs.finish(connection, claim, "failed", "out of memory")
    row = progress(connection, claim.run_id)
    assert (row["state"], row["error"]) == ("failed", "out of memory")
    assert (row["evaluations"], row["share"], row["seconds_left"]) == (1, 1.0, None)
    assert row["finished_at"] is not None
