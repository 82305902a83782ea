"""Which examples a small dataset keeps: chosen once, the same on every machine."""

import numpy as np
from numpy.typing import NDArray

SUBSET_SEED = 0


def balanced_positions(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Positions of `count` examples, with the classes as equal in number as possible.

    The classes take turns: each turn takes one example of every class that still has one, and
    the last, incomplete turn takes whichever come first in the permutation. A smaller
    subset is therefore contained in every larger one.

    Parameters
    ----------
    labels : int64 array [N]
    count : int
        If it exceeds N, all are kept.

    Returns
    -------
    int64 array [min(count, N)], ascending
    """
    # RandomState and not default_rng: NumPy promises never to change its stream (NEP 19).
    order = np.random.RandomState(SUBSET_SEED).permutation(len(labels))
    shuffled = labels[order]
    by_class = np.argsort(shuffled, kind="stable")
    grouped = shuffled[by_class]
    turn = np.empty(len(labels), dtype=np.int64)
    turn[by_class] = np.arange(len(labels)) - np.searchsorted(grouped, grouped, side="left")
    chosen = np.argsort(turn, kind="stable")[:count]
    return np.sort(order[chosen]).astype(np.int64)
