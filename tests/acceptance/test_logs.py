"""A worker's log as lines of JSON: every line, and the same events that the database knows."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Tracker, wait_until
from tests.chaos.arena import training_children

# Nothing in it depends on the servers.
pytestmark = pytest.mark.embedded_only

FIELDS = {"at", "level", "message", "logger", "process"}
BY_OTHERS = {"queued", "cancel_requested"}
"""Events that no worker makes."""


def lines(text: str) -> list[dict[str, Any]]:
    """Every line, none of which may be anything but an object."""
    read = [json.loads(line) for line in text.splitlines()]
    assert all(line.keys() >= FIELDS for line in read)
    return read


def events(read: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((line["run"], line["attempt"], line["event"]) for line in read if "event" in line)


def recorded(tracker: Tracker) -> list[tuple[Any, ...]]:
    """The same from the database: events, and an evaluation for each that is recorded."""
    happened = tracker.sql("SELECT run_id, attempt, event FROM run_history")
    evaluations = tracker.sql(
        "SELECT run_id, attempt, 'evaluation' FROM evaluation JOIN run ON run.id = run_id"
    )
    return sorted(
        (int(run), int(attempt), event)
        for run, attempt, event in happened + evaluations
        if event not in BY_OTHERS
    )


def test_events_are_lines_beside_what_people_read(tracker: Tracker, tmp_path: Path) -> None:
    enqueue = ("enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--epochs", "3")
    tracker(*enqueue, "--seeds", "2", "--name", "mine")
    path = tmp_path / "worker.jsonl"
    with tracker.worker("--once", "--log-json", str(path)) as worker:
        assert worker.wait(timeout=120) == 0, tracker.logged
    read = lines(path.read_text())
    assert events(read) == recorded(tracker)
    evaluation = next(line for line in read if line.get("event") == "evaluation")
    assert {"run", "attempt", "evaluation", "step", "epoch", "train_loss"} <= evaluation.keys()
    claimed = next(line for line in read if line.get("event") == "claimed")
    assert (claimed["ensemble"], claimed["seed"]) == ("mine", 0)
    assert "run 1 (mine, seed 0): attempt 1" in tracker.logged
    assert "evaluation" not in tracker.logged, "people are shown the runs"
    assert "{" not in tracker.logged
    [[enqueued, command]] = tracker.sql(
        "SELECT detail::json ->> 'command', provenance ->> 'command' FROM run_history"
        " JOIN run ON run.id = run_id WHERE event = 'queued' ORDER BY run_id LIMIT 1"
    )
    assert enqueued == f"tracker {' '.join(enqueue)} --seeds 2 --name mine"
    assert command == f"tracker worker --once --log-json {path}"


def test_all_that_a_worker_says_is_json_where_that_is_asked(tracker: Tracker) -> None:
    """Celery's own words, a child that is killed and what `tracker worker` says included."""
    tracker.extra["TRACKER_LOG_JSON"] = "-"
    enqueue = ("enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--epochs", "1000")
    tracker(*enqueue, "--seeds", "1", "--name", "mine")
    count = "SELECT count(*) FROM evaluation"
    with tracker.worker() as worker:
        wait_until(lambda: int(tracker.sql(count)[0][0]) > 3)
        [[pid]] = tracker.sql("SELECT split_part(worker, ':', 2) FROM run")
        for child in training_children(int(pid)):
            os.kill(child, signal.SIGKILL)
        wait_until(lambda: '"lost"' in tracker.logged)
        wait_until(lambda: tracker.logged.count('"claimed"') == 2)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=60) == 0
    read = lines(tracker.logged)
    told = [line["message"] for line in read if "event" not in line]
    assert any("WorkerLostError" in message for message in told), told
    assert any("Ctrl-C stops" in message for message in told)
    kinds = [line["event"] for line in read if line.get("event") not in (None, "evaluation")]
    assert [kind for kind in kinds if kind != "checkpoint"] == [
        "claimed", "lost", "claimed", "given_back"
    ]  # fmt: skip
    tracker("cancel", "mine")


def test_a_log_that_cannot_be_written_is_refused(tracker: Tracker) -> None:
    done = tracker.run("worker", "--log-json", "/no/such/folder/log.jsonl")
    assert done.returncode == 2
    assert "--log-json /no/such/folder/log.jsonl: No such file or directory" in done.stderr


def test_a_worker_that_cannot_start_says_so_as_json_too(tracker: Tracker) -> None:
    tracker.extra["TRACKER_DATABASE_URL"] = "postgresql://me:hush@127.0.0.1:9/things"
    done = tracker.run("worker", "--log-json", "-")
    assert done.returncode == 2
    [line] = lines(done.stderr)
    assert (line["level"], "127.0.0.1" in line["message"]) == ("ERROR", True)
    assert "hush" not in done.stderr
