"""Where the numbers that a curriculum goes by came from, and who is told what it did with them."""

from dataclasses import dataclass
from typing import Protocol

from tracker.curriculum.description import Curriculum
from tracker.curriculum.plan import EpochPlan, Examples


@dataclass(frozen=True)
class Source:
    """Where scores and weights came from.

    Attributes
    ----------
    ensembles
        Names of the ensembles whose scores were averaged; none where they are the user's own.
    score
        `view.column` that was read; of the user's own what they are, or None.
    split
        Split of the ensembles' dataset; None where the scores are the user's own.
    fingerprint
        Of the dataset: see `tracker.datasets.identity.split_fingerprint`. None if nobody looked.
    types
        Weights by difficulty type, if that is where the weights came from.
    """

    ensembles: tuple[str, ...] = ()
    score: str | None = None
    split: str | None = None
    fingerprint: str | None = None
    types: tuple[tuple[str, float], ...] | None = None


def shown_score(score: str) -> str:
    """A score as people read it: the view is left out where it is called like its column."""
    view, _, column = score.rpartition(".")
    return column if view == column else score


class Recorder(Protocol):
    """Who keeps what a sampler did. The sampler calls it on rank 0 alone."""

    def begin(self, curriculum: Curriculum, examples: Examples, source: Source) -> None:
        """The sampler is made: once, before any epoch."""

    def epoch(self, epoch: int, plan: EpochPlan, examples: Examples) -> None:
        """An epoch begins; `examples` has other scores than before where they were read anew.

        An epoch that is resumed in its middle, or iterated again, is told again.
        """
