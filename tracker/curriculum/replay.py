"""A recorded epoch once more: the exact indices, told from what is stored, and checked."""

import numpy as np
from sqlalchemy import Connection

from tracker.curriculum.order import Indices
from tracker.curriculum.plan import plan_epoch
from tracker.curriculum.records import checksum, epochs_of, load_curriculum, load_snapshot
from tracker.errors import NotFoundError, ReplayError


def replay_epoch(connection: Connection, name: str, epoch: int) -> Indices:
    """The indices of one epoch of a recorded curriculum, over all processes, in order.

    Needs none of the ensembles that gave the scores.

    Raises
    ------
    NotFoundError
        If there is no such curriculum, or it never began that epoch.
    ReplayError
        If what is stored does not give the recorded checksum.
    """
    record = load_curriculum(connection, name)
    recorded = {row.epoch: row for row in epochs_of(connection, name)}
    if epoch not in recorded:
        begun = _ranges(sorted(recorded))
        raise NotFoundError(
            f"curriculum {name!r} has begun no epoch {epoch}: "
            + (f"choose one of {begun}" if begun else "it has begun none")
        )
    row = recorded[epoch]
    indices = plan_epoch(record.curriculum, load_snapshot(connection, row.snapshot), epoch).indices
    if checksum(indices) != bytes(row.checksum):
        raise ReplayError(
            f"epoch {epoch} of curriculum {name!r} comes out otherwise than it was recorded (with "
            f"NumPy {record.versions.get('numpy')}, here {np.__version__})"
        )
    return indices


def _ranges(numbers: list[int]) -> str:
    """Ascending numbers in few words: `0 to 4, 7`."""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return ", ".join(
        f"{first}" if first == last else f"{first} to {last}"
        for first, last in zip(starts, ends, strict=True)
    )
