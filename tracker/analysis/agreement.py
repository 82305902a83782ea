"""Ensemble agreement: how alike the runs' outputs are for each example (Carlini 2019)."""

import numpy as np
from numpy.typing import NDArray

NUMBERS_AT_ONCE = 2**17
"""Probabilities that are worked on at once: a megabyte, which stays in the processor's cache."""


def ensemble_agreement(outputs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean Jensen-Shannon divergence over all pairs of runs, float64 [N], in nats.

    JS(p, q) = H((p + q) / 2) - (H(p) + H(q)) / 2: the entropy of each pair's mixture is all that
    there is to compute anew, R (R - 1) / 2 times N K logarithms. In float64 throughout, from rows
    that are first made to sum to 1. NaN where an output is.

    Parameters
    ----------
    outputs
        Softmax outputs [R, N, K] of at least two runs.
    """
    runs, examples, classes = outputs.shape
    some = max(1, NUMBERS_AT_ONCE // (runs * classes))
    parts = [_agreement(outputs[:, start : start + some]) for start in range(0, examples, some)]
    return np.concatenate(parts)


def _agreement(outputs: NDArray[np.floating]) -> NDArray[np.float64]:
    p = outputs.astype(np.float64)
    p /= p.sum(2, keepdims=True)
    entropies = entropy(p)
    total = np.zeros(p.shape[1])
    for run in range(len(p) - 1):
        mixed = entropy((p[run] + p[run + 1 :]) / 2)
        divergence = mixed - (entropies[run] + entropies[run + 1 :]) / 2
        # Never below zero but for the last bits of runs that say the same.
        total += np.maximum(divergence, 0).sum(0)
    return total / (len(p) * (len(p) - 1) / 2)


def entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """-sum p ln p over the last axis; 0 ln 0 is 0."""
    # The least normal number stands in for 0, whose product with its logarithm is 0 too.
    logarithms = np.log(np.maximum(p, np.finfo(np.float64).tiny))
    negative: NDArray[np.float64] = np.einsum("...k,...k->...", p, logarithms)
    return -negative
