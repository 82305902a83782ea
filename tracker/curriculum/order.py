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

Easy = Literal["high", "low"]
"""At which end of a score the easy examples are."""

EASY_ENDS: tuple[Easy, ...] = ("high", "low")

MISSING = ("last", "first", "drop", "error")
"""Where examples without a score go: see `rank_examples`."""


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

BLIND = frozenset({"random", "shuffled"})
"""Orders that do not look at the scores."""


def check_order(order: str) -> None:
    """`UsageError` with the choices if `order` is not in `ORDERS`."""
    if order not in ORDERS:
        raise choice_error("order", order, ORDERS)


def rank_examples(
    order: str, scores: ArrayLike, seed: int, easy: Easy = "high", missing: str = "last"
) -> Indices:
    """The examples in the order in which they enter the pool.

    Equal scores (accessibility has many) are ordered by a random permutation that depends on
    `seed` alone, so that neither the position nor the class of an example favours it. Missing
    scores (NaN) come last or first, in random order, whether easy or hard examples come first;
    `random` and `shuffled`, which do not look at scores, leave them where they are.

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
    missing
        What becomes of examples without a score: `last`, `first`, `drop` (they are left out),
        `error`.

    Returns
    -------
    int64 array, shape (N,) or, of `drop`, (M,): indices, each once.

    Raises
    ------
    UsageError
        If an option is unknown, `seed` out of range, or a score is missing and that is an error.
    """
    check_order(order)
    if easy not in EASY_ENDS:
        raise choice_error("easy", easy, EASY_ENDS)
    if missing not in MISSING:
        raise choice_error("missing", missing, MISSING)
    ease = np.asarray(scores, dtype=np.float64)
    if easy == "low":
        ease = -ease
    mixed = _generator(seed, *RANKING_STREAM).permutation(len(ease))
    ranking = ORDERS[order](ease, mixed)
    return _place_missing(ranking, np.isnan(ease), missing, blind=order in BLIND)


def _place_missing(
    ranking: Indices, absent: NDArray[np.bool_], missing: str, *, blind: bool
) -> Indices:
    count = int(absent.sum())
    if not count:
        return ranking
    if missing == "error":
        raise UsageError(
            f"{count} of {len(absent)} scores are missing, first at position {absent.argmax()}: "
            f"choose missing='last', 'first' or 'drop'"
        )
    if missing == "drop":
        return ranking[~absent[ranking]]
    # They are last as ranked: NumPy sorts NaN to the end.
    return np.roll(ranking, count) if missing == "first" and not blind else ranking


def round_robin(ranking: Indices, labels: Indices) -> Indices:
    """The ranking balanced over classes: the first of each class, then the second of each, ...

    Within a round the order is that of `ranking`; a class whose examples are used up drops out
    (Hacohen & Weinshall 2019, which takes classes in turn as well).

    Parameters
    ----------
    ranking
        Indices of examples, shape (M,).
    labels
        Class of each example, shape (N,).
    """
    classes = labels[ranking]
    by_class = np.argsort(classes, kind="stable")
    ordered = classes[by_class]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[begins, len(ordered)])
    turn = np.empty(len(ranking), dtype=np.int64)
    turn[by_class] = np.arange(len(ranking)) - np.repeat(begins, sizes)
    return ranking[np.argsort(turn, kind="stable")]


def epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    """The random numbers of one epoch: another stream for each (seed, epoch)."""
    return _generator(seed, epoch)


def _generator(seed: int, *stream: int) -> np.random.Generator:
    # A larger seed would take two words of the sequence and could equal another seed's epoch.
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed must lie between 0 and {MAX_SEED}, got {seed}")
    return np.random.default_rng([seed, *stream])
