"""How the examples of an epoch are drawn from the pool: no database, no torch.

Everything is done in float64 and int64, so that there is no limit at 2^24 examples, where
`torch.multinomial` stops.
"""

from collections.abc import Callable

import numpy as np

from tracker.curriculum.order import Floats, Indices

Draw = Callable[[Indices, Floats | None, int, np.random.Generator], Indices]


def shuffle(
    pool: Indices,
    weights: Floats | None,  # noqa: ARG001 - examples of weight 0 are in no pool
    count: int,
    generator: np.random.Generator,
) -> Indices:
    """Each example once, in random order; as many as `count`, or again in another order."""
    size = len(pool)
    passes = [generator.permutation(pool) for _ in range(count // size)]
    if rest := count % size:
        passes.append(pool[generator.choice(size, rest, replace=False)])
    return passes[0] if len(passes) == 1 else np.concatenate(passes)


def replacement(
    pool: Indices, bounds: Floats | None, count: int, generator: np.random.Generator
) -> Indices:
    """`count` independent draws, each example with probability proportional to its weight.

    `bounds` are the weights' cumulative sums.
    """
    if bounds is None:
        return pool[generator.integers(len(pool), size=count)]
    # Uniform numbers in ascending order are the places of a Poisson process: looking them up in
    # ascending order is several times faster than at random, and so is mixing them afterwards.
    places = np.cumsum(generator.standard_exponential(count + 1))
    places *= bounds[-1] / places[-1]
    found = np.searchsorted(bounds, places[:-1], side="right")
    return generator.permutation(pool[np.minimum(found, len(pool) - 1)])


def without_replacement(
    pool: Indices, weights: Floats | None, count: int, generator: np.random.Generator
) -> Indices:
    """`count` different examples, drawn one after the other in proportion to their weights.

    An exponential time of rate w each; the first `count` to come are such a draw (Efraimidis and
    Spirakis 2006). They are given in uniformly random order. Where the pool has fewer, all of it
    comes first, as often as it fits.
    """
    size = len(pool)
    passes = [generator.permutation(pool) for _ in range(count // size)]
    if rest := count % size:
        times = generator.standard_exponential(size)
        if weights is not None:
            times /= weights
        passes.append(generator.permutation(pool[np.argpartition(times, rest)[:rest]]))
    return passes[0] if len(passes) == 1 else np.concatenate(passes)


SAMPLINGS: dict[str, Draw] = {
    "shuffle": shuffle,
    "replacement": replacement,
    "without-replacement": without_replacement,
}
"""Name to (pool, weights of its examples, how many, generator) -> indices.

`replacement` takes cumulative weights: see `tracker.curriculum.plan.Ranking`.
"""
