"""What an export is of: an ensemble, its dataset, and what its runs have recorded."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from tracker import __version__
from tracker.db.models import Dataset, Ensemble, Evaluation, Run
from tracker.ensembles import unknown_ensemble
from tracker.outcomes.layout import Layout
from tracker.registry import RegisteredDataset, get_dataset
from tracker.sources import covered_layout


@dataclass(frozen=True)
class RecordedRun:
    """A run that has recorded something."""

    run_id: int
    seed: int
    state: str
    evaluations: tuple[int, ...]
    """Ordinals of its evaluations, ascending; never empty."""


@dataclass(frozen=True)
class Subject:
    """An ensemble that is to be exported."""

    ensemble: str
    ensemble_id: int
    spec: dict[str, Any]
    """The recipe, as stored."""
    dataset: RegisteredDataset
    fingerprint: str
    """Of the dataset."""
    class_names: tuple[str, ...]
    runs: tuple[RecordedRun, ...]
    """By seed."""

    @property
    def layout(self) -> Layout:
        """The splits that its runs tell of: all of the dataset's, unless it was imported."""
        return covered_layout(self.spec, self.dataset.layout)

    @property
    def examples(self) -> int:
        """Number of examples of the splits that its runs tell of."""
        return self.layout.examples

    @property
    def outcomes(self) -> int:
        """Number of outcomes of the runs."""
        return self.examples * sum(len(run.evaluations) for run in self.runs)

    def metadata(self, table: str) -> dict[str, Any]:
        """What a file says of itself, as JSON can hold it."""
        return {
            "table": table,
            "ensemble": self.ensemble,
            "spec": self.spec,
            "dataset": self.dataset.name,
            "dataset_fingerprint": self.fingerprint,
            "class_names": list(self.class_names),
            "tracker_version": __version__,
        }


def find_subject(connection: Connection, ensemble: str, *, complete: bool) -> Subject:
    """The ensemble called `ensemble`, with its complete runs or all that have recorded something.

    Raises
    ------
    NotFoundError
        If there is none, listing up to ten that exist.
    """
    row = connection.execute(
        select(
            Ensemble.id,
            Ensemble.spec,
            Dataset.name.label("dataset"),
            Dataset.fingerprint,
            Dataset.class_names,
        )
        .join(Dataset, Ensemble.dataset_id == Dataset.id)
        .where(Ensemble.name == ensemble)
    ).one_or_none()
    if row is None:
        raise unknown_ensemble(connection, ensemble)
    return Subject(
        ensemble=ensemble,
        ensemble_id=row.id,
        spec=row.spec,
        dataset=get_dataset(connection, row.dataset),
        fingerprint=row.fingerprint,
        class_names=tuple(row.class_names),
        runs=_recorded_runs(connection, row.id, complete=complete),
    )


def _recorded_runs(
    connection: Connection, ensemble_id: int, *, complete: bool
) -> tuple[RecordedRun, ...]:
    ordinals = func.array_agg(Evaluation.evaluation).label("evaluations")
    query = (
        select(Run.id, Run.seed, Run.state, ordinals)
        .join(Evaluation, Evaluation.run_id == Run.id)
        .where(Run.ensemble_id == ensemble_id)
        .group_by(Run.id)
        .order_by(Run.seed)
    )
    if complete:
        query = query.where(Run.state == "complete")
    return tuple(
        RecordedRun(row.id, row.seed, row.state, tuple(sorted(row.evaluations)))
        for row in connection.execute(query)
    )
