"""The table `outcome`, expanded from its blocks here: the view would take minutes for millions."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from tracker.db.models import SignalBlock
from tracker.exports.source import Source
from tracker.exports.subject import RecordedRun, Subject
from tracker.outcomes.held_out import read_held_out
from tracker.outcomes.reader import (
    read_evaluation,
    read_evaluations,
    read_labels,
    read_signal_once,
)
from tracker.outcomes.unpacking import combine_planes, unpack

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "outcome"

BATCH_EXAMPLES = 1 << 18
"""Rows of a batch at most; the examples of one evaluation are one batch where they are fewer."""


def outcome_source(connection: Connection, subject: Subject) -> Source:
    """The rows of the view `outcome`, by seed, evaluation and example.

    The view's columns, and after them one for each signal that a run has recorded, float32, NULL
    where a run has not.
    """
    signals = recorded_signals(connection, subject)
    return Source(
        connection,
        subject,
        TABLE,
        _schema(signals),
        lambda: _batches(connection, subject, signals),
        subject.outcomes,
    )


def recorded_signals(connection: Connection, subject: Subject) -> list[str]:
    """Names of the signals that any of the runs has recorded by evaluation."""
    runs = [run.run_id for run in subject.runs]
    names = select(SignalBlock.signal).where(SignalBlock.run_id.in_(runs)).distinct()
    return sorted(connection.scalars(names))


def _schema(signals: Sequence[str]) -> "pa.Schema":
    import pyarrow as pa

    name, number = pa.dictionary(pa.int32(), pa.string()), pa.int32()
    return pa.schema(
        [
            ("ensemble", name),
            ("ensemble_id", number),
            ("run_id", number),
            ("seed", number),
            ("split", name),
            ("example_id", number),
            ("position", number),
            ("evaluation", number),
            ("label", number),
            ("correct", pa.bool_()),
            ("predicted", number),
            ("held_out", pa.bool_()),
            *((signal, pa.float32()) for signal in signals),
        ]
    )


def _batches(
    connection: Connection, subject: Subject, signals: Sequence[str]
) -> "Generator[pa.RecordBatch]":
    import pyarrow as pa

    layout, schema = subject.layout, _schema(signals)
    of_examples = _example_columns(connection, subject)
    for run in subject.runs:
        held_out = pa.array(read_held_out(connection, run.run_id, layout))
        with closing(_evaluations(connection, subject, run, signals)) as evaluations:
            for evaluation, packed, of_signals in evaluations:
                bits = unpack(packed, layout)
                for start in range(0, layout.examples, BATCH_EXAMPLES):
                    part = bits[:, start : start + BATCH_EXAMPLES]
                    rows = part.shape[1]
                    columns = {
                        **{name: whole.slice(start, rows) for name, whole in of_examples.items()},
                        **_constant_columns(subject, run, evaluation, rows),
                        **_answer_columns(part),
                        "held_out": held_out.slice(start, rows),
                        **{name: whole.slice(start, rows) for name, whole in of_signals.items()},
                    }
                    arrays = [columns[field.name] for field in schema]
                    yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _evaluations(
    connection: Connection, subject: Subject, run: RecordedRun, signals: Sequence[str]
) -> "Generator[tuple[int, NDArray[np.uint8], Mapping[str, pa.Array]]]":
    """Each evaluation of a run: its ordinal, packed outcomes, and signals [examples] by name."""
    import pyarrow as pa

    layout = subject.layout
    if not signals:
        with closing(read_evaluations(connection, run.run_id, layout)) as evaluations:
            for evaluation, packed in evaluations:
                yield evaluation, packed, {}
        return
    # A connection streams one table at a time: with signals, one evaluation of each in turn.
    for evaluation in run.evaluations:
        packed = read_evaluation(connection, run.run_id, evaluation, layout)
        columns = {}
        for name in signals:
            values, missing = read_signal_once(connection, run.run_id, name, evaluation, layout)
            columns[name] = pa.array(values, mask=missing)
        yield evaluation, packed, columns


def _example_columns(connection: Connection, subject: Subject) -> dict[str, Any]:
    """What is the same at every evaluation: one Arrow array [examples] a column."""
    import pyarrow as pa

    layout = subject.layout
    labels = read_labels(connection, subject.dataset.id, layout)
    names = [split.split for split in layout.splits]
    index = layout.split_indices.astype(np.int32)
    return {
        "split": pa.DictionaryArray.from_arrays(index, pa.array(names, pa.string())),
        "example_id": pa.array(layout.example_ids.astype(np.int32)),
        "position": pa.array(layout.positions.astype(np.int32)),
        "label": pa.array(labels.astype(np.int32)),
    }


def _constant_columns(
    subject: Subject, run: RecordedRun, evaluation: int, rows: int
) -> dict[str, Any]:
    import pyarrow as pa

    zeros = np.zeros(rows, np.int32)
    numbers = {
        "ensemble_id": subject.ensemble_id,
        "run_id": run.run_id,
        "seed": run.seed,
        "evaluation": evaluation,
    }
    name = pa.DictionaryArray.from_arrays(zeros, pa.array([subject.ensemble], pa.string()))
    return {"ensemble": name} | {
        column: pa.array(np.full(rows, number, np.int32)) for column, number in numbers.items()
    }


def _answer_columns(bits: NDArray[np.uint8]) -> dict[str, Any]:
    """From zeros and ones, uint8 [1 + planes, rows]; without planes, `predicted` is NULL."""
    import pyarrow as pa

    if len(bits) == 1:
        predicted = pa.nulls(bits.shape[1], pa.int32())
    else:
        predicted = pa.array(combine_planes(bits[1:]).astype(np.int32))
    return {"correct": pa.array(bits[0].view(np.bool_)), "predicted": predicted}
