"""What each run held out of training, as stored: one bitmap for each of its training blocks."""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, exists, func, insert, select

from tracker.db.models import Evaluation, RunBlock
from tracker.errors import ReplayError
from tracker.outcomes.layout import Layout
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
        for block in layout.only([TRAIN]).splits[0].blocks
    }


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
    of_run = RunBlock.run_id == run_id
    rows = connection.execute(select(RunBlock.block, RunBlock.held_out).where(of_run))
    if {row.block: row.held_out for row in rows} == blocks:
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
