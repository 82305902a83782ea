"""The life of a run: queued, claimed, fenced, reaped, finished.

Postgres owns the state; every step is one guarded UPDATE, so that of two workers that try the
same thing one matches no row. Times are the database's. Nothing here knows Celery.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    exists,
    func,
    or_,
    select,
    update,
)

from tracker.db.models import Dataset, Ensemble, Evaluation, Run, RunEvent
from tracker.errors import RunLostError
from tracker.events import note_event
from tracker.specs import EnsembleSpec

DEFAULT_ATTEMPTS = 3
"""Attempts of a run before it counts as failed: the database's default."""

ERROR_LIMIT = 20_000
"""Characters of an error's text that are kept."""

REASON_LIMIT = 500
"""Characters of an error's last line that are kept with an event."""

DECISIVE = (
    "tracker",
    "python",
    "torch",
    "numpy",
    "device",
    "machine",
    "cpu",
    "threads",
    "deterministic",
)
"""What of an attempt's provenance decides whether it can repeat the bits of another."""


@dataclass(frozen=True)
class Claim:
    """One attempt at one run: what a worker holds while it trains."""

    run_id: int
    attempt: int
    seed: int
    ensemble: str
    spec: EnsembleSpec
    dataset_fingerprint: str
    uid: UUID


def worker_name(pid: int) -> str:
    """How a worker on this machine is called in its runs' rows: `host:pid`."""
    return f"{socket.gethostname()}:{pid}"


def claim_run(connection: Connection, run_id: int, worker: str) -> Claim | None:
    """Take a queued run for `worker` (`host:pid`); None if it is not there to be taken."""
    row = connection.execute(
        update(Run)
        .where(Run.id == run_id, Run.state == "queued", ~Run.cancel_requested, _due())
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
            retry_at=None,
        )
        .returning(Run.attempt, Run.seed, Run.ensemble_id, Run.uid)
    ).one_or_none()
    if row is None:
        return None
    note_event(connection, "claimed", [run_id])
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
        uid=row.uid,
    )


def _due() -> ColumnElement[bool]:
    return or_(Run.retry_at.is_(None), Run.retry_at <= func.clock_timestamp())


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


