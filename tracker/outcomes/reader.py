"""Reading outcomes back: from the rows of a binary COPY to packed evaluations.

Everything is a stream: of one run at a time, never more than one evaluation (`read_evaluations`) or
one block with its history (`read_history`) is held.
"""

from collections.abc import Generator
from contextlib import closing
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from tracker.errors import TrackerError
from tracker.outcomes.layout import BlockRange, Layout
from tracker.outcomes.packing import COPY_HEADER, COPY_TRAILER, unpack_planes
from tracker.outcomes.unpacking import (
    Planes,
    combine_planes,
    parse_reals,
    parse_varbit,
    parse_varbit_array,
    row_fields,
)

# The order of the queries is that of the primary key, or one sort of a single run away from it.
_LABELS = "SELECT block, label FROM block WHERE dataset_id = {} ORDER BY block"
_EVALUATIONS = (
    "SELECT evaluation, block, correct, predicted FROM outcome_block "
    "WHERE run_id = {} ORDER BY evaluation, block"
)
_EVALUATION = (
    "SELECT evaluation, block, correct, predicted FROM outcome_block "
    "WHERE run_id = {} AND evaluation = {} ORDER BY block"
)
_HISTORY = {
    "correct": (
        "SELECT block, evaluation, correct FROM outcome_block "
        "WHERE run_id = {} ORDER BY block, evaluation"
    ),
    "predicted": (
        "SELECT block, evaluation, predicted FROM outcome_block "
        "WHERE run_id = {} ORDER BY block, evaluation"
    ),
}
_SIGNAL = (
    "SELECT block, evaluation, value FROM signal_block "
    "WHERE run_id = {} AND signal = {} ORDER BY block, evaluation"
)


_SIGNAL_ONCE = (
    "SELECT block, value FROM signal_block "
    "WHERE run_id = {} AND signal = {} AND evaluation = {} ORDER BY block"
)


class CorruptOutcomesError(TrackerError):
    """The stored bits are not what the layout of the dataset demands."""


class StoredBlock(NamedTuple):
    """One row of `outcome_block`."""

    evaluation: int
    block: int
    correct: Planes
    predicted: Planes | None
    """None if only right and wrong are known."""
    ragged: bool
    """Is `predicted` something else than one row of planes of one length?"""


def copy_fields(
    connection: Connection, query: str, parameters: tuple[Any, ...]
) -> Generator[list[Any]]:
    """The fields of each row of a query, in Postgres's binary form; `{}` are the parameters.

    Close it unless it has been read to its end: until then the connection does nothing else.
    """
    from psycopg import sql

    literals = [sql.Literal(value) for value in parameters]
    copy_query = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(
        sql.SQL(query).format(*literals)
    )
    with connection.connection.cursor().copy(copy_query) as copy:
        for chunk in copy:
            # The server sends each row as a message of its own; the header comes with the first.
            row = bytes(chunk)
            if row.startswith(COPY_HEADER):
                row = row[len(COPY_HEADER) :]
            if row and row != COPY_TRAILER:
                yield row_fields(row)


def _int(field: bytes) -> int:
    return int.from_bytes(field, "big", signed=True)


def read_label_planes(connection: Connection, dataset_id: int) -> dict[int, Planes | None]:
    """The labels of each block of a dataset; None where they cannot be read as bitmaps."""
    rows = copy_fields(connection, _LABELS, (dataset_id,))
    return {_int(block): parse_varbit_array(label) for block, label in rows}


def read_labels(connection: Connection, dataset_id: int, layout: Layout) -> NDArray[np.int64]:
    """The label of every example of a dataset, int64 [examples].

    Raises
    ------
    CorruptOutcomesError
        If the blocks of the dataset are not those of its layout.
    """
    stored = read_label_planes(connection, dataset_id)
    parts = []
    for block in _blocks(layout):
        planes = stored.get(block.block)
        if planes is None or planes.size != block.size:
            raise CorruptOutcomesError(
                f"block {block.block} of dataset {dataset_id} is not what its splits demand: "
                "`tracker verify ENSEMBLE` says more"
            )
        parts.append(unpack_planes(planes.packed, block.size))
    return np.concatenate(parts)


def read_rows(connection: Connection, run_id: int) -> Generator[StoredBlock]:
    """Everything that a run has recorded, by evaluation and block, as it is."""
    yield from _stored(connection, _EVALUATIONS, (run_id,))


def _stored(
    connection: Connection, query: str, parameters: tuple[Any, ...]
) -> Generator[StoredBlock]:
    with closing(copy_fields(connection, query, parameters)) as rows:
        for evaluation, block, correct, predicted in rows:
            planes = None if predicted is None else parse_varbit_array(predicted)
            yield StoredBlock(
                _int(evaluation),
                _int(block),
                parse_varbit(correct),
                planes,
                predicted is not None and planes is None,
            )


def read_evaluations(
    connection: Connection, run_id: int, layout: Layout
) -> Generator[tuple[int, NDArray[np.uint8]]]:
    """Each evaluation of a run, ascending, with its packed outcomes.

    Yields
    ------
    int, array
        Ordinal, and uint8 [1 + planes, bytes] (see `tracker.outcomes.packing`); [1, bytes] where
        only right and wrong are known.

    Raises
    ------
    CorruptOutcomesError
        If a block is missing or has other lengths than the layout demands.
    """
    with closing(read_rows(connection, run_id)) as rows:
        for evaluation, group in groupby(rows, lambda row: row.evaluation):
            yield evaluation, _packed(run_id, evaluation, list(group), layout)


