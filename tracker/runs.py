"""The life of a run: queued, claimed, fenced, reaped, finished.

Postgres owns the state; every step is one guarded UPDATE, so that of two workers that try the
same thing one matches no row. Times are the database's. Nothing here knows Celery.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, or_, select, update

from tracker.db.models import Dataset, Ensemble, Evaluation, Run
from tracker.errors import RunLostError
from tracker.specs import EnsembleSpec

DEFAULT_ATTEMPTS = 3
"""Attempts of a run before it counts as failed: the database's default."""

ERROR_LIMIT = 20_000
"""Characters of an error's text that are kept."""


@dataclass(frozen=True)
class Claim:
    """One attempt at one run: what a worker holds while it trains."""

    run_id: int
    attempt: int
    seed: int
    ensemble: str
    spec: EnsembleSpec
    dataset_fingerprint: str


def worker_name(pid: int) -> str:
    """How a worker on this machine is called in its runs' rows: `host:pid`."""
    return f"{socket.gethostname()}:{pid}"


def claim_run(connection: Connection, run_id: int, worker: str) -> Claim | None:
    """Take a queued run for `worker` (`host:pid`); None if it is not there to be taken."""
    row = connection.execute(
        update(Run)
        .where(Run.id == run_id, Run.state == "queued", ~Run.cancel_requested)
        .values(
            state="running",
            attempt=Run.attempt + 1,
            worker=worker,
            started_at=func.clock_timestamp(),
            heartbeat_at=func.clock_timestamp(),
            finished_at=None,
            step=0,
            examples_per_second=None,
            error=None,
        )
        .returning(Run.attempt, Run.seed, Run.ensemble_id)
    ).one_or_none()
    if row is None:
        return None
    ensemble = connection.execute(
        select(Ensemble.name, Ensemble.spec, Dataset.fingerprint)
        .join(Dataset, Ensemble.dataset_id == Dataset.id)
        .where(Ensemble.id == row.ensemble_id)
    ).one()
    return Claim(
        run_id=run_id,
        attempt=row.attempt,
        seed=row.seed,
        ensemble=ensemble.name,
        spec=EnsembleSpec.model_validate(ensemble.spec),
        dataset_fingerprint=ensemble.fingerprint,
    )


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(Run.id == claim.run_id, Run.attempt == claim.attempt, Run.state == "running")


def fence(connection: Connection, claim: Claim) -> bool:
    """Lock the run for this transaction; True if cancelling it was asked for.

    Raises
    ------
    RunLostError
        If the run is no longer this attempt's. Nothing of the transaction may be kept then.
    """
    cancel = connection.scalar(
        select(Run.cancel_requested).where(_held(claim)).with_for_update(key_share=True)
    )
    if cancel is None:
        raise RunLostError(f"run {claim.run_id} is no longer held by attempt {claim.attempt}")
    return bool(cancel)


def beat(
    connection: Connection, claim: Claim, step: int, examples_per_second: float | None
) -> bool | None:
    """Say that the attempt is alive and how far it is.

    Returns
    -------
    bool or None
        Was cancelling asked for? None if the run is no longer held.
    """
    cancel: bool | None = connection.scalar(
        update(Run)
        .where(_held(claim))
        .values(
            heartbeat_at=func.clock_timestamp(),
            step=step,
            examples_per_second=examples_per_second,
        )
        .returning(Run.cancel_requested)
    )
    return cancel


def begin(connection: Connection, claim: Claim, provenance: Mapping[str, Any]) -> None:
    """Store what the attempt runs on, and decide what an earlier attempt's outcomes are worth.

    They stay, to be compared, where the attempt can repeat their bits: on a CPU with the same
    versions and threads. Otherwise they are deleted: a history put together from two trainings
    would be neither.

    Raises
    ------
    RunLostError
        If the run is no longer this attempt's.
    """
    fence(connection, claim)
    earlier = connection.scalar(select(Run.provenance).where(Run.id == claim.run_id))
    new = dict(provenance)
    if earlier is not None and (earlier != new or new["device"] != "cpu"):
        connection.execute(delete(Evaluation).where(Evaluation.run_id == claim.run_id))
    connection.execute(update(Run).where(_held(claim)).values(provenance=new))


def finish(connection: Connection, claim: Claim, state: str, error: str | None = None) -> bool:
    """End the attempt as `complete`, `failed` or `cancelled`; False if it was not held."""
    matched = connection.execute(
        update(Run)
        .where(_held(claim))
        .values(
            state=state,
            finished_at=func.clock_timestamp(),
            error=None if error is None else error[-ERROR_LIMIT:],
        )
    )
    return matched.rowcount == 1


