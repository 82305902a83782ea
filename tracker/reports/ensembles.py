"""What the ensembles are, and what has come of their runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Double, func, select, true

from tracker.curriculum.order import BLIND
from tracker.curriculum.source import shown_score
from tracker.db.models import RUN_STATES, Dataset, Ensemble, Run, Split
from tracker.ensembles import count_states, get_ensemble_id
from tracker.reports import views
from tracker.sources import ImportedSource, imported_from
from tracker.specs import CurriculumSpec, EnsembleSpec, Recipe, Recording


@dataclass(frozen=True)
class EnsembleInfo:
    """An ensemble: what it trains, and what has come of its runs."""

    ensemble: str
    spec: EnsembleSpec | ImportedSource
    """What is trained, or the file that the ensemble was imported from."""
    dataset: str
    """Name of its dataset; a subset is a dataset of its own."""
    class_names: tuple[str, ...]
    """Name of each class, by label."""
    sizes: Mapping[str, int]
    """Examples of each split that is scored, in storage order."""
    runs: Mapping[str, int]
    """Number of runs in each state that occurs."""
    evaluations: int
    """Evaluations of a complete run."""
    created_at: datetime

    @property
    def open_runs(self) -> int:
        """Runs that still train or wait for a worker."""
        return sum(self.runs.get(state, 0) for state in ("queued", "running"))

    @property
    def states(self) -> str:
        """The number of runs in each state, in words."""
        return ", ".join(f"{count} {state}" for state, count in self.runs.items()) or "none"

    @property
    def recipe(self) -> str | None:
        """The recipe in one line; None if the ensemble was imported."""
        if isinstance(self.spec, ImportedSource):
            return None
        return recipe_line(self.spec.recipe, self.spec.recording)

    @property
    def trained_on(self) -> str | None:
        """On which training examples each run trains; None if on all, or if it was imported."""
        if isinstance(self.spec, ImportedSource) or self.spec.split is None:
            return None
        size = self.spec.trained_on(self.sizes["train"])
        return f"{self.spec.split}: each run trains on {size:,} of train"

    @property
    def order(self) -> str | None:
        """Its curriculum in one line; None if it has none."""
        if isinstance(self.spec, ImportedSource) or self.spec.curriculum is None:
            return None
        return curriculum_line(self.spec.curriculum)


@dataclass(frozen=True)
class EnsembleRow:
    """An ensemble as one line of a list."""

    ensemble: str
    dataset: str
    arch: str | None
    """None if the ensemble was imported."""
    runs: int
    complete: int
    failed: int
    last_evaluation: int | None
    """Last evaluation recorded by a run that has not failed; None if there is none yet."""
    runs_recorded: int
    """Runs that have recorded it, and over which the accuracies are means."""
    train_accuracy: float | None
    """Of the examples that each run trains on."""
    test_accuracy: float | None
    created_at: datetime


def describe_ensemble(connection: Connection, ensemble: str) -> EnsembleInfo:
    """What the ensemble called `ensemble` is.

    Raises
    ------
    NotFoundError
        If there is none, listing up to ten that exist.
    """
    ensemble_id = get_ensemble_id(connection, ensemble)
    row = connection.execute(
        select(
            Ensemble.spec,
            Ensemble.dataset_id,
            Ensemble.evaluations,
            Ensemble.created_at,
            Dataset.class_names,
            Dataset.name.label("dataset"),
        )
        .join(Dataset, Ensemble.dataset_id == Dataset.id)
        .where(Ensemble.id == ensemble_id)
    ).one()
    sizes = connection.execute(
        select(Split.split, Split.size)
        .where(Split.dataset_id == row.dataset_id)
        .order_by(Split.first_example)
    )
    source = imported_from(row.spec)
    states = count_states(connection, ensemble_id)
    return EnsembleInfo(
        ensemble=ensemble,
        spec=source or EnsembleSpec.model_validate(row.spec),
        dataset=row.dataset,
        class_names=tuple(row.class_names),
        sizes={
            row.split: row.size for row in sizes if source is None or row.split in source.splits
        },
        runs={state: states[state] for state in RUN_STATES if state in states},
        evaluations=row.evaluations,
        created_at=row.created_at,
    )


def recipe_line(recipe: Recipe, recording: Recording) -> str:
    """How one network is trained and scored, in one line."""
    parts = [recipe.length.words, f"batch {recipe.batch_size}"]
    optimizer = [recipe.optimizer, f"lr {recipe.lr:g}"]
    optimizer += [f"momentum {recipe.momentum:g}"] if recipe.momentum else []
    optimizer += [f"weight decay {recipe.weight_decay:g}"] if recipe.weight_decay else []
    parts.append(" ".join(optimizer))
    if recipe.decay is not None:
        times = [f"after {span.words}" for span in recipe.decay.at]
        times += [f"every {recipe.decay.every.words}"] if recipe.decay.every else []
        parts.append(f"lr / {recipe.decay.divisor:g} {' and '.join(times)}")
    every = recording.every
    unit = every.unit if every.count == 1 else every.words
    parts.append(f"scored every {unit}{' and before training' if recording.initial else ''}")
    return ", ".join(parts)


def curriculum_line(curriculum: CurriculumSpec) -> str:
    """In which order training examples are seen, in one line."""
    parameters, source = curriculum.parameters, curriculum.source
    of = " + ".join(source.get("ensembles", ()))
    parts = [parameters["order"]]
    if parameters["order"] not in BLIND:
        parts[0] += f" by {shown_score(source['score'])} of {of}"
    if pacing := parameters.get("pacing"):
        parts.append(f"{pacing['name']} pacing from {pacing['start']:g} over {pacing['grow']:g}")
    if parameters.get("balance"):
        parts.append("classes in turn")
    if dropped := source.get("dropped"):
        parts.append(f"without {dropped} of {of}")
    return ", ".join(parts)


def list_ensembles(connection: Connection) -> tuple[EnsembleRow, ...]:
    """Every ensemble, the newest first."""
    states = (
        select(
            Run.ensemble_id,
            func.count().label("runs"),
            func.count().filter(Run.state == "complete").label("complete"),
            func.count().filter(Run.state == "failed").label("failed"),
        )
        .group_by(Run.ensemble_id)
        .subquery("states")
    )
    recorded = views.ensemble_evaluation
    last = (
        select(
            recorded.c.ensemble_id,
            func.max(recorded.c.evaluation).label("evaluation"),
        )
        .group_by(recorded.c.ensemble_id)
        .subquery("last")
    )
    accuracy = views.run_accuracy
    # LATERAL, so that only the bitmaps of the last evaluation are read.
    told = func.coalesce(accuracy.c.trained_on_accuracy, accuracy.c.accuracy)
    mean = func.avg(told, type_=Double)
    final = (
        select(
            func.count(accuracy.c.run_id.distinct()).label("runs"),
            mean.filter(accuracy.c.split == "train").label("train"),
            mean.filter(accuracy.c.split == "test").label("test"),
        )
        .where(
            accuracy.c.ensemble_id == Ensemble.id,
            accuracy.c.evaluation == last.c.evaluation,
        )
        .lateral("final")
    )
    rows = connection.execute(
        select(
            Ensemble.name,
            Dataset.name.label("dataset"),
            Ensemble.spec["arch"].astext.label("arch"),
            func.coalesce(states.c.runs, 0).label("runs"),
            func.coalesce(states.c.complete, 0).label("complete"),
            func.coalesce(states.c.failed, 0).label("failed"),
            last.c.evaluation,
            func.coalesce(final.c.runs, 0).label("runs_recorded"),
            final.c.train,
            final.c.test,
            Ensemble.created_at,
        )
        .join(Dataset, Ensemble.dataset_id == Dataset.id)
        .outerjoin(states, states.c.ensemble_id == Ensemble.id)
        .outerjoin(last, last.c.ensemble_id == Ensemble.id)
        .outerjoin(final, true())
        .order_by(Ensemble.id.desc())
    )
    return tuple(EnsembleRow(*row) for row in rows)
