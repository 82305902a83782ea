"""What tests of the life of a run do to it, each in a transaction of its own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.support.ensembles import claimed
from tracker import runs
from tracker.runs import Claim

MINUTE = timedelta(minutes=1)
PATIENCE = 10.0
"""Seconds after which a test that waits for a thread has failed."""


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
