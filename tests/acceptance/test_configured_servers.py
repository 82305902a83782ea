"""Servers of one's own: never migrated unasked, and named when they do not answer."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.acceptance.conftest import Typed
from tracker.db.engine import libpq_url
from tracker.db.migrate import HEAD

DIGITS = ("enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--seeds", "1")


def test_a_configured_database_is_only_migrated_when_asked(
    empty_engine: Engine, tmp_path: Path
) -> None:
    url = libpq_url(empty_engine.url)
    tracker = Typed({"TRACKER_HOME": str(tmp_path), "TRACKER_DATABASE_URL": url}, tmp_path / "log")
    refused = tracker.run("status")
    assert refused.returncode == 1
    assert (
        f"at revision none, this tracker needs {HEAD}: run `tracker db upgrade`" in refused.stderr
    )
    assert tracker.run("db", "check").returncode == 1
    up = tracker.run("up")
    assert (up.returncode, "revision none" in up.stderr) == (1, True)
    assert ": started, data in" in up.stdout
    assert tracker("down") == "stopped Valkey\n"
    assert tracker("db", "upgrade") == f"upgraded from nothing to {HEAD}\n"
    assert tracker("db", "upgrade") == f"already at revision {HEAD}\n"
    assert "in order" in tracker("db", "check")
    asked = tracker.run("status")
    assert (asked.returncode, asked.stderr) == (0, ""), "a question needs no broker"
    assert "nothing is queued" in asked.stdout
    assert tracker("down") == "nothing was running\n"
    # The broker is not configured: the embedded one starts where there are messages.
    started = tracker.run(*DIGITS)
    assert "started Valkey; `tracker down` stops it" in started.stderr
    assert "the broker is the embedded one: only workers on this machine reach it" in started.stderr
    up = tracker("up").splitlines()
    assert [line.partition(":")[0].split()[0] for line in up] == ["Valkey"]
    assert tracker("down") == "stopped Valkey\n"


@pytest.mark.embedded_only
def test_an_unreachable_broker_is_named_without_its_password_and_nothing_is_queued(
    typed_tracker: Typed,
) -> None:
    tracker = typed_tracker
    tracker.extra["TRACKER_BROKER_URL"] = "redis://:hush-hush@127.0.0.1:9/3"
    for command in (DIGITS, ("worker", "--once")):
        done = tracker.run(*command)
        assert done.returncode == 2
        assert "cannot connect to the broker at host 127.0.0.1, port 9, database 3" in done.stderr
        assert "hush" not in done.stderr + done.stdout
    assert tracker.sql("SELECT count(*) FROM run") == [["0"]]
    tracker.extra["TRACKER_BROKER_URL"] = "amqp://somewhere"
    assert "TRACKER_BROKER_URL must read redis://" in tracker.run(*DIGITS).stderr
