"""The final softmax outputs of runs: written, compared with a replay, read in parts, checked."""

import struct
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from tracker.db.models import OutputBlock
from tracker.outcomes.copying import copy_into
from tracker.outcomes.layout import BlockRange, Layout
from tracker.outcomes.packing import block_values, real_array, unpack_planes
from tracker.outcomes.reader import CorruptOutcomesError, copy_fields
from tracker.outcomes.signals import OUTPUTS
from tracker.outcomes.unpacking import parse_reals, parse_varbit_array

SUM_TOLERANCE = 1e-3
"""How far from 1 outputs may sum to: half precision has three digits."""

HAS_OUTPUTS = "has_outputs"
"""Of which runs a file has outputs, where it has not those of all."""

READ_NUMBERS = 2**22
"""Softmax outputs that are read at once to be checked or written to a file: 16 MB, and a few times
that on their way."""

_OUTPUTS = "output_block (run_id, block, evaluation, value)"

# A slice is cut out by the server: what arrives here is bounded whatever the block holds.
_PART = (
    "SELECT cardinality(value), value[{}:{}] FROM output_block "
    "WHERE run_id = ANY({}) AND block = {} ORDER BY run_id"
)

_PREDICTED = (
    "SELECT predicted FROM outcome_block WHERE run_id = {} AND evaluation = {} AND block = {}"
)


def write_outputs(
    connection: Connection,
    run_id: int,
    layout: Layout,
    evaluation: int,
    outputs: NDArray[np.floating],
) -> None:
    """Store the outputs [X, K] of a run's last evaluation.

    Raises
    ------
    ValueError
        If they are not of so many examples.
    """
    copy_into(connection, _OUTPUTS, _rows(run_id, layout, evaluation, outputs))


def _rows(
    run_id: int, layout: Layout, evaluation: int, outputs: NDArray[np.floating]
) -> Iterator[bytes]:
    for block, part in block_values(layout, OUTPUTS, outputs):
        key = struct.pack("!hiiiiii", 4, 4, run_id, 4, block.block, 4, evaluation)
        value = real_array(part.ravel())
        yield b"".join((key, len(value).to_bytes(4, "big"), value))


def differing_outputs(
    connection: Connection,
    run_id: int,
    layout: Layout,
    evaluation: int,
    outputs: NDArray[np.floating] | None,
) -> str | None:
    """Where the outputs [X, K] are not those that are stored, if anywhere."""
    # Digests, because the numbers themselves may be many megabytes.
    rows = connection.execute(
        select(
            OutputBlock.block, func.sha256(func.array_send(OutputBlock.value)).label("digest")
        ).where(OutputBlock.run_id == run_id, OutputBlock.evaluation == evaluation)
    )
    stored = {row.block: bytes(row.digest) for row in rows}
    if outputs is not None:
        for block, part in block_values(layout, OUTPUTS, outputs):
            if stored.pop(block.block, None) != sha256(real_array(part.ravel())).digest():
                return f"{OUTPUTS} of block {block.block}"
    return next((f"{OUTPUTS} of block {block}" for block in sorted(stored)), None)


def read_outputs(
    connection: Connection,
    run_ids: Sequence[int],
    block: BlockRange,
    num_classes: int,
    most: int,
) -> Generator[NDArray[np.float32]]:
    """What these runs say of one block, float32 [R, N, K], the runs by id.

    Yields
    ------
    array
        Consecutive examples, so many that there are no more than `most` numbers, but at least one.

    Raises
    ------
    CorruptOutcomesError
        If a run has no outputs of the block, or others than its layout demands.
    """
    step = max(1, most // (len(run_ids) * num_classes))
    whole = block.size * num_classes
    for start in range(0, block.size, step):
        stop = min(start + step, block.size)
        span = (start * num_classes + 1, stop * num_classes)
        parts = []
        with closing(copy_fields(connection, _PART, (*span, list(run_ids), block.block))) as rows:
            for size, field in rows:
                numbers = parse_reals(field)
                if int.from_bytes(size, "big") != whole or numbers is None:
                    break
                parts.append(numbers.reshape(stop - start, num_classes))
        if len(parts) != len(run_ids):
            raise CorruptOutcomesError(
                f"outputs of block {block.block} are missing or have other lengths than their "
                "dataset demands: `tracker verify ENSEMBLE` lists what is wrong"
            )
        yield np.stack(parts)


def read_predicted(
    connection: Connection, run_id: int, evaluation: int, block: BlockRange
) -> NDArray[np.int64] | None:
    """The classes that a run predicts in one block, [N]; None where they cannot be read."""
    rows = list(copy_fields(connection, _PREDICTED, (run_id, evaluation, block.block)))
    fields = [field for (field,) in rows if field is not None]
    planes = parse_varbit_array(fields[0]) if fields else None
    if planes is None or planes.size != block.size:
        return None
    return unpack_planes(planes.packed, block.size)


def far_from_1(outputs: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Of which examples [N] the outputs [N, K] are no probabilities.

    A softmax of what is no number is NaN for all classes, as a run that diverged has it: that is
    not far from 1. NaN beside numbers comes from no softmax, and is.
    """
    sums = outputs.sum(1, dtype=np.float64)
    off: NDArray[np.bool_] = (np.abs(sums - 1) > SUM_TOLERANCE) | (outputs < 0).any(1)
    lost = np.isnan(sums)
    off[lost] = ~np.isnan(outputs[lost]).all(1)
    return off


def exceeded(outputs: NDArray[np.floating], predicted: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Of which examples [N] another class than the predicted one has a larger output [N, K]."""
    # A class that there is not is another check's business.
    known = np.minimum(predicted.astype(np.int64), outputs.shape[1] - 1)
    larger: NDArray[np.bool_] = outputs[np.arange(len(outputs)), known] < outputs.max(1)
    return larger
