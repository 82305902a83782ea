"""One attempt at one run, as its worker sees it: claimed, fenced, alive, ended."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from tracker.db.models import Dataset, Ensemble, Evaluation, Run
from tracker.errors import RunLostError
from tracker.events import note_event
from tracker.runs.requeue import due, note_cancelled, queue_again
from tracker.specs import EnsembleSpec

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
        .where(Run.id == run_id, Run.state == "queued", ~Run.cancel_requested, due())
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

    It waits for nobody: while the attempt's own outcomes are being recorded, which says so too
    (`stay`), nothing is written.

    Returns
    -------
    bool or None
        Was cancelling asked for? None if the run is no longer held.
    """
    free = (
        select(Run.id)
        .where(_held(claim))
        .with_for_update(key_share=True, skip_locked=True)
        .cte("free")
    )
    written = (
        update(Run)
        .where(Run.id == free.c.id)
        .values(
            heartbeat_at=func.clock_timestamp(),
            step=step,
            examples_per_second=examples_per_second,
        )
        .returning(Run.id)
        .cte("written")
    )
    cancel: bool | None = connection.scalar(
        select(Run.cancel_requested).where(_held(claim)).add_cte(written)
    )
    return cancel


def stay(connection: Connection, claim: Claim, step: int) -> None:
    """Say that the attempt is alive, at the end of a transaction that holds its run (`fence`).

    What is recorded is of `step` optimizer steps; a heartbeat may already have told of more.
    """
    connection.execute(
        update(Run)
        .where(_held(claim))
        .values(heartbeat_at=func.clock_timestamp(), step=func.greatest(Run.step, step))
    )


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
) -> int:
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

    Returns
    -------
    int
        Number of evaluations deleted.

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
    return deleted


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
        state = queue_again(connection, left, retry_after=retry_after, error=_shortened(error))
        if state:
            note_event(connection, "retried", [claim.run_id], _reason(error))
            note_cancelled(connection, state)
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
    state = queue_again(
        connection,
        _held(claim),
        retry_after=retry_after,
        max_attempts=Run.max_attempts + 1,
        error=_shortened(reason) if event == "data_missing" else None,
    )
    note_event(connection, event, list(state), {"reason": reason[-REASON_LIMIT:]})
    note_cancelled(connection, state)
    return bool(state)


def _shortened(error: str | None) -> str | None:
    return None if error is None else error[-ERROR_LIMIT:]


def _reason(error: str | None) -> dict[str, str] | None:
    """The last line of a traceback, which says what went wrong."""
    if not error:
        return None
    return {"error": error.strip().rpartition("\n")[2][-REASON_LIMIT:]}
