"""The four difficulty types of an ensemble, and what probes make of the most ambiguous examples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, TableClause, func, select

from tracker.db.models import ProbedEvaluation, Run
from tracker.ensembles import get_ensemble_id
from tracker.errors import TrackerError
from tracker.holdout import Part
from tracker.reports import views
from tracker.reports.ensembles import EnsembleInfo
from tracker.reports.subject import find_subject
from tracker.specs import EnsembleSpec

TYPES = (
    "easy",
    "looks_like_a_different_class",
    "ambiguous_unless_the_label_is_given",
    "ambiguous",
)
"""As in the view `difficulty_type`, in the order in which they are shown."""

AMBIGUOUS_UNLABELLED = TYPES[2]
SPLIT = "train"
"""The split that runs train on and hold parts of out."""


@dataclass(frozen=True)
class TypeRow:
    """One difficulty type in numbers; see the view `difficulty_type_summary`."""

    type: str
    examples: int
    share: float
    mislabelled: int
    mislabelled_share: float | None
    depth_held_out: float
    depth_trained_on: float
    consistency: float | None
    consensus_consistency: float | None


@dataclass(frozen=True)
class TypedExample:
    """One of the examples that are nearest to the corner of their type."""

    type: str
    position: int
    label: int
    distance: float
    consensus_class: int | None
    """What most runs that held it out predict; None where classes are not known."""
    original_label: int | None
    """The label before label noise; None where that changed nothing."""


@dataclass(frozen=True)
class ProbedLayer:
    """How often one layer's probe gives the label, where the network was not shown it."""

    layer: int
    name: str
    accuracy: float


@dataclass(frozen=True)
class AmbiguousExamples:
    """The examples that are most ambiguous unless the label is given (Baldock 2021 s.4)."""

    examples: int
    answers: int
    """Pairs of one of them and a run that held it out."""
    network_accuracy: float
    layers: tuple[ProbedLayer, ...]


@dataclass(frozen=True)
class DifficultyTypes:
    """What `tracker types` tells of an ensemble."""

    info: EnsembleInfo
    types: tuple[TypeRow, ...]
    purest: Mapping[str, tuple[TypedExample, ...]]
    """By type, the nearest to its corner first."""
    ambiguous: AmbiguousExamples | None
    """None where no example is of that type, or else no probe's votes are stored."""
    untyped: int
    """Training examples without a type."""
    probed_runs: int
    """So many runs made the depths."""
    probed_at: tuple[int, ...]
    """Ordinals, ascending, of the evaluations that the depths are of: the last probed of each run.

    Several while runs train, or where some ended early: depths of all of them are averaged."""

    @property
    def counted_runs(self) -> int:
        """Runs that count, probed or not: all but failed ones."""
        return _counted_runs(self.info)


def difficulty_types(
    connection: Connection, ensemble: str, *, shown: int = 10, most: int = 100
) -> DifficultyTypes:
    """The types of an ensemble's training examples.

    Parameters
    ----------
    shown : int
        Examples of each type to name.
    most : int
        Examples most ambiguous unless the label is given whose probes are compared with the
        network.

    Raises
    ------
    NotFoundError, UsageError, TrackerError
        As `find_subject`; also where no example has a type.
    """
    subject = find_subject(connection, ensemble, SPLIT)
    rows = _summary(connection, ensemble)
    probed = _probed(connection, ensemble)
    if not rows and _is_to_come(subject.info):
        raise TrackerError(
            f"ensemble {ensemble!r} has no difficulty types yet: {len(probed)} of "
            f"{_counted_runs(subject.info)} runs probed, {subject.info.open_runs} still to train "
            "(`tracker status`); an example needs a run that trained on it and one that held it out"
        )
    if not rows:
        raise TrackerError(
            f"ensemble {ensemble!r} has no difficulty types: they need examples with depths both "
            "from runs that trained on them and from runs that held them out (`tracker enqueue "
            "--split 90:10 --probe final`; see the view prediction_depth)"
        )
    purest = {row.type: _purest(connection, ensemble, row.type, shown) for row in rows}
    return DifficultyTypes(
        subject.info,
        rows,
        purest,
        _ambiguous(connection, ensemble, most),
        untyped=subject.info.sizes[SPLIT] - sum(row.examples for row in rows),
        probed_runs=len(probed),
        probed_at=tuple(sorted(set(probed.values()))),
    )


def _counted_runs(info: EnsembleInfo) -> int:
    return sum(count for state, count in info.runs.items() if state != "failed")


def _is_to_come(info: EnsembleInfo) -> bool:
    """Whether runs still train that were asked for all that types need."""
    return isinstance(info.spec, EnsembleSpec) and tells_types(info.spec) and info.open_runs > 0


