"""Writing an imported ensemble: its dataset, runs and outcomes in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from tracker.db.models import Ensemble, Run
from tracker.errors import UsageError
from tracker.imports.target import (
    Target,
    attached_target,
    check_outputs,
    check_own_name,
    find_data,
    own_target,
)
from tracker.imports.trajectories import Outcomes, Trajectories, check_numbers, refuse, settle
from tracker.outcomes.held_out import TRAIN, write_held_out
from tracker.outcomes.layout import Layout, plane_count
from tracker.outcomes.packing import pack_planes
from tracker.outcomes.statistics import RunningStatistics
from tracker.outcomes.writer import EvaluationRecord, insert_evaluations
from tracker.sources import ImportedSource

Progress = Callable[[int, int], None]
"""Called with the number of evaluations written and of all."""


@dataclass(frozen=True)
class Imported:
    """What an import made."""

    ensemble: str
    dataset: str
    format: str
    runs: int
    sizes: dict[str, int]
    """Examples of each split that the file has."""
    evaluations: int
    """Evaluations of all runs together."""
    outcomes: int
    ignored: tuple[str, ...]
    """Parts of the file that nothing was made of."""
    unlabelled: int
    """Examples that nobody tells the label of."""
    unlabelled_class: int | None
    """Index of the class that views show of them; None where there are none."""


def check_new(connection: Connection, name: str, dataset: str | None) -> None:
    """Refuse a name that is taken, before a large file is read.

    Raises
    ------
    UsageError
        If there is such an ensemble, or its dataset would take the name of a known one.
    """
    if connection.scalar(select(Ensemble.id).where(Ensemble.name == name)) is not None:
        raise _taken(name)
    if dataset is None:
        check_own_name(name)


def _taken(name: str) -> UsageError:
    return UsageError(
        f"ensemble {name!r} exists: choose another --name, or remove it first with "
        f"`tracker delete {name}`"
    )


def write_ensemble(
    engine: Engine,
    name: str,
    trajectories: Trajectories,
    source: ImportedSource,
    dataset: str | None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Write everything, or nothing; see `tracker.imports.import_ensemble`."""
    check_numbers(trajectories)
    if dataset is None:
        _check_told(trajectories)
    data = None if dataset is None else find_data(engine, dataset, folder)
    with engine.begin() as connection:
        if dataset is None:
            target = own_target(connection, name, trajectories)
        else:
            target = attached_target(connection, dataset, trajectories, data)
        check_outputs(trajectories, target)
        run_ids = _insert_runs(connection, name, trajectories, source, target)
        _write_runs(connection, run_ids, trajectories, target, progress or (lambda *_: None))
    evaluations = _evaluations(trajectories)
    return Imported(
        ensemble=name,
        dataset=target.dataset.name,
        format=source.format,
        runs=len(trajectories.runs),
        sizes={split: part.size for split, part in trajectories.splits.items()},
        evaluations=evaluations,
        outcomes=evaluations * trajectories.size,
        ignored=tuple(trajectories.ignored),
        unlabelled=target.unlabelled,
        unlabelled_class=target.dataset.num_classes - 1 if target.unlabelled else None,
    )


def _evaluations(trajectories: Trajectories) -> int:
    return sum(len(run.evaluations) for run in trajectories.runs)


def _check_told(trajectories: Trajectories) -> None:
    if not trajectories.has_correct and not trajectories.has_labels:
        raise refuse(
            trajectories.what,
            "it has predicted classes, but neither labels nor right and wrong: add label or "
            "correct, or give the --dataset that has the labels",
        )


