"""Parquet rows: one outcome each, in any order. What `tracker export` writes of `outcome`.

Columns
-------
run, seed or run_id : integers (they become the seeds) or strings
evaluation or epoch : whole numbers; they stay the ordinals
position (beside split), example_id, example or position : integers or strings
correct and/or predicted
held_out : booleans, optional
    What a run did not train on, the same at each of its evaluations; of splits other than train
    everything.
split, label, confidence, margin, loss, el2n, output_margin, input_margin, ensemble : optional

Every run says something of every example at each of its evaluations, exactly once. A signal is NULL
where an evaluation has not recorded it, of all its examples. The file is
read in batches, twice: first what there is, then the outcomes of as many evaluations at a time as
fit into `ROOM`; and once more in between for `held_out`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError
from tracker.imports.parquet_held_out import read_held_out
from tracker.imports.parquet_survey import Survey, take_survey
from tracker.imports.parquet_table import Columns, Rows, open_table
from tracker.imports.trajectories import (
    MAX_ORDINAL,
    MAX_SEED,
    ImportedRun,
    Options,
    Outcomes,
    Trajectories,
    check_split_name,
    refuse,
)
from tracker.imports.values import UNRECORDED

ROOM = 256 * 1024 * 1024
"""Bytes of outcomes in memory at a time; one evaluation if that is larger."""


def read_parquet(paths: list[Path], options: Options) -> Trajectories:
    """The trajectories of one file; see the module for its columns.

    Raises
    ------
    UsageError
        If a column is missing, a value impossible, or an outcome there twice or not at all.
    """
    (file,) = paths
    columns = open_table(file)
    if options.split is not None and columns.split is not None:
        raise refuse(file.name, f"its column split names its splits: leave out {options.split!r}")
    answers = replace(columns, held_out=False)
    survey = take_survey(answers, options.split_name)
    for split in survey.splits:
        check_split_name(split, file.name)
    shift = options.shift(min(ordinal for _, ordinal in survey.slots))
    if survey.slots and max(ordinal for _, ordinal in survey.slots) + shift > MAX_ORDINAL:
        raise refuse(file.name, f"an evaluation is numbered more than {MAX_ORDINAL}")
    return Trajectories(
        splits=survey.splits,
        num_classes=survey.num_classes,
        runs=_runs(survey, shift),
        outcomes=lambda: _outcomes(answers, survey, shift),
        place=lambda _, run, example, evaluation: (
            f"run {survey.runs[run]}, {survey.example(example)}, evaluation {evaluation - shift}"
        ),
        what=file.name,
        has_correct=columns.correct,
        has_predicted=columns.predicted,
        partial=survey.partial,
        ignored=columns.ignored,
        held_out=read_held_out(columns, survey),
    )


def _runs(survey: Survey, shift: int) -> list[ImportedRun]:
    seeds = [run for run in survey.runs if isinstance(run, int) and 0 <= run <= MAX_SEED]
    numbered = len(seeds) == len(survey.runs)
    evaluations: dict[int, list[int]] = {}
    for run, ordinal in survey.slots:
        evaluations.setdefault(run, []).append(ordinal + shift)
    return [
        ImportedRun(
            seed=seeds[index] if numbered else index,
            evaluations=tuple(evaluations[index]),
            name=None if numbered else str(run),
        )
        for index, run in enumerate(survey.runs)
    ]


class Slab:
    """The outcomes of some evaluations (slots) of all examples, [S, X], as they are found."""

    def __init__(self, columns: Columns, survey: Survey, slots: range) -> None:
        shape = (len(slots), survey.size)
        self.slots = slots
        self._survey = survey
        self._what = columns.file.name
        self._seen = np.zeros(shape, dtype=np.bool_)
        self.correct = np.zeros(shape, dtype=np.bool_) if columns.correct else None
        self.predicted = np.zeros(shape, survey.class_type) if columns.predicted else None
        self.signals = {name: np.zeros(shape, dtype=np.float32) for name in columns.signals}

    def add(self, rows: Rows, slots: NDArray[np.int64], examples: NDArray[np.int64]) -> None:
        """Take those of the rows that belong to its slots; one that is there already is refused."""
        mine = (slots >= self.slots.start) & (slots < self.slots.stop)
        every = bool(mine.all())
        place = (slots - self.slots.start) * self._survey.size + examples
        if not every:
            place = place[mine]
        self._check_once(place)
        self._seen.reshape(-1)[place] = True
        for target, values in (
            (self.correct, rows.correct),
            (self.predicted, rows.predicted),
            *((self.signals[name], rows.signals[name]) for name in self.signals),
        ):
            if target is not None and values is not None:
                target.reshape(-1)[place] = values if every else values[mine]

    def _check_once(self, place: NDArray[np.int64]) -> None:
        again = self._seen.reshape(-1)[place]
        if again.any():
            raise self._error(int(place[again.argmax()]), "is there twice")
        if (np.diff(place) <= 0).any():
            ordered = np.sort(place)
            double = ordered[1:] == ordered[:-1]
            if double.any():
                raise self._error(int(ordered[1:][double.argmax()]), "is there twice")

    def check_complete(self) -> None:
        """Refuse it if an example of an evaluation is missing."""
        if not self._seen.all():
            raise self._error(int((~self._seen).argmax()), "is missing")

    def signals_at(self, slot: int) -> dict[str, NDArray[np.float32]]:
        """Those that one evaluation has recorded; one that some examples lack is refused."""
        recorded = {}
        for name, values in self.signals.items():
            missing = values[slot] == UNRECORDED
            if not missing.any():
                recorded[name] = values[slot]
            elif not missing.all():
                place = slot * self._survey.size + int(missing.argmax())
                raise self._error(place, f"has no {name}, which other examples have")
        return recorded

    def _error(self, place: int, why: str) -> UsageError:
        slot, example = divmod(place, self._survey.size)
        run, ordinal = self._survey.slots[self.slots.start + slot]
        which = f"run {self._survey.runs[run]}, {self._survey.example(example)}"
        return refuse(self._what, f"{which}, evaluation {ordinal} {why}")


def _outcomes(columns: Columns, survey: Survey, shift: int) -> Iterator[Outcomes]:
    for slots in _portions(columns, survey):
        slab = Slab(columns, survey, slots)
        groups = sorted(set().union(*(survey.row_groups[slot] for slot in slots)))
        for rows in columns.rows(groups):
            slab.add(rows, survey.slot_of(rows), survey.example_of(rows))
        slab.check_complete()
        for place, slot in enumerate(slots):
            run, ordinal = survey.slots[slot]
            yield Outcomes(
                run=run,
                evaluation=ordinal + shift,
                correct=None if slab.correct is None else slab.correct[place],
                predicted=None if slab.predicted is None else slab.predicted[place],
                signals=slab.signals_at(place),
            )


def _portions(columns: Columns, survey: Survey) -> Iterator[range]:
    """All slots, in order, as many at a time as there is room for."""
    outcome = 1 + columns.correct + 4 * len(columns.signals)
    outcome += survey.class_type.itemsize if columns.predicted else 0
    most = max(1, ROOM // (outcome * survey.size))
    for start in range(0, len(survey.slots), most):
        yield range(start, min(start + most, len(survey.slots)))
