"""The command line as a user runs it: a real process, real servers, a real worker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from pydantic import SecretStr

from tests.support.servers import Servers, new_database
from tests.support.typed import installed, typed
from tracker.db.engine import libpq_url
from tracker.embedded import EmbeddedServers
from tracker.settings import Settings

TRACKER = Path(sys.executable).with_name("tracker")


@dataclass
class Tracker:
    """Runs `tracker` with the settings of one test."""

    environment: dict[str, str]
    log: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def full_environment(self) -> dict[str, str]:
        """The variables that a command sees."""
        kept = {name: value for name, value in os.environ.items() if name[:8] != "TRACKER_"}
        return {**kept, "COLUMNS": "120", **self.environment, **self.extra}

    def run(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        return subprocess.run(
            [TRACKER, *arguments],
            env=self.full_environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def __call__(self, *arguments: str, timeout: float = 120) -> str:
        """Standard output of one command that has to succeed."""
        done = self.run(*arguments, timeout=timeout)
        assert done.returncode == 0, f"tracker {arguments}: {done.stdout}{done.stderr}{self.logged}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """What one command prints as JSON."""
        return json.loads(self(*arguments, "--json"))

    def sql(self, query: str) -> list[list[str]]:
        """Rows of a query, as text."""
        url = self.environment.get("TRACKER_DATABASE_URL")
        if url is None:
            embedded = EmbeddedServers(Path(self.environment["TRACKER_HOME"]))
            url = embedded.addresses.database_url.replace("+psycopg", "")
        with (
            psycopg.connect(url) as connection,
            connection.cursor() as cursor,
            cursor.copy(f"COPY ({query}) TO STDOUT") as copy,
        ):
            text = b"".join(copy).decode()
        return [line.split("\t") for line in text.splitlines()]

    @property
    def logged(self) -> str:
        """What the workers have written."""
        return self.log.read_text() if self.log.exists() else ""

    @contextmanager
    def worker(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker in the background; killed with all its processes at the end."""
        with self.log.open("a") as log:
            process = subprocess.Popen(
                [TRACKER, "worker", *options], env=self.full_environment, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            kill_tree(process.pid)
            process.wait()


class Typed(Tracker):
    """The same with commands in this process, which need no second to start.

    For tests of what a command says of what is asked, of which there are many.
    """

    def run(
        self,
        *arguments: str,
        timeout: float = 120,  # noqa: ARG002 (nothing ends this process)
    ) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        with installed(self.environment | self.extra):
            return subprocess.CompletedProcess(arguments, *typed(arguments))


def descendants(pid: int) -> list[int]:
    """Processes below `pid`, nearest first."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout
    children: dict[int, list[int]] = {}
    for line in listing.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found = list(children.get(pid, []))
    for child in found:
        found += children.get(child, [])
    return found


def kill_tree(pid: int) -> None:
    """`kill -9` of a process and of everything below it, as when a machine goes away."""
    for victim in [pid, *descendants(pid)]:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_until(what: Callable[[], bool], seconds: float = 60, pause: float = 0.05) -> None:
    """Wait for something to become true; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(pause)


def tracker_for(settings: Settings, folder: Path) -> Tracker:
    """The command line with these settings."""
    assert settings.database_url is not None
    assert settings.broker_url is not None
    return Tracker(
        {
            "TRACKER_HOME": str(settings.home),
            "TRACKER_DATABASE_URL": settings.database_url.get_secret_value(),
            "TRACKER_BROKER_URL": settings.broker_url.get_secret_value(),
            "TRACKER_QUEUE": settings.queue,
            "TRACKER_HEARTBEAT_SECONDS": "0.5",
            "TRACKER_STALE_SECONDS": "3",
        },
        folder / "worker.log",
    )


@pytest.fixture
def tracker(settings: Settings, tmp_path: Path) -> Tracker:
    """The command line on a fresh database."""
    return tracker_for(settings, tmp_path)


@pytest.fixture
def typed_tracker(tracker: Tracker) -> Typed:
    """The command line on a fresh database, in this process."""
    return Typed(tracker.environment, tracker.log)


@pytest.fixture
def digits(digits_ensemble: Tracker) -> Typed:
    """The command line on the demo's ensemble, in this process."""
    return Typed(digits_ensemble.environment, digits_ensemble.log)


@pytest.fixture(scope="session")
def digits_ensemble(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tracker]:
    """The demo's ensemble, trained once for each pair of servers: 10 seeds of `mlp-tiny`."""
    folder = tmp_path_factory.mktemp("digits")
    with new_database(servers.admin, servers.template) as url:
        settings = Settings(
            home=folder,
            database_url=SecretStr(libpq_url(url)),
            broker_url=SecretStr(servers.broker_url),
            queue=f"tracker-test-digits-{os.getpid()}",
        )
        tracker = tracker_for(settings, folder)
        enqueue = ("enqueue", "--arch", "mlp-tiny", "--dataset", "mnist5k", "--seeds", "10")
        with tracker.worker():
            tracker(*enqueue, "--record-initial", "--name", "digits", "--wait")
        yield tracker
        with redis.Redis.from_url(servers.redis_url) as client:
            for key in client.scan_iter(f"*{settings.queue}*"):
                client.delete(key)
