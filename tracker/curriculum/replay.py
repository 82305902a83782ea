"""A recorded epoch once more: the exact indices, told from what is stored, and checked."""

import numpy as np
from sqlalchemy import Connection, select

from tracker.curriculum.order import Indices
from tracker.curriculum.plan import plan_epoch
from tracker.curriculum.records import checksum, epochs_of, load_curriculum, load_snapshot
from tracker.curriculum.training import RunOrder
from tracker.db.models import Run
from tracker.ensembles import get_ensemble_id
from tracker.errors import NotFoundError, ReplayError, UsageError, ranges
from tracker.reports.ensembles import describe_ensemble
from tracker.specs import EnsembleSpec


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
        begun = f"choose one of {ranges(recorded)}" if recorded else "it has begun none"
        raise NotFoundError(f"curriculum {name!r} has begun no epoch {epoch}: {begun}")
    row = recorded[epoch]
    indices = plan_epoch(record.curriculum, load_snapshot(connection, row.snapshot), epoch).indices
    if checksum(indices) != bytes(row.checksum):
        raise ReplayError(
            f"epoch {epoch} of curriculum {name!r} comes out otherwise than it was recorded (with "
            f"NumPy {record.versions.get('numpy')}, here {np.__version__})"
        )
    return indices


def replay_run(connection: Connection, ensemble: str, seed: int, epoch: int) -> Indices:
    """The positions of one epoch of a run that trains under a curriculum, in order.

    Nothing was recorded of the epoch to compare with: it is told from what the worker tells it
    from, the ensemble's curriculum and scores and the run's seed.

    Raises
    ------
    NotFoundError
        If there is no such ensemble, no run of that seed in it, or no such epoch.
    UsageError
        If the ensemble trains without a curriculum.
    """
    spec = describe_ensemble(connection, ensemble).spec
    if not isinstance(spec, EnsembleSpec) or spec.curriculum is None:
        raise UsageError(f"ensemble {ensemble!r} trains without a curriculum: leave out --seed")
    of_ensemble = Run.ensemble_id == get_ensemble_id(connection, ensemble)
    seeds = list(connection.scalars(select(Run.seed).where(of_ensemble).order_by(Run.seed)))
    if seed not in seeds:
        raise NotFoundError(
            f"ensemble {ensemble!r} has no run of seed {seed}: choose one of {ranges(seeds)}"
        )
    examples = load_snapshot(connection, bytes.fromhex(spec.curriculum.snapshot))
    order = RunOrder.of(spec, examples, seed)
    epochs = order.curriculum.epochs
    if not 0 <= epoch < epochs:
        raise NotFoundError(f"runs of {ensemble!r} have epochs 0 to {epochs - 1}, got {epoch}")
    return order.indices(epoch)
