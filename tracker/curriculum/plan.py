"""Which examples an epoch trains on, in which order: a function of description and arrays alone.

    plan = plan_epoch(curriculum, Examples(scores), epoch)
    plan.indices, plan.pool

The sampler, workers, `tracker curriculum replay` and snapshots all go through here: no database,
no torch, nothing but NumPy's bits.
"""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from tracker.curriculum.description import Curriculum
from tracker.curriculum.order import Floats, Indices, epoch_generator, rank_examples, round_robin
from tracker.curriculum.sampling import SAMPLINGS
from tracker.errors import UsageError


@dataclass(frozen=True, eq=False)
class Examples:
    """What a curriculum goes by, of each of N examples.

    Attributes
    ----------
    scores
        float64 [N]; NaN where there is none.
    labels
        Class, int64 [N]; only a balanced curriculum asks for it.
    weights
        float64 [N], from 0 on: 0 leaves an example out. None: all alike.
    """

    scores: Floats
    labels: Indices | None = None
    weights: Floats | None = None

    def __post_init__(self) -> None:
        size = len(self.scores)
        if self.labels is not None and self.labels.shape != (size,):
            raise UsageError(
                f"labels must be one class for each of the {size} examples, "
                f"got shape {self.labels.shape}"
            )
        if self.weights is None:
            return
        if self.weights.shape != (size,):
            raise UsageError(
                f"weights must be one number for each of the {size} examples, "
                f"got shape {self.weights.shape}"
            )
        wrong = ~(np.isfinite(self.weights) & (self.weights >= 0))
        if wrong.any():
            first = int(wrong.argmax())
            raise UsageError(
                f"weights must be finite and at least 0, got {self.weights[first]} "
                f"at position {first}"
            )

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, eq=False)
class Ranking:
    """The M examples that take part, first to enter the pool first."""

    indices: Indices
    """int64 [M], each once."""
    weights: Floats | None
    """float64 [M], all positive, in this order; None if all alike. Cumulative where examples are
    drawn with replacement, since pools are beginnings of the ranking."""

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True)
class Segment:
    """A stretch of an epoch with one pool."""

    pool: int
    """Number of examples in the pool."""
    count: int
    """Number of examples drawn from it."""


@dataclass(frozen=True, eq=False)
class EpochPlan:
    """One epoch."""

    indices: Indices
    """int64 [n]: what all ranks together train on, in order."""
    segments: tuple[Segment, ...]
    """Pools and the number of examples drawn from each, in order; one where it grows by epoch."""

    @property
    def pool(self) -> int:
        """Size of the pool at the end of the epoch."""
        return self.segments[-1].pool


def make_ranking(curriculum: Curriculum, examples: Examples) -> Ranking:
    """Who takes part, and in which order they enter the pool: the same at every epoch.

    Raises
    ------
    UsageError
        If nobody takes part, scores or labels are missing, or weights have no effect.
    """
    _check_weights(curriculum, examples.weights)
    indices = rank_examples(
        curriculum.order,
        examples.scores,
        curriculum.seed,
        curriculum.easy or "high",
        curriculum.missing,
    )
    indices = indices[_takes_part(curriculum, examples)[indices]]
    if not len(indices):
        raise UsageError(
            f"none of the {len(examples)} examples is left: all are without a score, outside the "
            "band or of weight 0"
        )
    if curriculum.balance:
        if examples.labels is None:
            raise UsageError("balance=True needs the labels of the examples")
        indices = round_robin(indices, examples.labels)
    if examples.weights is None or curriculum.sampling == "shuffle":
        return Ranking(indices, None)
    weights = examples.weights[indices]
    return Ranking(indices, np.cumsum(weights) if curriculum.sampling == "replacement" else weights)


def plan_epoch(
    curriculum: Curriculum, examples: Examples, epoch: int, ranking: Ranking | None = None
) -> EpochPlan:
    """The examples of one epoch in order.

    Parameters
    ----------
    curriculum, examples
        What decides it.
    epoch
        From 0; epochs after the last are as the last, in orders of their own.
    ranking
        `make_ranking(curriculum, examples)`, if it is at hand.

    Raises
    ------
    UsageError
        As `make_ranking`, or if `epoch` is negative.
    """
    ranking = ranking or make_ranking(curriculum, examples)
    segments = epoch_segments(curriculum, len(ranking), epoch)
    generator = epoch_generator(curriculum.seed, epoch)
    draw = SAMPLINGS[curriculum.sampling]
    parts = [
        draw(
            ranking.indices[: part.pool],
            None if ranking.weights is None else ranking.weights[: part.pool],
            part.count,
            generator,
        )
        for part in segments
    ]
    return EpochPlan(parts[0] if len(parts) == 1 else np.concatenate(parts), segments)


def epoch_segments(curriculum: Curriculum, n: int, epoch: int) -> tuple[Segment, ...]:
    """Pools of one epoch of a ranking of `n`, and how many examples are drawn from each.

    By step, steps with equal pools follow each other in one pass through the pool, and a pool that
    changes is shuffled anew, as Hacohen & Weinshall do.
    """
    if epoch < 0:
        raise UsageError(f"epoch must be at least 0, got {epoch}")
    if curriculum.pacing is None:
        return (_segment(curriculum, n, n),)
    if curriculum.step_examples is None:
        pool = curriculum.pacing.size(epoch, curriculum.epochs, n)
        return (_segment(curriculum, pool, pool),)
    size = curriculum.step_examples
    samples = curriculum.num_samples or n
    steps = -(-samples // size)
    total = curriculum.epochs * steps
    pools = (curriculum.pacing.size(epoch * steps + i, total, n) for i in range(steps))
    runs = [(pool, sum(1 for _ in equal)) for pool, equal in groupby(pools)]
    # The last step of an epoch has what is left.
    ends = np.minimum(np.cumsum([count for _, count in runs]) * size, samples)
    counts = np.diff(ends, prepend=0).tolist()
    return tuple(
        _segment(curriculum, pool, count) for (pool, _), count in zip(runs, counts, strict=True)
    )


def epoch_length(curriculum: Curriculum, n: int, epoch: int) -> int:
    """Number of examples of one epoch of a ranking of `n`, on all ranks together."""
    if curriculum.step_examples is not None:
        return curriculum.num_samples or n
    return sum(part.count for part in epoch_segments(curriculum, n, epoch))


def _segment(curriculum: Curriculum, pool: int, count: int) -> Segment:
    if curriculum.step_examples is None and curriculum.num_samples is not None:
        count = curriculum.num_samples
    return Segment(pool, count)


def _takes_part(curriculum: Curriculum, examples: Examples) -> NDArray[np.bool_]:
    kept = np.ones(len(examples), dtype=bool)
    if curriculum.band is not None:
        present = examples.scores[~np.isnan(examples.scores)]
        if len(present):
            # Quantiles that are scores themselves: infinite ones cannot be interpolated.
            low, high = np.quantile(present, curriculum.band, method="inverted_cdf")
            kept &= (examples.scores >= low) & (examples.scores <= high)
    if examples.weights is not None:
        kept &= examples.weights > 0
    return kept


def _check_weights(curriculum: Curriculum, weights: Floats | None) -> None:
    if curriculum.sampling == "shuffle":
        if weights is not None and len(np.unique(weights[weights > 0])) > 1:
            raise UsageError(
                "sampling='shuffle' takes every example once, whatever its weight above 0: "
                "choose sampling='replacement' or 'without-replacement'"
            )
    elif curriculum.sampling == "without-replacement" and weights is None:
        raise UsageError(
            "sampling='without-replacement' differs from 'shuffle' only with weights or types"
        )
