"""Do two ways of training differ? Compared pair by pair, seed by seed."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracker.errors import UsageError

EXACT_PAIRS = 20
"""Up to so many pairs every one of the 2^n assignments of signs is looked at."""

DRAWN_SIGNS = 100_000
"""Assignments that are drawn where there are more pairs."""

TOLERANCE = 1e-9
"""Relative to the sum of absolute differences: sums that differ by less are equal."""


def sign_flip_p_value(differences: ArrayLike) -> float:
    """Two-sided p-value of a mean of paired differences: the sign-flip permutation test.

    If the two ways of training are the same, each seed's difference is as likely to be its
    negative. The p-value is the share of all assignments of signs whose sum is at least as far
    from 0 as the one observed (Fisher 1935): exact for up to `EXACT_PAIRS` pairs, and without
    assuming a distribution. It cannot be less than 2 / 2^n: with 5 pairs not below 0.0625.
    Beyond `EXACT_PAIRS`, `DRAWN_SIGNS` assignments are drawn, always the same, and the observed
    one is counted among them.

    Parameters
    ----------
    differences
        One difference a pair, shape (n,).

    Raises
    ------
    UsageError
        If there is no pair, or a difference is not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise UsageError(f"differences must be finite numbers, one a pair, got {values.tolist()}")
    # From binary fractions equal sums come out unequal in their last bits.
    least = abs(values.sum()) - TOLERANCE * np.abs(values).sum()
    if len(values) <= EXACT_PAIRS:
        return float((np.abs(_all_sums(values)) >= least).mean())
    signs = np.random.default_rng(0).integers(0, 2, (DRAWN_SIGNS, len(values)), dtype=np.int8)
    as_far = int((np.abs((2 * signs - 1) @ values) >= least).sum())
    return (as_far + 1) / (DRAWN_SIGNS + 1)


def _all_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum under each assignment of signs, shape (2^n,)."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate((sums + value, sums - value))
    return sums
