"""What is queued, training and done: the view `run_progress`, for people who wait."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Double, Select, extract, func, select

from tracker.reports.views import run_progress as progress


@dataclass(frozen=True)
class RunProgress:
    """Where one run is."""

    ensemble: str
    run_id: int
    seed: int
    state: str
    attempt: int
    evaluations: int
    evaluations_in_all: int
    share: float
    """Share of the optimizer steps that are done."""
    examples_per_second: float | None
    seconds_left: float | None
    silent_seconds: float | None
    """Time since the last heartbeat."""
    worker: str | None
    error: str | None

    @property
    def reason(self) -> str:
        """The last line of the error: what went wrong, without the traceback."""
        return (self.error or "").strip().rpartition("\n")[2]


@dataclass(frozen=True)
class EnsembleProgress:
    """How many runs of an ensemble are in which state, and how long the rest will take."""

    ensemble: str
    runs: int
    queued: int
    running: int
    complete: int
    failed: int
    cancelled: int
    examples_per_second: float | None
    """Of the running runs together."""
    seconds_left: float | None
    """The runs to do at the pace of the complete ones, as many side by side as now."""


_RUN = (
    *(progress.c[name] for name in ("ensemble", "run_id", "seed", "state", "attempt")),
    *(progress.c[name] for name in ("evaluations", "evaluations_in_all", "share")),
    progress.c.examples_per_second,
    progress.c.seconds_left,
    extract("epoch", func.clock_timestamp() - progress.c.heartbeat_at)
    .cast(Double)
    .label("silent_seconds"),
    progress.c.worker,
    progress.c.error,
)


def _read(connection: Connection, query: Select[Any]) -> list[RunProgress]:
    return [RunProgress(**row._mapping) for row in connection.execute(query)]


def running_runs(connection: Connection, limit: int) -> list[RunProgress]:
    """The first `limit` runs that are training, by ensemble and seed."""
    return _read(
        connection,
        select(*_RUN)
        .where(progress.c.state == "running")
        .order_by(progress.c.ensemble_id, progress.c.seed)
        .limit(limit),
    )


def failed_runs(connection: Connection, limit: int) -> list[RunProgress]:
    """The `limit` runs that failed last."""
    return _read(
        connection,
        select(*_RUN)
        .where(progress.c.state == "failed")
        .order_by(progress.c.finished_at.desc(), progress.c.run_id)
        .limit(limit),
    )


def runs_of(connection: Connection, ensemble_id: int) -> list[RunProgress]:
    """Every run of an ensemble, by seed."""
    return _read(
        connection,
        select(*_RUN).where(progress.c.ensemble_id == ensemble_id).order_by(progress.c.seed),
    )


def ensembles_in_progress(connection: Connection, limit: int) -> list[EnsembleProgress]:
    """The newest `limit` ensembles, those with runs to do first."""
    state = progress.c.state
    running = state == "running"
    duration = extract("epoch", progress.c.finished_at - progress.c.started_at).cast(Double)
    count = func.count()
    to_do = count.filter(state.in_(("queued", "running"))) - func.sum(progress.c.share).filter(
        running
    )
    rows = connection.execute(
        select(
            progress.c.ensemble,
            count.label("runs"),
            *(
                count.filter(state == name).label(name)
                for name in ("queued", "running", "complete", "failed", "cancelled")
            ),
            func.sum(progress.c.examples_per_second).filter(running).label("examples_per_second"),
            (
                to_do
                * func.avg(duration).filter(state == "complete")
                / func.nullif(count.filter(running), 0)
            ).label("seconds_left"),
        )
        .group_by(progress.c.ensemble, progress.c.ensemble_id)
        .order_by(
            (count.filter(state.in_(("queued", "running"))) > 0).desc(),
            progress.c.ensemble_id.desc(),
        )
        .limit(limit)
    )
    return [EnsembleProgress(**row._mapping) for row in rows]
