"""What every report begins with: one moment of the database, an ensemble that has outcomes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, exists, select

from tracker.db.models import Evaluation, Run, RunBlock
from tracker.ensembles import get_ensemble_id
from tracker.errors import TrackerError, choice_error
from tracker.reports.curves import EvaluationRow, evaluations
from tracker.reports.ensembles import EnsembleInfo, describe_ensemble


@dataclass(frozen=True)
class Subject:
    """An ensemble that has outcomes."""

    info: EnsembleInfo
    evaluations: tuple[EvaluationRow, ...]
    """Those that at least one run has recorded; never empty."""
    some_held_out: bool
    """Whether runs hold out some examples of the split; of splits but train all runs do, of all."""

    @property
    def time_unit(self) -> str:
        """What an evaluation's ordinal counts: `epoch`, or else `evaluation`."""
        same = all(row.epoch == row.evaluation for row in self.evaluations)
        return "epoch" if same else "evaluation"


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A read-only transaction in which all queries see the same moment, while runs record."""
    with engine.connect() as connection:
        yield connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )


def find_subject(connection: Connection, ensemble: str, split: str) -> Subject:
    """The ensemble and its evaluations, after checking that there is something to report.

    Raises
    ------
    NotFoundError
        If there is no such ensemble.
    UsageError
        If its dataset has no such split.
    TrackerError
        If no run has recorded an evaluation.
    """
    info = describe_ensemble(connection, ensemble)
    if split not in info.sizes:
        raise choice_error("split", split, info.sizes)
    recorded = evaluations(connection, ensemble)
    if not recorded:
        raise TrackerError(no_outcomes(info))
    return Subject(info, recorded, split == "train" and _holds_out(connection, ensemble))


def no_outcomes(info: EnsembleInfo) -> str:
    """That no run that counts has recorded an evaluation, and what to do about it."""
    what_to_do = "`tracker status` says what its runs do, `tracker worker` trains the queued ones"
    if info.runs and not info.open_runs:
        what_to_do = f"`tracker retry {info.ensemble}` queues failed and cancelled runs again"
    return f"ensemble {info.ensemble!r} has no outcomes yet (runs: {info.states}): {what_to_do}"


def _holds_out(connection: Connection, ensemble: str) -> bool:
    """Whether any run that is counted has a bitmap of what it holds out."""
    held_out = select(
        exists()
        .where(RunBlock.run_id == Run.id)
        .where(Evaluation.run_id == Run.id)
        .where(Run.ensemble_id == get_ensemble_id(connection, ensemble), Run.state != "failed")
    )
    return bool(connection.scalar(held_out))
