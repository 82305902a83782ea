"""Servers, workers and ensembles of its own, for faults to happen to."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from celery import Celery
from pydantic import SecretStr
from sqlalchemy import Engine, NullPool, create_engine, make_url, text

from tests.acceptance.conftest import kill_tree
from tests.support.recorded import everything_recorded
from tracker.datasets import load_dataset
from tracker.db.migrate import upgrade
from tracker.embedded import EmbeddedServers
from tracker.ensembles import enqueue_runs
from tracker.queue import make_celery, send_runs
from tracker.recipes import get_architecture
from tracker.registry import register_dataset
from tracker.settings import Settings
from tracker.spans import Span
from tracker.specs import EnsembleSpec, Recording

TRACKER = Path(sys.executable).with_name("tracker")
STALE_SECONDS = 4.0
PATIENCE_SECONDS = 300.0
"""After the last fault, everything must have come to its end."""

Recorded = dict[str, list[tuple[str, ...]]]
"""What a run has recorded: rows by table."""

CALM = "calm"
"""The ensemble that nothing happens to."""

SLEEPS = """
CREATE TABLE chaos_delay (copying double precision, committing double precision);
INSERT INTO chaos_delay VALUES (0, 0);
CREATE FUNCTION chaos_copying() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(copying) FROM chaos_delay WHERE copying > 0; RETURN NEW; END';
CREATE FUNCTION chaos_committing() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(committing) FROM chaos_delay WHERE committing > 0; RETURN NULL; END';
CREATE TRIGGER chaos_copying BEFORE INSERT ON outcome_block
    FOR EACH ROW EXECUTE FUNCTION chaos_copying();
