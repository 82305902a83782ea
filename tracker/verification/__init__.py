"""Is what an ensemble has stored whole and consistent? Every block is read and checked.

    from tracker.verification import verify
    verify(engine, "digits").problems

One evaluation is held at a time.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Row, func, select

from tracker.db.models import (
    Dataset,
    DepthBlock,
    Ensemble,
    Evaluation,
    OutputBlock,
    Run,
    SignalBlock,
)
from tracker.ensembles import unknown_ensemble
from tracker.holdout import held_out, parse_holdout
from tracker.outcomes.held_out import check_held_out
from tracker.outcomes.reader import read_rows
from tracker.registry import RegisteredDataset, get_dataset
from tracker.reports.subject import snapshot
from tracker.sources import covered_layout, imported_from
from tracker.verification.blocks import BlockChecker
from tracker.verification.labels import Labels, check_labels
from tracker.verification.outputs import check_outputs, check_scores, expected_outputs
from tracker.verification.probes import check_probes, expected_probes
from tracker.verification.problems import Problem, Verification, listed
from tracker.verification.signals import check_signals, expected_signals

__all__ = ["Problem", "Verification", "verify"]

AnyRow = Row[*tuple[Any, ...]]


def verify(engine: Engine, ensemble: str, limit: int = 20) -> Verification:
    """Check all that an ensemble has recorded, at one moment.

    Parameters
    ----------
    limit : int
        Problems that are kept; all are counted.

    Raises
    ------
    NotFoundError
        If there is no such ensemble.
    """
    found = Verification(ensemble, limit)
    with snapshot(engine) as connection:
        row = connection.execute(
            select(Ensemble.id, Ensemble.evaluations, Ensemble.spec, Dataset.name.label("dataset"))
            .join(Dataset, Ensemble.dataset_id == Dataset.id)
            .where(Ensemble.name == ensemble)
        ).one_or_none()
        if row is None:
            raise unknown_ensemble(connection, ensemble)
        for problem in _check(connection, row, found):
            found.add(problem)
    return found


def _check(connection: Connection, ensemble: AnyRow, found: Verification) -> Iterator[Problem]:
    dataset = get_dataset(connection, ensemble.dataset)
    labels: Labels = {}
    yield from check_labels(connection, dataset, labels)
    layout = covered_layout(ensemble.spec, dataset.layout)
    checker = BlockChecker(layout, dataset.num_classes, labels)
    splits = [split.split for split in layout.splits]
    imported = imported_from(ensemble.spec) is not None
    first = 0 if imported else _first_evaluation(connection, ensemble)
    most = 0
    expected = expected_signals(connection, ensemble.id, ensemble.spec)
    runs = connection.execute(
        select(Run.id, Run.seed, Run.state).where(Run.ensemble_id == ensemble.id).order_by(Run.seed)
    ).all()
    for run in runs:
        checksums = _checksums(connection, run.id)
        _count(connection, run, checksums, found)
        most = max(most, len(checksums))
        complete = run.state == "complete"
        if imported:
            yield from _check_imported(run.seed, len(checksums), ensemble.evaluations)
        else:
            last = first + ensemble.evaluations - 1 if complete else max(checksums, default=-1)
            yield from _check_ordinals(run.seed, set(checksums), first, last)
        yield from _check_run(connection, run, checksums, checker, found)
        if checksums:
            unseen = None if imported else _held_out(ensemble.spec, run.seed, dataset)
            for number, what in check_held_out(connection, run.id, layout, unseen):
                yield Problem(run.seed, None, number, what)
        whole = complete and bool(checksums) and None not in checksums.values()
        for evaluation, block, what in check_signals(
            connection, run.id, dataset.id, splits, expected, whole=whole
        ):
            yield Problem(run.seed, evaluation, block, what)
        wanted = complete and expected_outputs(ensemble.spec)
        for evaluation, block, what in check_outputs(
            connection, run.id, layout, dataset.num_classes, wanted=wanted
        ):
            yield Problem(run.seed, evaluation, block, what)
        final = first + ensemble.evaluations - 1 if complete else None
        probed = expected_probes(ensemble.spec, checksums, final)
        for evaluation, block, what in check_probes(
            connection, run.id, layout, dataset.num_classes, probed, final
        ):
            yield Problem(run.seed, evaluation, block, what)
    for block, what in check_scores(connection, ensemble.id, layout):
        yield Problem(None, None, block, what)
    if imported and most < ensemble.evaluations:
        what = f"no run has the {ensemble.evaluations} evaluations that the longest was imported of"
        yield Problem(None, None, None, what)


def _held_out(spec: Mapping[str, Any], seed: int, dataset: RegisteredDataset) -> NDArray[np.bool_]:
    """What the run of a seed holds out of the training examples."""
    return held_out(parse_holdout(spec.get("split")), seed, dataset.sizes["train"])


def _first_evaluation(connection: Connection, ensemble: AnyRow) -> int:
    """Ordinal of the first evaluation: 0 if the untrained network is scored too, else 1."""
    earliest = connection.scalar(
        select(func.min(Evaluation.evaluation))
        .join(Run, Evaluation.run_id == Run.id)
        .where(Run.ensemble_id == ensemble.id)
    )
    trained = 0 if ensemble.spec["recording"]["initial"] else 1
    return trained if earliest is None else min(trained, int(earliest))


def _checksums(connection: Connection, run_id: int) -> dict[int, bytes | None]:
    """Checksum of each evaluation of a run, ascending."""
    rows = connection.execute(
        select(Evaluation.evaluation, Evaluation.checksum)
        .where(Evaluation.run_id == run_id)
        .order_by(Evaluation.evaluation)
    )
    return {row.evaluation: row.checksum for row in rows}


def _count(
    connection: Connection,
    run: AnyRow,
    checksums: Mapping[int, bytes | None],
    found: Verification,
) -> None:
    if checksums:
        found.runs += 1
    else:
        found.unrecorded[run.state] = found.unrecorded.get(run.state, 0) + 1
    found.evaluations += len(checksums)
    if unchecked := sum(value is None for value in checksums.values()):
        found.unchecked[run.seed] = unchecked
    found.signal_blocks += (
        connection.scalar(select(func.count()).where(SignalBlock.run_id == run.id)) or 0
    )
    found.depth_blocks += (
        connection.scalar(select(func.count()).where(DepthBlock.run_id == run.id)) or 0
    )
    found.output_blocks += (
        connection.scalar(select(func.count()).where(OutputBlock.run_id == run.id)) or 0
    )


def _check_ordinals(seed: int, recorded: set[int], first: int, last: int) -> Iterator[Problem]:
    missing = sorted(set(range(first, last + 1)) - recorded)
    latest = max(recorded, default=-1)
    for where, absent in (
        ("before the last recorded", [number for number in missing if number < latest]),
        ("at the end of a complete run", [number for number in missing if number > latest]),
    ):
        if absent:
            yield Problem(seed, None, None, f"evaluations missing {where}: {listed(absent)}")
    if foreign := sorted(number for number in recorded if not first <= number <= last):
        what = f"evaluations outside of the ensemble's ({first} to {last}): {listed(foreign)}"
        yield Problem(seed, None, None, what)


def _check_imported(seed: int, recorded: int, most: int) -> Iterator[Problem]:
    """Imported runs have the ordinals of their file, with gaps and of any length."""
    if not recorded:
        yield Problem(seed, None, None, "has no evaluations")
    elif recorded > most:
        yield Problem(seed, None, None, f"{recorded} evaluations, at most {most} were imported")


def _check_run(
    connection: Connection,
    run: AnyRow,
    checksums: Mapping[int, bytes | None],
    checker: BlockChecker,
    found: Verification,
) -> Iterator[Problem]:
    empty = set(checksums)
    with closing(read_rows(connection, run.id)) as stored:
        for evaluation, group in groupby(stored, lambda row: row.evaluation):
            rows = list(group)
            empty.discard(evaluation)
            if evaluation not in checksums:
                what = "has blocks, but is none of the run's evaluations"
                yield Problem(run.seed, evaluation, None, what)
            found.blocks += len(rows)
            found.outcomes += sum(row.correct.size for row in rows)
            for block, what in checker.check(rows, checksums.get(evaluation)):
                yield Problem(run.seed, evaluation, block, what)
    for evaluation in sorted(empty):
        yield Problem(run.seed, evaluation, None, "has no blocks")
