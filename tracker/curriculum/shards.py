"""One rank's share of an epoch, as `torch.utils.data.DistributedSampler` deals it: no torch."""

import numpy as np

from tracker.curriculum.order import Indices
from tracker.errors import UsageError


def shard(
    indices: Indices, rank: int, replicas: int, *, drop_last: bool = False, position: int = 0
) -> Indices:
    """What one of `replicas` ranks still has to do of an epoch.

    The ranks take turns, so that the i-th of all ranks together are a stretch of the epoch: the
    order of training is the same whatever their number. All get equally many: the epoch is filled
    up from its beginning, or its tail is dropped.

    Parameters
    ----------
    indices
        The whole epoch, shape (n,).
    rank
        From 0 to replicas - 1.
    drop_last
        Drop what is left over, instead of filling up.
    position
        How many of the epoch all ranks together have done.

    Returns
    -------
    int64 array, shape (m,)
    """
    rest = indices[position:]
    over = len(rest) % replicas
    if over and drop_last:
        rest = rest[: len(rest) - over]
    elif over:
        rest = np.concatenate([rest, np.resize(indices, replicas - over)])
    return rest[rank::replicas]


def shard_length(count: int, replicas: int, *, drop_last: bool = False) -> int:
    """How many each rank gets of an epoch of `count`."""
    return count // replicas if drop_last else -(-count // replicas)


def check_rank(rank: int | None, replicas: int | None) -> None:
    """`UsageError` if only one of the two is given, or the rank does not exist."""
    if (rank is None) != (replicas is None):
        lacking, given = ("num_replicas", "rank") if replicas is None else ("rank", "num_replicas")
        raise UsageError(f"{given} was given without {lacking}: give both, or neither to ask torch")
    if rank is None or replicas is None:
        return
    if replicas < 1:
        raise UsageError(f"num_replicas must be at least 1, got {replicas}")
    if not 0 <= rank < replicas:
        raise UsageError(f"rank must lie between 0 and {replicas - 1}, got {rank}")