CREATE CONSTRAINT TRIGGER chaos_committing AFTER INSERT ON evaluation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos_committing();
"""
"""Hold a transaction in mid-COPY, or in its COMMIT, when told to."""


def spec(evaluations: int) -> EnsembleSpec:
    """A small network that is scored often: much is written while little is computed."""
    stock = get_architecture("mlp-tiny").stock
    return EnsembleSpec(
        dataset="digits",
        arch="mlp-tiny",
        recipe=stock.model_copy(update={"length": Span(evaluations, "epoch")}),
        recording=Recording(signals=("loss",)),
    )


@dataclass
class Arena:
    """What is running. Faults are done to it, and it is looked after between them."""

    settings: Settings
    servers: EmbeddedServers
    engine: Engine
    app: Celery
    random: Random
    spec: EnsembleSpec
    seeds: range
    wanted: int
    """Workers to keep alive."""
    checkpoints_are_mounted: bool
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    extra_path: str | None = None
    """A folder to be put before the modules of workers that are started from now on."""
    storms: int = 0

    # --- looking after it ---

    def start_worker(self) -> None:
        """One more `tracker worker`, with processes of its own."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRACKER_")}
        for name in ("home", "database_url", "broker_url", "queue", "threads"):
            value = getattr(self.settings, name)
            plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            environment[f"TRACKER_{name.upper()}"] = plain
        environment |= {
            "TRACKER_HEARTBEAT_SECONDS": "0.5",
            "TRACKER_STALE_SECONDS": str(STALE_SECONDS),
            "TRACKER_CHECKPOINT_SECONDS": "0.5",
        }
        if self.extra_path is not None:
            before = environment.get("PYTHONPATH", "")
            environment["PYTHONPATH"] = f"{self.extra_path}{os.pathsep}{before}".rstrip(os.pathsep)
        with self.log.open("ab") as log:
            command = [TRACKER, "worker"]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.workers.append(process)

    @property
    def log(self) -> Path:
        """What the workers say."""
        return self.settings.home / "worker.log"

    def tend(self) -> None:
        """Start what has died, and see that there is work."""
        self.servers.ensure_running()
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self.wanted:
            self.start_worker()
        self.supply()

    def supply(self) -> None:
        """See that there is work."""
        if self.count("state IN ('queued', 'running')") < self.wanted:
            self.storms += 1
            self.enqueue(f"storm-{self.storms}")

    def enqueue(self, name: str) -> None:
        """One ensemble more."""
        with self.engine.begin() as connection:
            dataset = register_dataset(connection, load_dataset("digits"))
            queue = self.settings.queue
            added = enqueue_runs(connection, name, self.spec, dataset, self.seeds, queue).added
        with suppress(Exception):  # a caretaker sends what could not be sent
            send_runs(self.app, self.engine, added)

    def count(self, condition: str) -> int:
        """Number of runs for which `condition` holds."""
        with self.engine.connect() as connection:
            query = text(f"SELECT count(*) FROM run WHERE {condition}")
            return int(connection.scalar(query) or 0)

    def wait_until_recording(self, seconds: float = 120) -> bool:
        """Wait until something new is recorded; False if nothing is for so long."""
        before, end = self.recorded(), time.monotonic() + seconds
        while time.monotonic() < end:
            self.tend()
            if self.recorded() > before:
                return True
            time.sleep(0.1)
        return False

    def recorded(self) -> int:
        """Number of evaluations that are recorded."""
        with self.engine.connect() as connection:
            return int(connection.scalar(text("SELECT count(*) FROM evaluation")) or 0)

    def recorded_more_than(self, count: int, seconds: float = 10) -> bool:
        """Wait until more are; False if none is for so long. No worker is started meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.supply()
            if self.recorded() > count:
                return True
            time.sleep(0.05)
        return False

    # --- whom to hit ---

    def processes(self) -> list[tuple[subprocess.Popen[bytes], int, list[int]]]:
        """Each worker with its Celery main process and that one's children, where it has any."""
        found = []
        for worker in self.workers:
            mains = children_of(worker.pid)
            if mains and (children := training_children(mains[0])):
                found.append((worker, mains[0], children))
        self.random.shuffle(found)
        return found

    def delay(self, *, copying: float = 0, committing: float = 0) -> None:
        """Hold transactions of evaluations for so many seconds."""
        with self.engine.begin() as connection:
            values = {"copying": copying, "committing": committing}
            query = "UPDATE chaos_delay SET copying = :copying, committing = :committing"
            connection.execute(text(query), values)

    def backends(self, condition: str) -> list[int]:
        """Process ids of the workers' sessions for which `condition` holds."""
        query = text(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'tracker'"
            f" AND pid <> pg_backend_pid() AND {condition}"
        )
        with self.engine.connect() as connection:
            return list(connection.scalars(query))

    # --- afterwards ---

    def settle(self) -> None:
        """Let all that is open come to its end, without faults."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.count("state IN ('queued', 'running')") and time.monotonic() < end:
            self.servers.ensure_running()
            self.workers = [worker for worker in self.workers if worker.poll() is None]
            while len(self.workers) < self.wanted:
                self.start_worker()
            time.sleep(0.5)

    def compare(self) -> "Damage":
        """Every block of every run against those of the undisturbed run of its seed."""
        query = text(
            "SELECT run.id, run.seed, run.state, run.error, ensemble.name FROM run"
            " INNER JOIN ensemble ON ensemble.id = run.ensemble_id ORDER BY run.id"
        )
        damage = Damage()
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
            calm = {r.seed: everything_recorded(connection, r.id) for r in rows if r.name == CALM}
            for row in rows:
                if row.name == CALM:
                    continue
                damage.runs += 1
                if row.state != "complete":
                    damage.stuck.append(f"{row.name} seed {row.seed}: {row.state}: {row.error}")
                    continue
                damage.compare(calm[row.seed], everything_recorded(connection, row.id))
            damage.outcomes *= sum(
                len(split.labels) for split in load_dataset("digits").splits.values()
            )
            events = "SELECT event, count(*) FROM run_event GROUP BY event ORDER BY event"
            damage.events = {row[0]: row[1] for row in connection.execute(text(events))}
        return damage


@dataclass
class Damage:
    """What the faults have done to the history; nothing, it is hoped."""

    runs: int = 0
    outcomes: int = 0
    lost: int = 0
    """Rows that an undisturbed run has and this one has not."""
    doubled: int = 0
    """Rows that only this one has, or that it has more often."""
    stuck: list[str] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)

    def compare(self, calm: Recorded, stormy: Recorded) -> None:
        """Compare one run, row by row."""
        self.outcomes += len(stormy["evaluation"])
        for table, expected in calm.items():
            rows = Counter(stormy[table])
            self.lost += (Counter(expected) - rows).total()
            self.doubled += (rows - Counter(expected)).total()

    @property
    def none(self) -> bool:
        """Is every run complete, and every bit where it belongs?"""
        return not (self.lost or self.doubled or self.stuck)


def children_of(pid: int) -> list[int]:
    """Processes right below `pid`."""
    listing = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True
    ).stdout
    return [int(line) for line in listing.split()]


def training_children(main: int) -> list[int]:
    """The pool's child of a Celery main process, without Python's own helper processes."""
    found = []
    for child in children_of(main):
        with suppress(OSError):
            line = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"resource_tracker" not in line and b"semaphore_tracker" not in line:
                found.append(child)
    return found


def _mount(folder: Path) -> bool:
    """A small disk of its own for the checkpoints, where we may make one."""
    if os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tracker-chaos", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


@contextmanager
def arena(home: Path, *, seed: int, workers: int, seeds: int, evaluations: int) -> Iterator[Arena]:
    """Everything up, and the undisturbed runs trained."""
    servers = EmbeddedServers(home)
    servers.ensure_running()
    where = servers.addresses
    settings = Settings(
        home=home,
        database_url=SecretStr(where.database_url),
        broker_url=SecretStr(where.broker_url),
        queue=f"chaos-{secrets.token_hex(4)}",
        threads=1,
    )
    engine = create_engine(make_url(where.database_url), poolclass=NullPool)
    upgrade(engine)
    with engine.begin() as connection:
        connection.connection.cursor().execute(SLEEPS)
    folder = home / "checkpoints"
    folder.mkdir()
    mounted = _mount(folder)
    found = Arena(
        settings, servers, engine, make_celery(settings), Random(seed), spec(evaluations),  # noqa: S311
        range(seeds), workers, mounted,
    )  # fmt: skip
    try:
        found.enqueue(CALM)
        found.start_worker()
        while found.count("state <> 'complete'"):
            assert found.workers[0].poll() is None, found.log.read_text()
            time.sleep(0.2)
        yield found
    finally:
        for worker in found.workers:
            kill_tree(worker.pid)
            worker.wait()
        engine.dispose()
        found.app.close()
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        servers.ensure_running()
        servers.stop()


def stop_kindly(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """SIGTERM, and wait until they have given their runs back."""
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    for worker in workers:
        with suppress(subprocess.TimeoutExpired):
            worker.wait(60)