def tells_types(spec: EnsembleSpec) -> bool:
    """Whether its runs are probed, and some may train on what others hold out."""
    apart = spec.split is not None and not isinstance(spec.split, Part)
    return apart and spec.probe is not None


def _summary(connection: Connection, ensemble: str) -> tuple[TypeRow, ...]:
    view = views.difficulty_type_summary
    rows = connection.execute(
        select(*(view.c[name] for name in TypeRow.__dataclass_fields__)).where(
            view.c.ensemble == ensemble, view.c.split == SPLIT
        )
    )
    return tuple(sorted((TypeRow(*row) for row in rows), key=lambda row: TYPES.index(row.type)))


def _probed(connection: Connection, ensemble: str) -> dict[int, int]:
    """The last probed evaluation of each run that counts, by the run's id."""
    rows = connection.execute(
        select(Run.id, func.max(ProbedEvaluation.evaluation).label("evaluation"))
        .join(ProbedEvaluation, ProbedEvaluation.run_id == Run.id)
        .where(Run.ensemble_id == get_ensemble_id(connection, ensemble), Run.state != "failed")
        .group_by(Run.id)
    )
    return {row.id: row.evaluation for row in rows}


def _purest(
    connection: Connection, ensemble: str, of_type: str, shown: int
) -> tuple[TypedExample, ...]:
    view, others, labels = views.difficulty_type, views.consistency, views.example_label
    rows = connection.execute(
        select(view.c.example_id, view.c.position, view.c.label, view.c.distance, view.c.block)
        .where(view.c.ensemble == ensemble, view.c.split == SPLIT, view.c.type == of_type)
        .order_by(view.c.rank, view.c.position)
        .limit(shown)
    ).all()

    def by_example(of: TableClause, column: str) -> dict[int, int | None]:
        found = connection.execute(
            select(of.c.example_id, of.c[column]).where(
                of.c.ensemble == ensemble,
                of.c.example_id.in_([row.example_id for row in rows]),
                of.c.block.in_({row.block for row in rows}),
            )
        )
        return {row[0]: row[1] for row in found}

    consensus = by_example(others, "consensus_class")
    original = by_example(labels, "original_label")
    return tuple(
        TypedExample(
            of_type,
            row.position,
            row.label,
            row.distance,
            consensus[row.example_id],
            None if original[row.example_id] == row.label else original[row.example_id],
        )
        for row in rows
    )


def _ambiguous(connection: Connection, ensemble: str, most: int) -> AmbiguousExamples | None:
    view, votes, answers = views.difficulty_type, views.probe_vote, views.outcome
    chosen = connection.execute(
        select(view.c.example_id, view.c.block)
        .where(view.c.ensemble == ensemble, view.c.type == AMBIGUOUS_UNLABELLED)
        .order_by(view.c.rank, view.c.position)
        .limit(most)
    ).all()
    ids, blocks = [row.example_id for row in chosen], {row.block for row in chosen}
    told = connection.execute(
        select(votes.c.run_id, votes.c.example_id, votes.c.evaluation, votes.c.layer,
               votes.c.layer_name, (votes.c.predicted == votes.c.label).label("right"))
        .where(votes.c.ensemble == ensemble, votes.c.example_id.in_(ids), votes.c.block.in_(blocks))
    ).all()  # fmt: skip
    last = _last(told)
    network = {
        (row.run_id, row.example_id): row.correct
        for row in connection.execute(
            select(answers.c.run_id, answers.c.example_id, answers.c.evaluation, answers.c.correct)
            .where(
                answers.c.ensemble == ensemble, answers.c.example_id.in_(ids), answers.c.held_out
            )
        )
        if row.evaluation == last.get(row.run_id)
    }  # fmt: skip
    right: dict[tuple[int, str], list[bool]] = {}
    for row in told:
        if row.evaluation == last[row.run_id] and (row.run_id, row.example_id) in network:
            right.setdefault((row.layer, row.layer_name), []).append(row.right)
    if not right:
        return None
    layers = tuple(
        ProbedLayer(layer, name, float(np.mean(hits)))
        for (layer, name), hits in sorted(right.items())
    )
    return AmbiguousExamples(len(ids), len(network), float(np.mean(list(network.values()))), layers)


def _last(votes: Iterable[object]) -> dict[int, int]:
    """The last evaluation of each run of which there are votes."""
    last: dict[int, int] = {}
    for row in votes:
        run, evaluation = row.run_id, row.evaluation  # type: ignore[attr-defined]
        last[run] = max(evaluation, last.get(run, 0))
    return last
