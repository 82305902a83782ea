"""Deleting ensembles: rows go by runs rather than by cascades, and their space is given back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, func, select, text
from sqlalchemy.exc import DBAPIError

from tracker.curriculum.records import drop_unused_snapshots
from tracker.db.models import (
    Dataset,
    DepthBlock,
    Ensemble,
    Evaluation,
    OutcomeBlock,
    OutputBlock,
    ProbeAccuracy,
    ProbedEvaluation,
    ProbeVoteBlock,
    Run,
    RunBlock,
    SignalBlock,
    SignalSummary,
)
from tracker.ensembles import count_states, unknown_ensemble
from tracker.errors import UsageError
from tracker.masking import shown, without_secrets
from tracker.registry import get_dataset
from tracker.sources import covered_layout

TOUCHED = (
    "outcome_block",
    "signal_block",
    "signal_summary",
    "depth_block",
    "probe_vote_block",
    "probe_accuracy",
    "probed_evaluation",
    "output_block",
    "score_block",
    "run_block",
    "evaluation",
    "run",
    "ensemble",
    "curriculum_snapshot",
)
RECORDED = (
    OutcomeBlock,
    SignalBlock,
    SignalSummary,
    OutputBlock,
    DepthBlock,
    ProbeVoteBlock,
    ProbeAccuracy,
    ProbedEvaluation,
    RunBlock,
    Evaluation,
)
"""What runs have recorded, those first that depend on others."""

NOT_PERMITTED = ("42501",)
"""SQLSTATEs of a refused VACUUM that nobody needs to hear of: insufficient privilege."""

DATASET_TABLES = ("example", "block", "split", "dataset")


@dataclass(frozen=True)
class Contents:
    """What there is to delete."""

    ensemble: str
    ensemble_id: int
    dataset: str
    dataset_id: int
    states: dict[str, int]
    """Number of runs in each state that occurs."""
    evaluations: int
    outcomes: int
    dataset_users: int
    """Other ensembles of the dataset."""
    uids: tuple[UUID, ...]
    """Of its runs: what their checkpoints are called."""

    @property
    def runs(self) -> int:
        """Number of runs."""
        return sum(self.states.values())


def contents(connection: Connection, ensemble: str, *, lock: bool = False) -> Contents:
    """What the ensemble called `ensemble` holds.

    Parameters
    ----------
    lock : bool
        Keep runs from being added, claimed or recorded, and the dataset from being used anew,
        until the end of the transaction. Reading goes on.

    Raises
    ------
    NotFoundError
        If there is none, listing up to ten that exist.
    """
    row = connection.execute(
        _locked(
            select(Ensemble.id, Ensemble.dataset_id, Ensemble.spec).where(
                Ensemble.name == ensemble
            ),
            lock,
        )
    ).one_or_none()
    if row is None:
        raise unknown_ensemble(connection, ensemble)
    runs = select(Run.id).where(Run.ensemble_id == row.id).order_by(Run.id)
    connection.execute(_locked(runs, lock)).all()
    dataset = connection.execute(
        _locked(select(Dataset.id, Dataset.name).where(Dataset.id == row.dataset_id), lock)
    ).one()
    evaluations = connection.scalar(
        select(func.count()).select_from(Evaluation).where(Evaluation.run_id.in_(runs))
    )
    layout = covered_layout(row.spec, get_dataset(connection, dataset.name).layout)
    users = connection.scalar(
        select(func.count())
        .select_from(Ensemble)
        .where(Ensemble.dataset_id == dataset.id, Ensemble.id != row.id)
    )
    return Contents(
        ensemble=ensemble,
        ensemble_id=row.id,
        dataset=dataset.name,
        dataset_id=dataset.id,
        states=count_states(connection, row.id),
        evaluations=evaluations or 0,
        outcomes=(evaluations or 0) * layout.examples,
        dataset_users=users or 0,
        uids=tuple(connection.scalars(select(Run.uid).where(Run.ensemble_id == row.id))),
    )


def _locked(query: Any, lock: bool) -> Any:
    return query.with_for_update() if lock else query


def check_idle(found: Contents, *, force: bool) -> None:
    """Raise `UsageError` if runs are queued or running, unless by `force`."""
    open_runs = [f"{found.states[s]} {s}" for s in ("queued", "running") if s in found.states]
    if open_runs and not force:
        raise UsageError(
            f"ensemble {found.ensemble!r} has runs that are not over ({', '.join(open_runs)}): "
            f"`tracker cancel {found.ensemble}` first, or --force, which takes them from their "
            "workers"
        )


def delete_ensemble(connection: Connection, ensemble: str, *, force: bool = False) -> Contents:
    """Delete an ensemble with its runs and all that they have recorded, and its dataset's rows
    unless other ensembles are of it; what there was.

    A worker that trains one of the runs finds at its next evaluation that it is gone.

    Raises
    ------
    NotFoundError
        If there is no such ensemble.
    UsageError
        If runs are queued or running, unless by `force`.
    """
    found = contents(connection, ensemble, lock=True)
    check_idle(found, force=force)
    runs = select(Run.id).where(Run.ensemble_id == found.ensemble_id)
    # Cascades would find the blocks of one evaluation at a time; the key begins with the run.
    for table in RECORDED:
        connection.execute(delete(table).where(table.run_id.in_(runs)))
    connection.execute(delete(Ensemble).where(Ensemble.id == found.ensemble_id))
    # Recorded curricula stay, with their own copy of the scores that this ensemble gave.
    drop_unused_snapshots(connection)
    if not found.dataset_users:
        connection.execute(delete(Dataset).where(Dataset.id == found.dataset_id))
    return found


def delete_checkpoints(url: str, uids: Iterable[UUID]) -> str | None:
    """Delete the checkpoints of runs that are gone, as far as this machine reaches them.

    Returns
    -------
    str or None
        Why it could not be done, in a line.
    """
    # Takes a moment to load, and is needed where something is deleted or trained alone.
    from tracker.checkpoints import CheckpointFolder

    try:
        folder = CheckpointFolder(url)
        for uid in uids:
            folder.delete(uid)
    except Exception as error:  # each kind of storage has its own
        reason = str(error).strip().partition("\n")[0]
        return f"checkpoints under {shown(url)} stay ({without_secrets(reason)})"
    return None


def give_back_space(engine: Engine, *, dataset: bool) -> str | None:
    """Vacuum the tables that a deletion has touched, so that their space is free again.

    Where it cannot be done, the database's own vacuum does it later.

    Returns
    -------
    str or None
        Why it could not be done, in a line; None also where this role may not.
    """
    tables = TOUCHED + (DATASET_TABLES if dataset else ())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            connection.execute(text(f"VACUUM (ANALYZE) {', '.join(tables)}"))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) in NOT_PERMITTED:
                return None
            reason = str(error.orig).strip().partition("\n")[0]
            return f"the space was not given back ({reason}): Postgres's own vacuum will do it"
    return None
