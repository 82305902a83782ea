"""What each run held out of training, as stored: one bitmap for each of its training blocks."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, exists, func, insert, select

from tracker.db.models import Evaluation, RunBlock
from tracker.errors import ReplayError
from tracker.outcomes.layout import BlockRange, Layout
from tracker.outcomes.packing import planes_text

TRAIN = "train"


def held_out_blocks(layout: Layout, held_out: NDArray[np.bool_]) -> dict[int, str]:
    """The bitmap of each block of the split train, as zeros and ones.

    Parameters
    ----------
    held_out
        By position in the split train, bool [examples of it].
    """
    return {
        block.block: planes_text(
            np.packbits(held_out[block.first_position :][: block.size])[None], block.size
        )[0]
        for block in _training_blocks(layout)
    }


def _training_blocks(layout: Layout) -> list[BlockRange]:
    return [block for split in layout.only([TRAIN]).splits for block in split.blocks]


def read_held_out(connection: Connection, run_id: int, layout: Layout) -> NDArray[np.bool_]:
    """Which examples of a layout's splits a run did not train on, bool [examples]."""
    stored = _stored(connection, run_id)
    parts = []
    for split in layout.splits:
        for block in split.blocks:
            bits = stored.get(block.block)
            parts.append(
                np.full(block.size, split.split != TRAIN)
                if bits is None
                else np.frombuffer(bits.encode(), np.uint8) == ord("1")
            )
    return np.concatenate(parts)


def _stored(connection: Connection, run_id: int) -> dict[int, str]:
    rows = connection.execute(
        select(RunBlock.block, RunBlock.held_out).where(RunBlock.run_id == run_id)
    )
    return {row.block: row.held_out for row in rows}


def check_held_out(
    connection: Connection, run_id: int, layout: Layout, expected: NDArray[np.bool_] | None
) -> Iterator[tuple[int, str]]:
    """Each block of which a run's bitmap is wrong, and what is wrong with it.

    Parameters
    ----------
    expected
        What the run of this seed holds out of the split train; None if nobody knows: then either
        all training blocks have a bitmap of their length, or none has.
    """
    stored = _stored(connection, run_id)
    sizes = {block.block: block.size for block in _training_blocks(layout)}
    if expected is None:
        wanted = dict.fromkeys(sizes) if stored else {}
    else:
        wanted = dict(held_out_blocks(layout, expected)) if expected.any() else {}
    for block in sorted(stored.keys() | wanted.keys()):
        bits = stored.get(block)
        if bits is None:
            yield block, "held_out is missing"
        elif block not in wanted:
            yield block, "held_out is of a block of which nothing can be held out"
        elif len(bits) != sizes[block]:
            yield block, f"held_out has {len(bits):,} bits, {sizes[block]:,} expected"
        elif wanted[block] not in (None, bits):
            yield block, "held_out is not what the seed of the run draws"


def write_held_out(
    connection: Connection, run_id: int, layout: Layout, held_out: NDArray[np.bool_]
) -> None:
    """Store what a run holds out, or check that it is what its evaluations were made with.

    Nothing is stored where nothing is held out: then the views know it from the split.

    Raises
    ------
    ReplayError
        If the run has evaluations for which other examples were held out.
    """
    blocks = held_out_blocks(layout, held_out) if held_out.any() else {}
    if _stored(connection, run_id) == blocks:
        return
    if connection.scalar(select(exists().where(Evaluation.run_id == run_id))):
        raise ReplayError(
            f"run {run_id}: its recorded evaluations held out other training examples than this "
            "attempt does: delete the ensemble, or queue it under another --name"
        )
    # By a function of the schema: workers have no right to delete.
    connection.execute(select(func.forget_held_out(run_id)))
    new = [{"run_id": run_id, "block": block, "held_out": bits} for block, bits in blocks.items()]
    if new:
        connection.execute(insert(RunBlock), new)
