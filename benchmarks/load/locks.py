"""Who waits for a lock, and for how long: sampled, and from the server's log."""

import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

PAUSE_SECONDS = 0.02
LOGGED_MS = 100
"""Waits of so long are in the server's log, every one."""

WAITING = text(
    """
    SELECT
        waiting.pid,
        waiting.locktype,
        waiting.mode,
        extract(EPOCH FROM clock_timestamp() - waiting.waitstart)::DOUBLE PRECISION AS seconds,
        session.query,
        (
            SELECT string_agg(left(holder.query, 100), ' | ') FROM pg_stat_activity AS holder
            WHERE holder.pid = ANY(pg_blocking_pids(waiting.pid))
        ) AS behind
    FROM pg_locks AS waiting
    INNER JOIN pg_stat_activity AS session ON session.pid = waiting.pid
    WHERE NOT waiting.granted AND waiting.waitstart IS NOT NULL
    """
)


@dataclass(frozen=True)
class Wait:
    """Someone who waited."""

    seconds: float
    what: str
    """Kind of lock, its mode, the statement that waited and those that it waited for."""


class LockWatch:
    """Looks every 20 ms who waits, from a session of its own. A context manager."""

    def __init__(self, engine: Engine) -> None:
        self.looks = self.waiting = 0
        """How often it looked, and how often somebody waited."""
        self.longest: Wait | None = None
        self._engine = engine
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lock-watch", daemon=True)

    def __enter__(self) -> "LockWatch":
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not self._stop.wait(PAUSE_SECONDS):
                rows = connection.execute(WAITING).all()
                self.looks += 1
                self.waiting += bool(rows)
                for row in rows:
                    if self.longest is None or row.seconds > self.longest.seconds:
                        what = f"{row.locktype} {row.mode}: {row.query[:100]}; behind {row.behind}"
                        self.longest = Wait(row.seconds, " ".join(what.split()))


def log_waits(engine: Engine) -> None:
    """Have the server log every wait of 100 ms."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER SYSTEM SET log_lock_waits = on"))
        connection.execute(text(f"ALTER SYSTEM SET deadlock_timeout = '{LOGGED_MS}ms'"))
        connection.execute(text("SELECT pg_reload_conf()"))
    time.sleep(0.5)  # the sessions that are open read it at their next command


def logged_waits(log: Path) -> list[Wait]:
    """Every wait of 100 ms or more that the server has logged, the longest first."""
    lines = log.read_text(errors="replace").splitlines()
    found = []
    for number, line in enumerate(lines):
        if match := re.search(r"process \d+ acquired (.*) after ([\d.]+) ms", line):
            statement = next((x for x in lines[number + 1 : number + 6] if "STATEMENT:" in x), "")
            what = f"{match[1]}: {statement.partition('STATEMENT:')[2].strip()[:100]}"
            found.append(Wait(float(match[2]) / 1000, what))
    return sorted(found, key=lambda wait: -wait.seconds)


def deadlocks(engine: Engine) -> int:
    """Deadlocks that the server has counted in this database."""
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with engine.connect() as connection:
        return int(connection.scalar(text(query)) or 0)