def read_evaluation(
    connection: Connection, run_id: int, evaluation: int, layout: Layout
) -> NDArray[np.uint8]:
    """One evaluation of a run, packed as `read_evaluations` gives it; the same errors."""
    rows = list(_stored(connection, _EVALUATION, (run_id, evaluation)))
    return _packed(run_id, evaluation, rows, layout)


def _packed(
    run_id: int, evaluation: int, rows: list[StoredBlock], layout: Layout
) -> NDArray[np.uint8]:
    """The blocks of one evaluation side by side."""
    blocks = _blocks(layout)
    if [row.block for row in rows] != [block.block for block in blocks]:
        raise _corrupt(run_id, evaluation)
    parts = []
    for block, row in zip(blocks, rows, strict=True):
        planes = [row.correct] if row.predicted is None else [row.correct, row.predicted]
        if row.ragged or {bitmaps.size for bitmaps in planes} != {block.size}:
            raise _corrupt(run_id, evaluation, block.block)
        parts.append(np.concatenate([bitmaps.packed for bitmaps in planes]))
    if len({len(part) for part in parts}) != 1:
        raise _corrupt(run_id, evaluation)
    return np.concatenate(parts, axis=1)


def _blocks(layout: Layout) -> list[BlockRange]:
    return [block for split in layout.splits for block in split.blocks]


def read_history(
    connection: Connection, run_id: int, column: str, layout: Layout, evaluations: int
) -> Generator[NDArray[np.unsignedinteger]]:
    """One column of a run, block by block, each with its whole history.

    Parameters
    ----------
    column : str
        `correct` or `predicted`.
    evaluations : int
        E, the number of evaluations that the run has recorded.

    Yields
    ------
    array
        [examples of the block, E], evaluations ascending: zeros and ones, or classes.

    Raises
    ------
    CorruptOutcomesError
        If a block is missing or has another length than the layout demands.
    """
    with closing(copy_fields(connection, _HISTORY[column], (run_id,))) as rows:
        groups = groupby(rows, lambda row: _int(row[0]))
        for block in _blocks(layout):
            number, group = next(groups, (None, iter(())))
            columns = [
                _values(row[2], column, block.size, (run_id, _int(row[1]), block.block))
                for row in group
                if number == block.block
            ]
            if len(columns) != evaluations:
                raise _corrupt(run_id, None, block.block)
            yield np.stack(columns, axis=1)
        if (extra := next(groups, None)) is not None:
            raise _corrupt(run_id, None, extra[0])


def _values(
    field: bytes | None, column: str, size: int, place: tuple[int, int, int]
) -> NDArray[np.unsignedinteger]:
    """Zeros and ones, or classes, of one block at one evaluation, [size]."""
    if field is None:
        raise _corrupt(*place)
    planes = parse_varbit(field) if column == "correct" else parse_varbit_array(field)
    if planes is None or planes.size != size:
        raise _corrupt(*place)
    return combine_planes(np.unpackbits(planes.packed, axis=1, count=size))


def read_signal(
    connection: Connection, run_id: int, signal: str, layout: Layout, evaluations: list[int]
) -> Generator[NDArray[np.float32]]:
    """One signal of a run, block by block, float32 [examples of the block, evaluations].

    NaN where the run has not recorded the signal.

    Raises
    ------
    CorruptOutcomesError
        If a block has another length than the layout demands.
    """
    place = {evaluation: index for index, evaluation in enumerate(evaluations)}
    with closing(copy_fields(connection, _SIGNAL, (run_id, signal))) as rows:
        groups = groupby(rows, lambda row: _int(row[0]))
        number, group = next(groups, (None, iter(())))
        for block in _blocks(layout):
            values = np.full((block.size, len(evaluations)), np.nan, np.float32)
            if number == block.block:
                for _, evaluation, field in group:
                    numbers = parse_reals(field)
                    if numbers is None or len(numbers) != block.size:
                        raise _corrupt(run_id, _int(evaluation), block.block)
                    values[:, place[_int(evaluation)]] = numbers
                number, group = next(groups, (None, iter(())))
            yield values


def read_signal_once(
    connection: Connection, run_id: int, signal: str, evaluation: int, layout: Layout
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """One signal at one evaluation, float32 [examples], and of which examples it is missing.

    Raises
    ------
    CorruptOutcomesError
        If a block has another length than the layout demands.
    """
    query, parameters = _SIGNAL_ONCE, (run_id, signal, evaluation)
    stored = {_int(block): field for block, field in copy_fields(connection, query, parameters)}
    values, missing = [], []
    for block in _blocks(layout):
        field = stored.get(block.block)
        numbers = np.zeros(block.size, np.float32) if field is None else parse_reals(field)
        if numbers is None or len(numbers) != block.size:
            raise _corrupt(run_id, evaluation, block.block)
        values.append(numbers)
        missing.append(np.full(block.size, field is None))
    return np.concatenate(values), np.concatenate(missing)


def _corrupt(run_id: int, evaluation: int | None, block: int | None = None) -> Exception:
    at = [f"run {run_id}"]
    at += [] if evaluation is None else [f"evaluation {evaluation}"]
    at += [] if block is None else [f"block {block}"]
    return CorruptOutcomesError(
        f"{', '.join(at)}: blocks are missing or have other lengths than their dataset demands: "
        "`tracker verify ENSEMBLE` lists what is wrong"
    )
