"""Outcomes that look like those of real training, made run by run from a seed.

Examples differ in when they are learned; runs differ a little from each other, so that what one
run finds easy the others find easy too. Accuracy rises from chance to about 90%, learned examples
are forgotten now and then (hard ones more often), and most mistakes are one of two classes that
the example looks like. Nothing here is stored: whoever needs run r makes run r.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]
Floats = NDArray[np.float32]

_TO_FIRST_LIKENESS = 0.6
"""Share of mistakes that name the class which the example looks like most."""
_TO_SECOND_LIKENESS = 0.8
"""The same with the next class; the other mistakes are spread evenly."""


@dataclass(frozen=True)
class Content:
    """What `runs` runs predict of `examples` examples at `evaluations` evaluations.

    The ordinals of the evaluations are 1 to E, as of an ensemble trained for E epochs. Contents
    with another `first_run` are of other runs on the same examples.
    """

    runs: int
    examples: int
    evaluations: int
    classes: int = 10
    seed: int = 0
    first_run: int = 0

    def __str__(self) -> str:
        return (
            f"{self.runs} runs x {self.examples:,} examples x {self.evaluations} evaluations, "
            f"K = {self.classes}: {self.outcomes / 1e6:,.3g}M outcomes"
        )

    @property
    def outcomes(self) -> int:
        """R x N x E."""
        return self.runs * self.examples * self.evaluations

    def others(self) -> "Content":
        """As many other runs on the same examples."""
        return replace(self, first_run=self.first_run + self.runs)

    @property
    def dtype(self) -> type[np.unsignedinteger]:
        """The smallest type that holds a class."""
        return np.uint8 if self.classes <= 256 else np.uint16

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Class of each example, int64 [N]."""
        generator = np.random.default_rng([self.seed, 0])
        return generator.integers(0, self.classes, self.examples)

    @cached_property
    def _learned(self) -> Floats:
        """Evaluation around which a typical run learns each example [N]; some never are."""
        generator = np.random.default_rng([self.seed, 1])
        spread = generator.standard_normal(self.examples, dtype=np.float32)
        learned: Floats = self.evaluations * np.exp(spread - np.float32(1.6))
        return learned

    @cached_property
    def _likenesses(self) -> tuple[Integers, Integers]:
        """The two classes that each example is mistaken for most [N], [N]."""
        generator = np.random.default_rng([self.seed, 2])
        offsets = generator.integers(1, max(2, self.classes), (2, self.examples))
        first, second = (self.labels + offsets) % self.classes
        return first.astype(self.dtype), second.astype(self.dtype)

    def run(self, run: int) -> Integers:
        """Predicted classes of run `run`, unsigned integers [E, N]."""
        generator = np.random.default_rng([self.seed, 3, self.first_run + run])
        shape = (self.evaluations, self.examples)
        labels = self.labels.astype(self.dtype)
        chance = generator.random(shape, dtype=np.float32)
        return np.where(
            chance < self._probability(generator), labels, self._mistakes(generator, shape)
        )

    def _probability(self, generator: np.random.Generator) -> Floats:
        """How likely each answer of one run is right, [E, N]."""
        own = np.float32(0.25) * generator.standard_normal(self.examples, dtype=np.float32)
        learned = self._learned * np.exp(own)
        evaluation = np.arange(1, self.evaluations + 1, dtype=np.float32)[:, None]
        rise = 1 / (1 + np.exp((learned - evaluation) / (learned * 0.15 + 0.5)))
        # What was learned late is forgotten often.
        reached = 1 - np.float32(0.25) * np.minimum(1, learned / self.evaluations)
        chance = np.float32(1 / self.classes)
        probability: Floats = chance + (reached - chance) * rise
        return probability

    def _mistakes(self, generator: np.random.Generator, shape: tuple[int, int]) -> Integers:
        kind = generator.random(shape, dtype=np.float32)
        first, second = self._likenesses
        left = np.float32(1 - _TO_SECOND_LIKENESS)
        spread = (kind - np.float32(_TO_SECOND_LIKENESS)) / left * (self.classes - 1)
        offset = 1 + np.clip(spread, 0, self.classes - 2).astype(np.int32)
        other = ((self.labels.astype(np.int32) + offset) % self.classes).astype(self.dtype)
        return np.where(
            kind < _TO_FIRST_LIKENESS, first, np.where(kind < _TO_SECOND_LIKENESS, second, other)
        )
