"""Servers, a queue of runs and the workers that train them, on servers of their own."""

import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, make_url, text

from benchmarks.load.locks import log_waits
from benchmarks.progress import say
from tracker.datasets import load_dataset
from tracker.db.engine import libpq_url, make_engine
from tracker.db.migrate import upgrade
from tracker.db.roles import make_roles
from tracker.embedded import EmbeddedServers
from tracker.ensembles import enqueue_runs
from tracker.recipes import get_architecture
from tracker.registry import register_dataset
from tracker.spans import Span
from tracker.specs import EnsembleSpec

TRACKER = Path(sys.executable).with_name("tracker")
OPEN = "state IN ('queued', 'running')"


@dataclass
class Scene:
    """What is running."""

    engine: Engine
    reader_url: str
    """As psycopg takes it, of the role that only reads."""
    log: Path
    """The database server's."""
    worker_log: Path
    environment: dict[str, str]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def count(self, condition: str) -> int:
        """Number of runs for which `condition` holds."""
        with self.engine.connect() as connection:
            return int(connection.scalar(text(f"SELECT count(*) FROM run WHERE {condition}")) or 0)

    def queue(self, ensembles: Sequence[str], runs: int, evaluations: int) -> None:
        """Queue `runs` runs of each ensemble, each a tiny network that is scored often."""
        stock = get_architecture("mlp-tiny").stock
        spec = EnsembleSpec(
            dataset="mnist5k",
            arch="mlp-tiny",
            recipe=stock.model_copy(update={"length": Span(evaluations, "epoch")}),
        )
        # Workers find what is queued without messages: their caretakers send them.
        with self.engine.begin() as connection:
            dataset = register_dataset(connection, load_dataset("mnist5k"))
            for name in ensembles:
                enqueue_runs(connection, name, spec, dataset, range(runs), "tracker")

    def start(self, workers: int, seconds: float = 300) -> None:
        """Start so many workers, and wait until each has recorded something."""
        with self.worker_log.open("ab") as log:
            for _ in range(workers):
                command = [TRACKER, "worker", "--once"]
                self.workers.append(
                    subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
                )
        query = text(
            "SELECT count(DISTINCT worker) FROM run WHERE EXISTS "
            "(SELECT FROM evaluation WHERE evaluation.run_id = run.id)"
        )
        end = time.monotonic() + seconds
        while True:
            with self.engine.connect() as connection:
                busy = connection.scalar(query)
            if busy == workers:
                return
            if time.monotonic() > end:
                raise TimeoutError(f"{busy} of {workers} workers train after {seconds:g} s")
            time.sleep(0.5)

    def asked(self) -> int:
        """Number of the reader's sessions that the server is answering."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE usename = :name AND state = 'active'"
        with self.engine.connect() as connection:
            name = make_url(self.reader_url).username
            return int(connection.scalar(text(query), {"name": name}) or 0)

    def evaluations(self, began: float, ended: float) -> int:
        """Evaluations that were recorded between two times (Unix)."""
        query = text(
            "SELECT count(*) FROM evaluation WHERE recorded_at >= to_timestamp(:began) "
            "AND recorded_at < to_timestamp(:ended)"
        )
        with self.engine.connect() as connection:
            return int(connection.scalar(query, {"began": began, "ended": ended}) or 0)


class Watch:
    """`tracker status --watch` on a terminal of its own, which can be halted."""

    def __init__(self, scene: Scene) -> None:
        master, slave = pty.openpty()
        environment = {**scene.environment, "TRACKER_READER_DATABASE_URL": scene.reader_url}
        self._process = subprocess.Popen(
            [TRACKER, "status", "--watch"], env=environment, stdout=slave, stderr=slave,
            stdin=slave, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self._master = master
        threading.Thread(target=self._drain, name="terminal", daemon=True).start()
        self.drawn = 0
        """Bytes that it has drawn."""

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def turn(self, on: bool) -> None:
        """Let it go on, or halt it."""
        self._process.send_signal(signal.SIGCONT if on else signal.SIGSTOP)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _drain(self) -> None:
        with suppress(OSError):
            while drawn := os.read(self._master, 65536):
                self.drawn += len(drawn)


@contextmanager
def scene(folder: Path | None) -> Iterator[Scene]:
    """Embedded servers with an empty database and the three roles; stopped afterwards."""
    with tempfile.TemporaryDirectory(
        prefix="tracker-load-", dir=folder, ignore_cleanup_errors=True
    ) as parent:
        # Started by root, the server runs as another user, who must find its way there.
        Path(parent).chmod(0o711)
        home = Path(parent) / "home"
        servers = EmbeddedServers(home)
        servers.ensure_running()
        url = make_url(servers.addresses.database_url)
        engine = make_engine(url)
        found = None
        try:
            upgrade(engine)
            with engine.begin() as connection:
                roles, _ = make_roles(connection, "tracker", {})
            log_waits(engine)
            kept = {k: v for k, v in os.environ.items() if not k.startswith("TRACKER_")}
            writer = libpq_url(url.set(username=roles.writer))
            environment = {
                **kept,
                "TRACKER_HOME": str(home),
                "TRACKER_DATABASE_URL": writer,
                "TRACKER_BROKER_URL": servers.addresses.broker_url,
                "TRACKER_THREADS": "1",
            }
            reader = libpq_url(url.set(username=roles.reader))
            log = home / "log" / "postgres.log"
            found = Scene(engine, reader, log, home / "worker.log", environment)
            yield found
        finally:
            for worker in found.workers if found else ():
                worker.terminate()
            for worker in found.workers if found else ():
                worker.wait()
            engine.dispose()
            say("stopping the servers")
            servers.stop()


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time of these processes so far; of those that are gone, none."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
