"""What stands in the way of training, and what to do about it: one finding a line."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from sqlalchemy import Connection, Engine, func, select

from tracker.db.engine import database_url, describe, make_engine
from tracker.db.migrate import HEAD, current_revision
from tracker.db.models import Ensemble, Run
from tracker.devices import built_for_gpus, count_gpus
from tracker.embedded import EmbeddedServers
from tracker.errors import TrackerError
from tracker.masking import shown, without_secrets
from tracker.settings import Settings

OLDEST_POSTGRES = (14,)
ENOUGH_BYTES = 10 << 30
"""Free disk below this is worth a warning: checkpoints, datasets and the embedded database grow."""
LEAST_BYTES = 1 << 30
NAMED = 5
"""So many runs, ensembles or folders are named; the rest are counted."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    status: str
    """`ok`, `warn` or `fail`."""
    message: str
    next_step: str | None = None


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check's findings, as they come; starts no server and changes nothing."""
    for found in _examine(settings):
        # Of failed runs and of libraries: the reasons are theirs.
        yield replace(found, message=without_secrets(found.message))


def _examine(settings: Settings) -> Iterator[Finding]:
    yield from _packages()
    yield _gpu()
    yield from _disk(settings)
    broker = _guarded("broker", lambda: _broker(settings))
    yield broker
    try:
        engine = _reachable(settings)
    except TrackerError as error:
        # The driver's reasons have lines and tabs.
        reason = " ".join(str(error).split())
        yield Finding("database", "fail", reason, _database_step(settings))
        return
    try:
        yield from _database(engine)
        if current_revision(engine) == HEAD:
            yield from _runs(engine, settings, broker_answers=broker.status == "ok")
            yield _guarded("checkpoints", lambda: _checkpoints(engine, settings))
    finally:
        engine.dispose()


def _guarded(check: str, look: Callable[[], Finding]) -> Finding:
    """What a check finds, or that it could not look."""
    try:
        return look()
    except Exception as error:  # each server and each storage has errors of its own
        reason = str(error).strip().partition("\n")[0]
        step = None if isinstance(error, TrackerError) else "see the message"
        return Finding(check, "fail", reason or type(error).__name__, step)


def _packages() -> Iterator[Finding]:
    wanting = []
    for line in requires("tracker") or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            wanting.append(f"{requirement} is not installed")
            continue
        # A local build (2.13.0+cu130) is that version.
        if not requirement.specifier.contains(found, prereleases=True):
            wanting.append(f"{requirement.name} is {found}, {requirement.specifier} is needed")
    shown = ", ".join(f"{name} {version(name)}" for name in ("tracker", "torch", "sqlalchemy"))
    if wanting:
        step = "run `pip install --constraint constraints.txt tracker`"
        yield Finding("versions", "fail", "; ".join(wanting), step)
    else:
        yield Finding("versions", "ok", f"{shown} and all others as required")


def _gpu() -> Finding:
    if count := count_gpus():
        import torch

        names = [torch.cuda.get_device_name(number) for number in range(count)]
        return Finding("GPU", "ok", ", ".join(names))
    if not built_for_gpus():
        return Finding("GPU", "ok", "none: this torch is built for the CPU, and trains on it")
    step = "where there should be one, see `nvidia-smi` and CUDA_VISIBLE_DEVICES"
    return Finding("GPU", "warn", "none is visible: workers here train on the CPU", step)


def _disk(settings: Settings) -> Iterator[Finding]:
    places = {"TRACKER_HOME": settings.home, "TRACKER_DATA_DIR": settings.data_folder}
    seen: set[int] = set()
    for variable, folder in places.items():
        existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        device = existing.stat().st_dev
        if device not in seen:
            seen.add(device)
            yield disk_finding(variable, folder, shutil.disk_usage(existing).free)


def disk_finding(variable: str, folder: Path, free: int) -> Finding:
    """What `free` bytes at `folder` mean."""
    message = f"{free / 1e9:,.1f} GB free at {folder}"
    step = f"make room, or set {variable} to a larger disk"
    if free < LEAST_BYTES:
        return Finding("disk", "fail", message, step)
    if free < ENOUGH_BYTES:
        return Finding("disk", "warn", message, step)
    return Finding("disk", "ok", message)


def _database_step(settings: Settings) -> str:
    if settings.database_url is None:
        return "run `tracker up`"
    return "see that the server runs, and that TRACKER_DATABASE_URL is its address"


def _reachable(settings: Settings) -> Engine:
    if settings.database_url is None:
        [postgres, _] = EmbeddedServers(settings.home).status()
        if not postgres.running:
            raise TrackerError(f"the embedded PostgreSQL of {settings.home} does not run")
    engine = make_engine(database_url(settings))
    engine.connect().close()
    return engine


