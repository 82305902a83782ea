"""Runs as a queue: found silent or unsent, cancelled, released, tried again, counted."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, and_, case, exists, func, or_, select, update

from tracker.db.models import Evaluation, Run, RunEvent
from tracker.events import note_event
from tracker.runs.requeue import due, note_cancelled, queue_again

DEFAULT_ATTEMPTS = 3
"""Attempts of a run before it counts as failed: the database's default."""


@dataclass(frozen=True)
class Silent:
    """A run that was taken from its worker."""

    run_id: int
    attempt: int
    """The one that fell silent."""
    worker: str
    """Its worker, `host:pid`."""
    state: str
    """What the run is now: `queued`, `failed` or `cancelled`."""


def reap(connection: Connection, queue: str, stale: timedelta) -> list[Silent]:
    """Take silent runs from their workers, and queue them again.

    A run that has used up its attempts fails instead; one that was to be cancelled is. An attempt
    that has recorded something new does not count: what is to be stopped are runs that take their
    workers with them, not workers that die. Two reapers at once skip each other's rows.
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
    progressed = exists().where(
        Evaluation.run_id == Run.id, Evaluation.recorded_at >= Run.started_at
    )
    spent = and_(Run.attempt >= Run.max_attempts, ~progressed)
    ended = or_(Run.cancel_requested, spent)
    rows = connection.execute(
        update(Run)
        .where(Run.id.in_(silent))
        .values(
            state=case((Run.cancel_requested, "cancelled"), (spent, "failed"), else_="queued"),
            max_attempts=Run.max_attempts + case((progressed, 1), else_=0),
            finished_at=case((ended, func.clock_timestamp()), else_=None),
            queued_at=case((ended, Run.queued_at), else_=func.clock_timestamp()),
            error=f"worker lost: no sign of life for {stale.total_seconds():g} s",
        )
        .returning(Run.id, Run.attempt, Run.worker, Run.state)
    ).all()
    note_event(connection, "lost", silent, {"silent_seconds": stale.total_seconds()})
    for state in ("failed", "cancelled"):
        note_event(connection, state, [row.id for row in rows if row.state == state])
    return [Silent(row.id, row.attempt, row.worker, row.state) for row in rows]


def unsent_runs(
    connection: Connection, queue: str, older_than: timedelta, limit: int = 1000
) -> list[int]:
    """Queued runs of `queue` whose message was never sent, or that long ago; oldest first."""
    long_ago = func.clock_timestamp() - older_than
    return list(
        connection.scalars(
            select(Run.id)
            .where(
                Run.queue == queue,
                Run.state == "queued",
                due(),
                or_(Run.sent_at.is_(None), Run.sent_at < long_ago),
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
    rows = connection.execute(
        update(Run)
        .where(Run.id.in_(run_ids), Run.state.in_(("queued", "running")))
        .values(
            state=case((queued, "cancelled"), else_=Run.state),
            finished_at=case((queued, func.clock_timestamp()), else_=Run.finished_at),
            cancel_requested=True,
        )
        .returning(Run.id, Run.state)
    ).all()
    by_state = {
        state: [row.id for row in rows if row.state == state] for state in ("cancelled", "running")
    }
    note_event(connection, "cancelled", by_state["cancelled"])
    note_event(connection, "cancel_requested", by_state["running"])
    return {"cancelled": len(by_state["cancelled"]), "asked": len(by_state["running"])}


def release(connection: Connection, worker: str) -> list[int]:
    """Queue again the runs of a worker that is known to be dead; their ids.

    The attempt was ended on purpose and does not count against `max_attempts`.
    """
    which = and_(Run.state == "running", Run.worker == worker)
    states = queue_again(connection, which, max_attempts=Run.max_attempts + 1)
    note_event(connection, "given_back", list(states), {"reason": "its worker was stopped"})
    note_cancelled(connection, states)
    return list(states)


def retry(connection: Connection, run_ids: list[int]) -> list[int]:
    """Queue failed and cancelled runs again, with as many attempts as at first; their ids.

    What they have recorded stays, and is compared with what the new attempt says.
    """
    again = list(
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
                retry_at=None,
            )
            .returning(Run.id)
        )
    )
    note_event(connection, "retried", again, {"by": "tracker retry"})
    return again


def open_runs(connection: Connection, queue: str, worker: str | None = None) -> int:
    """Number of runs of `queue` that are queued or running.

    Queued ones that `worker` has given back because it has not got their data are left out.
    """
    missing = exists().where(
        RunEvent.run_id == Run.id, RunEvent.event == "data_missing", RunEvent.worker == worker
    )
    return (
        connection.scalar(
            select(func.count())
            .select_from(Run)
            .where(
                Run.queue == queue,
                or_(Run.state == "running", and_(Run.state == "queued", ~missing)),
            )
        )
        or 0
    )
