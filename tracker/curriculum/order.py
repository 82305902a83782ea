"""In which order examples enter the pool, and the order of one epoch: no database, no torch."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracker.errors import UsageError, choice_error
from tracker.specs import MAX_SEED

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

RANKING_STREAM = (0, 1)
"""Third word 1: apart from every epoch's stream, since (seed, epoch) reads as (seed, epoch, 0)."""

EASIER: dict[str, Literal["high", "low"]] = {
    "accessibility": "high",
    "rank": "low",
    "mean_learned": "low",
    "median_learned": "low",
    "first_correct": "low",
    "last_mistake": "low",
    "forgetting_events": "low",
    "never_learned_share": "low",
    "learned_share": "high",
}
"""The scores of the view `learning_order`, and at which end their easy examples are."""

NEVER_IF_NULL = frozenset({"mean_learned", "median_learned", "first_correct"})
"""Scores whose NULL means never, later than any evaluation: the hardest of all."""


def _easy_first(ease: Floats, mixed: Indices) -> Indices:
    return mixed[np.argsort(-ease[mixed], kind="stable")]


def _hard_first(ease: Floats, mixed: Indices) -> Indices:
    return mixed[np.argsort(ease[mixed], kind="stable")]


def _random(ease: Floats, mixed: Indices) -> Indices:  # noqa: ARG001 - a control: blind to scores
    return mixed


ORDERS: dict[str, Callable[[Floats, Indices], Indices]] = {
    "easy-first": _easy_first,
    "hard-first": _hard_first,  # the anti-curriculum
    "random": _random,  # the same pool sizes, whatever the scores
    "shuffled": _random,  # no curriculum
}
"""Name to (ease, all indices in random order) -> indices, first to enter the pool first."""

UNPACED = frozenset({"shuffled"})
"""Orders whose pool is the whole set at every epoch."""


def check_order(order: str) -> None:
    """`UsageError` with the choices if `order` is not in `ORDERS`."""
    if order not in ORDERS:
        raise choice_error("order", order, ORDERS)


def easier(score: str) -> Literal["high", "low"]:
    """At which end of a score of `learning_order` the easy examples are.

    Raises
    ------
    UsageError
        If `score` is not in `EASIER`; the message lists them.
    """
    if not isinstance(score, str) or score not in EASIER:
        raise choice_error("score", score, EASIER)
    return EASIER[score]


def rank_examples(
    order: str, scores: ArrayLike, seed: int, easy: Literal["high", "low"] = "high"
) -> Indices:
    """All examples in the order in which they enter the pool.

    Equal scores (accessibility has many) are ordered by a random permutation that depends on
    `seed` alone, so that neither the position nor the class of an example favours it. Missing
    scores (NaN) come last, in random order, whether easy or hard examples come first.

    Parameters
    ----------
    order
        A name in `ORDERS`.
    scores
        One score an example, shape (N,).
    seed
        From 0 to 2^31 - 1.
    easy
        `high` if a higher score means an easier example.

    Returns
    -------
    int64 array, shape (N,): a permutation of 0..N-1.

    Raises
    ------
    UsageError
        If `order` is unknown or `seed` out of range.
    """
    check_order(order)
    ease = np.asarray(scores, dtype=np.float64)
    if easy == "low":
        ease = -ease
    mixed = _generator(seed, *RANKING_STREAM).permutation(len(ease))
    return ORDERS[order](ease, mixed)


def epoch_indices(ranking: Indices, pool: int, seed: int, epoch: int) -> Indices:
    """One epoch: the first `pool` of `ranking` in an order fresh for each (seed, epoch).

    Parameters
    ----------
    ranking
        Indices of examples, first to enter the pool first, shape (N,): see `rank_examples`.
    pool
        Number of examples of this epoch, at most N.
    seed
        From 0 to 2^31 - 1.
    epoch
        From 0.

    Returns
    -------
    int64 array, shape (pool,): each index once.
    """
    return _generator(seed, epoch).permutation(ranking[:pool])


def _generator(seed: int, *stream: int) -> np.random.Generator:
    # A larger seed would take two words of the sequence and could equal another seed's epoch.
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed must lie between 0 and {MAX_SEED}, got {seed}")
    return np.random.default_rng([seed, *stream])