def decisive(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What of `provenance` decides whether bits repeat."""
    return {name: provenance.get(name) for name in DECISIVE}


def recorded_checksums(connection: Connection, run_id: int) -> dict[int, bytes | None]:
    """Checksum of each evaluation that the run has recorded, by ordinal."""
    rows = connection.execute(
        select(Evaluation.evaluation, Evaluation.checksum)
        .where(Evaluation.run_id == run_id)
        .order_by(Evaluation.evaluation)
    )
    return {row.evaluation: row.checksum for row in rows}


def begin(
    connection: Connection,
    claim: Claim,
    provenance: Mapping[str, Any],
    resumed: int | None = None,
) -> None:
    """Store what the attempt runs on, and decide what an earlier attempt's outcomes are worth.

    They stay, to be compared, where the attempt can repeat their bits: on a CPU with the same
    versions and threads. Otherwise those that the attempt will record itself are deleted, because
    a history put together from two trainings would be neither: all of them, or those after the
    evaluation whose checkpoint the attempt goes on from.

    Parameters
    ----------
    resumed
        Ordinal of that evaluation; None if the attempt starts from the beginning. The checkpoint
        is of this hardware and of the recorded history.

    Raises
    ------
    RunLostError
        If the run is no longer this attempt's.
    """
    fence(connection, claim)
    earlier = connection.scalar(select(Run.provenance).where(Run.id == claim.run_id))
    new = dict(provenance)
    deleted = 0
    if earlier is not None and (decisive(earlier) != decisive(new) or new["device"] != "cpu"):
        last_kept = -1 if resumed is None else resumed
        # By a function of the schema: workers have no right to delete.
        forgotten = func.forget_evaluations(claim.run_id, claim.attempt, last_kept)
        deleted = connection.scalar(select(forgotten)) or 0
    connection.execute(update(Run).where(_held(claim)).values(provenance=new))
    if resumed is not None:
        detail = {"evaluation": resumed, "deleted": deleted}
        note_event(connection, "resumed", [claim.run_id], detail)
    elif deleted:
        note_event(connection, "begun_anew", [claim.run_id], {"deleted": deleted})


def finish(connection: Connection, claim: Claim, state: str, error: str | None = None) -> bool:
    """End the attempt as `complete`, `failed` or `cancelled`; False if it was not held."""
    matched = connection.execute(
        update(Run)
        .where(_held(claim))
        .values(state=state, finished_at=func.clock_timestamp(), error=_shortened(error))
    )
    held = matched.rowcount == 1
    if held:
        note_event(connection, state, [claim.run_id], _reason(error))
    return held


def fail(
    connection: Connection, claim: Claim, error: str, retry_after: timedelta | None = None
) -> str | None:
    """End the attempt after an error: queued again, if that may help and attempts are left.

    Parameters
    ----------
    retry_after
        The next attempt begins no sooner; None if no attempt would fare better.

    Returns
    -------
    str or None
        The run's state: `queued`, `failed`, `cancelled`; None if it was not held.
    """
    if retry_after is not None:
        left = and_(_held(claim), Run.attempt < Run.max_attempts)
        state = _queue_again(connection, left, retry_after=retry_after, error=_shortened(error))
        if state:
            note_event(connection, "retried", [claim.run_id], _reason(error))
            _note_cancelled(connection, state)
            return state[claim.run_id]
    return "failed" if finish(connection, claim, "failed", error) else None


def give_back(
    connection: Connection,
    claim: Claim,
    reason: str,
    event: str = "given_back",
    retry_after: timedelta = timedelta(0),
) -> bool:
    """Queue the run again, without counting the attempt; False if it was not held.

    Its worker stops (`given_back`) or has not got the data (`data_missing`).
    """
    state = _queue_again(
        connection,
        _held(claim),
        retry_after=retry_after,
        max_attempts=Run.max_attempts + 1,
        error=_shortened(reason) if event == "data_missing" else None,
    )
    note_event(connection, event, list(state), {"reason": reason[-REASON_LIMIT:]})
    _note_cancelled(connection, state)
    return bool(state)


def _queue_again(
    connection: Connection,
    which: ColumnElement[bool],
    retry_after: timedelta = timedelta(0),
    **values: Any,
) -> dict[int, str]:
    """Queue runs again, or cancel those that were to be; their new states by id."""
    now = func.clock_timestamp()
    rows = connection.execute(
        update(Run)
        .where(which)
        .values(
            state=case((Run.cancel_requested, "cancelled"), else_="queued"),
            queued_at=now,
            finished_at=case((Run.cancel_requested, now), else_=None),
            retry_at=now + retry_after if retry_after else None,
            sent_at=None,
            **values,
        )
        .returning(Run.id, Run.state)
    )
    return {row.id: row.state for row in rows}


def _note_cancelled(connection: Connection, states: Mapping[int, str]) -> None:
    cancelled = [run_id for run_id, state in states.items() if state == "cancelled"]
    note_event(connection, "cancelled", cancelled)


def _shortened(error: str | None) -> str | None:
    return None if error is None else error[-ERROR_LIMIT:]


def _reason(error: str | None) -> dict[str, str] | None:
    """The last line of a traceback, which says what went wrong."""
    if not error:
        return None
    return {"error": error.strip().rpartition("\n")[2][-REASON_LIMIT:]}


def reap(connection: Connection, queue: str, stale: timedelta) -> list[int]:
    """Take silent runs from their workers; the ids of those that are queued again.

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
        .returning(Run.id, Run.state)
    ).all()
    note_event(connection, "lost", silent, {"silent_seconds": stale.total_seconds()})
    for state in ("failed", "cancelled"):
        note_event(connection, state, [row.id for row in rows if row.state == state])
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
                _due(),
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
    states = _queue_again(connection, which, max_attempts=Run.max_attempts + 1)
    note_event(connection, "given_back", list(states), {"reason": "its worker was stopped"})
    _note_cancelled(connection, states)
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