def reap(connection: Connection, queue: str, stale: timedelta) -> list[int]:
    """Take silent runs from their workers; the ids of those that are queued again.

    A run that has used up its attempts fails instead; one that was to be cancelled is. Two
    reapers at once skip each other's rows.
    """
    silent = list(
        connection.scalars(
            select(Run.id)
            .where(
                Run.queue == queue,
                Run.state == "running",
                func.coalesce(Run.heartbeat_at, Run.started_at) < func.clock_timestamp() - stale,
            )
            .with_for_update(skip_locked=True)
        )
    )
    spent = Run.attempt >= Run.max_attempts
    ended = or_(Run.cancel_requested, spent)
    rows = connection.execute(
        update(Run)
        .where(Run.id.in_(silent))
        .values(
            state=case((Run.cancel_requested, "cancelled"), (spent, "failed"), else_="queued"),
            finished_at=case((ended, func.clock_timestamp()), else_=None),
            queued_at=case((ended, Run.queued_at), else_=func.clock_timestamp()),
            error=f"worker lost: no sign of life for {stale.total_seconds():g} s",
        )
        .returning(Run.id, Run.state)
    )
    return [row.id for row in rows if row.state == "queued"]


def unsent_runs(
    connection: Connection, queue: str, older_than: timedelta, limit: int = 1000
) -> list[int]:
    """Queued runs of `queue` whose message was never sent, or that long ago; oldest first."""
    due = func.clock_timestamp() - older_than
    return list(
        connection.scalars(
            select(Run.id)
            .where(
                Run.queue == queue,
                Run.state == "queued",
                or_(Run.sent_at.is_(None), Run.sent_at < due),
            )
            .order_by(Run.queued_at, Run.id)
            .limit(limit)
        )
    )


def mark_sent(connection: Connection, run_ids: list[int]) -> None:
    """Note that the runs' messages have gone to the broker."""
    connection.execute(
        update(Run).where(Run.id.in_(run_ids)).values(sent_at=func.clock_timestamp())
    )


def request_cancel(connection: Connection, run_ids: list[int]) -> dict[str, int]:
    """Cancel runs: queued ones at once, running ones at their next evaluation.

    Returns
    -------
    dict
        Number of runs `cancelled` and `asked` (running).
    """
    queued = Run.state == "queued"
    # One statement: in two, a run that is reaped in between would match neither.
    states = connection.scalars(
        update(Run)
        .where(Run.id.in_(run_ids), Run.state.in_(("queued", "running")))
        .values(
            state=case((queued, "cancelled"), else_=Run.state),
            finished_at=case((queued, func.clock_timestamp()), else_=Run.finished_at),
            cancel_requested=True,
        )
        .returning(Run.state)
    ).all()
    return {"cancelled": states.count("cancelled"), "asked": states.count("running")}


def release(connection: Connection, worker: str) -> list[int]:
    """Queue again the runs of a worker that is known to be dead; their ids.

    The attempt was ended on purpose and does not count against `max_attempts`.
    """
    return list(
        connection.scalars(
            update(Run)
            .where(Run.state == "running", Run.worker == worker)
            .values(
                state=case((Run.cancel_requested, "cancelled"), else_="queued"),
                max_attempts=Run.max_attempts + 1,
                queued_at=func.clock_timestamp(),
                finished_at=case((Run.cancel_requested, func.clock_timestamp()), else_=None),
                sent_at=None,
            )
            .returning(Run.id)
        )
    )


def retry(connection: Connection, run_ids: list[int]) -> list[int]:
    """Queue failed and cancelled runs again, with as many attempts as at first; their ids.

    What they have recorded stays, and is compared with what the new attempt says.
    """
    return list(
        connection.scalars(
            update(Run)
            .where(Run.id.in_(run_ids), Run.state.in_(("failed", "cancelled")))
            .values(
                state="queued",
                # Attempts are numbered on, so that a stale worker of an earlier one stays out.
                max_attempts=Run.attempt + DEFAULT_ATTEMPTS,
                cancel_requested=False,
                queued_at=func.clock_timestamp(),
                sent_at=None,
                finished_at=None,
            )
            .returning(Run.id)
        )
    )


def open_runs(connection: Connection, queue: str) -> int:
    """Number of runs of `queue` that are queued or running."""
    return (
        connection.scalar(
            select(func.count())
            .select_from(Run)
            .where(Run.queue == queue, Run.state.in_(("queued", "running")))
        )
        or 0
    )