def _insert_runs(
    connection: Connection,
    name: str,
    trajectories: Trajectories,
    source: ImportedSource,
    target: Target,
) -> list[int]:
    """Insert the ensemble and its runs, complete; the runs' ids in order."""
    steps = max(1, *(run.evaluations[-1] for run in trajectories.runs))
    ensemble_id = connection.scalar(
        upsert(Ensemble)
        .values(
            name=name,
            dataset_id=target.dataset.id,
            spec=source.spec,
            spec_digest=source.digest,
            evaluations=max(len(run.evaluations) for run in trajectories.runs),
            total_steps=steps,
        )
        .on_conflict_do_nothing()
        .returning(Ensemble.id)
    )
    if ensemble_id is None:
        raise _taken(name)
    rows = [
        {
            "ensemble_id": ensemble_id,
            "seed": run.seed,
            "state": "complete",
            # Not that of its last evaluation: what the file leaves out was not left to do.
            "step": steps,
            "provenance": source.spec | ({} if run.name is None else {"run": run.name}),
        }
        for run in trajectories.runs
    ]
    ids = connection.scalars(insert(Run).returning(Run.id, sort_by_parameter_order=True), rows)
    return list(ids.all())


def _write_runs(
    connection: Connection,
    run_ids: list[int],
    trajectories: Trajectories,
    target: Target,
    progress: Progress,
) -> None:
    done, total = 0, _evaluations(trajectories)
    for run, stream in groupby(trajectories.outcomes(), key=lambda outcomes: outcomes.run):
        started = connection.scalar(select(func.clock_timestamp()))
        ordinals = trajectories.runs[run].evaluations
        if trajectories.held_out is not None:
            _write_held_out(connection, run_ids[run], trajectories.held_out[run], target.layout)
        for record in _records(stream, trajectories, target, ordinals):
            insert_evaluations(connection, run_ids[run], target.layout, [record])
            done += 1
            progress(done, total)
        connection.execute(
            update(Run)
            .where(Run.id == run_ids[run])
            .values(started_at=started, finished_at=func.clock_timestamp())
        )


def _write_held_out(
    connection: Connection, run_id: int, held_out: NDArray[np.bool_], layout: Layout
) -> None:
    for split in layout.only([TRAIN]).splits:
        write_held_out(connection, run_id, layout, held_out[split.first_example :][: split.size])


def _records(
    stream: Iterator[Outcomes],
    trajectories: Trajectories,
    target: Target,
    ordinals: Sequence[int],
) -> Iterator[EvaluationRecord]:
    """The evaluations of one run; the last one has the summaries of its signals.

    A signal that some evaluations have not has none: it would not be of the whole run.
    """
    statistics: dict[str, RunningStatistics] = {}
    for outcomes in stream:
        for name, values in outcomes.signals.items():
            statistics.setdefault(name, RunningStatistics(trajectories.size)).add(values)
        summaries = {
            name: each.summary()
            for name, each in statistics.items()
            if outcomes.evaluation == ordinals[-1] and each.count == len(ordinals)
        }
        yield EvaluationRecord(
            evaluation=outcomes.evaluation,
            step=outcomes.evaluation,
            epoch=float(outcomes.evaluation),
            train_loss=None,
            packed=_packed(outcomes, trajectories, target),
            signals=outcomes.signals,
            summaries=summaries,
            outputs=outcomes.outputs,
        )


def _packed(outcomes: Outcomes, trajectories: Trajectories, target: Target) -> NDArray[np.uint8]:
    """One evaluation as the writer takes it, after checking what is told twice."""
    correct = settle(outcomes, target.labels, trajectories)
    predicted, planes = outcomes.predicted, plane_count(target.dataset.num_classes)
    if predicted is not None:
        _check_classes(outcomes, predicted, trajectories, target)
    parts = []
    for split in target.layout.splits:
        part = slice(split.first_example, split.first_example + split.size)
        rows = [np.packbits(correct[part])[None, :]]
        if predicted is not None:
            rows.append(pack_planes(predicted[part], planes))
        parts.append(np.concatenate(rows))
    return np.concatenate(parts, axis=1)


def _check_classes(
    outcomes: Outcomes,
    predicted: NDArray[np.integer],
    trajectories: Trajectories,
    target: Target,
) -> None:
    classes = target.dataset.num_classes
    if int(predicted.max()) >= classes:
        example = int((predicted >= classes).argmax())
        place = trajectories.place("predicted", outcomes.run, example, outcomes.evaluation)
        raise refuse(
            trajectories.what,
            f"{place} has the predicted class {int(predicted[example])}, dataset "
            f"{target.dataset.name!r} has classes from 0 to {classes - 1}",
        )