def _database(engine: Engine) -> Iterator[Finding]:
    with engine.connect() as connection:
        number = connection.exec_driver_sql("SHOW server_version").scalar()
        found = connection.dialect.server_version_info or ()
    place = describe(engine.url)
    if found < OLDEST_POSTGRES:
        step = f"upgrade it to {OLDEST_POSTGRES[0]} or later"
        yield Finding("database", "fail", f"PostgreSQL {number} at {place} is too old", step)
    else:
        yield Finding("database", "ok", f"PostgreSQL {number} at {place}")
    yield migration_finding(current_revision(engine))


def migration_finding(revision: str | None) -> Finding:
    """What the database's revision means for this code."""
    if revision == HEAD:
        return Finding("migrations", "ok", f"at revision {HEAD}")
    message = f"at revision {revision or 'none'}, this tracker needs {HEAD}"
    newer = revision is not None and revision > HEAD
    step = "install the newer tracker" if newer else "run `tracker db upgrade`"
    return Finding("migrations", "fail", message, step)


def _broker(settings: Settings) -> Finding:
    from tracker.queue import check_broker, describe_broker, make_celery, waiting_messages

    app = make_celery(settings)
    try:
        check_broker(app, settings)
        waiting = waiting_messages(app, settings)
    except TrackerError as error:
        step = (
            "run `tracker up`"
            if settings.broker_url is None
            else "see that it runs, and that TRACKER_BROKER_URL is its address"
        )
        return Finding("broker", "fail", str(error), step)
    finally:
        app.close()
    return Finding(
        "broker", "ok", f"{describe_broker(settings)}; {waiting} waiting in {settings.queue}"
    )


def _runs(engine: Engine, settings: Settings, *, broker_answers: bool) -> Iterator[Finding]:
    stale = timedelta(seconds=settings.stale_seconds)
    with engine.connect() as connection:
        yield _silent(connection, settings, stale)
        if broker_answers:
            yield _unsent(connection, settings, stale)
        yield from _failed(connection)


def _silent(connection: Connection, settings: Settings, stale: timedelta) -> Finding:
    beat = func.coalesce(Run.heartbeat_at, Run.started_at)
    query = (
        select(Ensemble.name, Run.seed, Run.worker)
        .join(Ensemble, Run.ensemble_id == Ensemble.id)
        .where(
            Run.state == "running",
            Run.queue == settings.queue,
            beat < func.clock_timestamp() - stale,
        )
        .order_by(beat)
    )
    rows = connection.execute(query).all()
    if not rows:
        return Finding("stale runs", "ok", "none")
    named = _listed([f"{row.name} seed {row.seed} of {row.worker}" for row in rows])
    return Finding(
        "stale runs",
        "warn",
        f"{len(rows)} without a sign of life for {stale.total_seconds():g} s: {named}",
        "any `tracker worker` of this queue takes them over",
    )


def _unsent(connection: Connection, settings: Settings, stale: timedelta) -> Finding:
    """Queued runs that no message can wake, as a worker's caretaker would find them."""
    from tracker.queue import make_celery, waiting_messages
    from tracker.runs import unsent_runs

    app = make_celery(settings)
    waiting = waiting_messages(app, settings)
    app.close()
    lost = unsent_runs(connection, settings.queue, stale) if waiting == 0 else []
    if not lost:
        return Finding("messages", "ok", "no queued run is without one")
    return Finding(
        "messages",
        "warn",
        f"{len(lost)} queued runs have none in the broker",
        "any `tracker worker` of this queue sends them again",
    )


def _failed(connection: Connection) -> Iterator[Finding]:
    query = (
        select(Ensemble.name, func.count().label("runs"), func.max(Run.error).label("error"))
        .join(Run, Run.ensemble_id == Ensemble.id)
        .where(Run.state == "failed")
        .group_by(Ensemble.id)
        .order_by(Ensemble.id.desc())
    )
    rows = connection.execute(query).all()
    if not rows:
        yield Finding("failed runs", "ok", "none")
    for row in rows[:NAMED]:
        reason = (row.error or "").strip().rpartition("\n")[2]
        message = f"{row.runs} of {row.name}: {reason}"
        step = f"mend the cause, then `tracker retry {row.name}`"
        yield Finding("failed runs", "warn", message, step)
    if len(rows) > NAMED:
        more = f"{len(rows) - NAMED} more ensembles have some"
        yield Finding("failed runs", "warn", more, "see `tracker status`")


def _checkpoints(engine: Engine, settings: Settings) -> Finding:
    from tracker.checkpoints import CheckpointFolder

    folder = settings.checkpoint_folder
    kept = CheckpointFolder(folder).runs()
    with engine.connect() as connection:
        known = set(connection.scalars(select(Run.uid).where(Run.uid.in_(kept))))
    orphans = [str(uid) for uid in kept if uid not in known]
    if not orphans:
        return Finding("checkpoints", "ok", f"{len(kept)} runs have some, and none is orphaned")
    return Finding(
        "checkpoints",
        "warn",
        f"{len(orphans)} folders are of no run of this database: {_listed(orphans)}",
        f"if no other database uses them, remove them from {shown(folder)}",
    )


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
