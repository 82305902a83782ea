"""What a user says of a curriculum, and what comes of it: a description and arrays. No torch."""

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from tracker.curriculum.columns import EASIER, easy_end
from tracker.curriculum.description import Curriculum, check_whole
from tracker.curriculum.given import (
    DIFFICULTY_TYPES,
    labels_of,
    numbers,
    scores_of,
    type_names,
    type_weights,
)
from tracker.curriculum.growth import Pacing, make_pacing
from tracker.curriculum.identity import check_dataset
from tracker.curriculum.order import BLIND, UNPACED, Easy, Floats, Indices, check_order
from tracker.curriculum.plan import Examples
from tracker.curriculum.scores import Answer, Question, ask
from tracker.curriculum.source import Source
from tracker.errors import UsageError, choice_error

if TYPE_CHECKING:
    from sqlalchemy import Engine

T = TypeVar("T")

REFRESHES = ("epoch",)


@dataclass(frozen=True, kw_only=True, eq=False)
class Options:
    """The options of `CurriculumSampler` that decide which examples come when; see there."""

    epochs: int
    ensemble: str | Sequence[str] | None = None
    scores: ArrayLike | None = None
    score: str | None = None
    view: str | None = None
    split: str | None = None
    easy: str | None = None
    missing: str | None = None
    order: str = "easy-first"
    balance: bool = False
    labels: ArrayLike | None = None
    types: Mapping[str, float] | None = None
    example_types: ArrayLike | None = None
    weights: ArrayLike | None = None
    band: tuple[float, float] | None = None
    pacing: str | Callable[[int], float] | Sequence[float] | None = None
    start: float | None = None
    grow: float | None = None
    increase: float | None = None
    step_length: int | Sequence[int] | None = None
    unit: str = "epoch"
    step_examples: int | None = None
    sampling: str | None = None
    num_samples: int | None = None
    refresh: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_order(self.order)
        check_whole("epochs", self.epochs, 1)
        if self.refresh not in (None, *REFRESHES):
            raise choice_error("refresh", self.refresh, REFRESHES)
        if self.ensemble is not None and self.scores is not None:
            raise UsageError("give exactly one of ensemble and scores, got both")
        if self.ensemble is None and self.scores is None and self.needs_scores:
            raise UsageError("give exactly one of ensemble and scores, got neither")
        if self.ensemble is not None and not self.ensembles:
            raise UsageError("ensemble must name at least one ensemble, got none")
        for what, given, needed, there in (
            ("view", self.view, "ensemble", self.ensemble is not None),
            ("split", self.split, "ensemble", self.ensemble is not None),
            ("refresh", self.refresh, "ensemble", self.ensemble is not None),
            ("labels", self.labels, "balance=True", self.balance),
            ("example_types", self.example_types, "types", self.types is not None),
            ("types", self.types, "ensemble or example_types", self._has_types),
        ):
            if given is not None and not there:
                raise UsageError(f"{what} has no effect without {needed}")
        if self.refresh is not None and not self.needs_scores:
            raise UsageError(f"refresh has no effect on order {self.order!r}, blind to scores")

    @property
    def ensembles(self) -> tuple[str, ...]:
        """Names of the ensembles; none where the scores are the user's own."""
        if self.ensemble is None:
            return ()
        return (self.ensemble,) if isinstance(self.ensemble, str) else tuple(self.ensemble)

    @property
    def needs_scores(self) -> bool:
        """Whether scores make a difference."""
        missing = self.missing in ("drop", "error")
        return self.order not in BLIND or self.band is not None or missing

    @property
    def _has_types(self) -> bool:
        return self.ensemble is not None or self.example_types is not None


@dataclass(frozen=True, eq=False)
class Prepared:
    """A curriculum that is ready to be planned."""

    curriculum: Curriculum
    examples: Examples
    source: Source
    question: Question | None
    """What to ask again for newer scores; None where the scores are the user's own."""


def prepare(
    dataset: Sized,
    options: Options,
    engine: "Engine | None" = None,
    from_first: Callable[[Callable[[], Answer]], Answer] = lambda act: act(),
) -> Prepared:
    """The description and the arrays, with the dataset checked where an ensemble is asked.

    Parameters
    ----------
    dataset
        Map-style dataset of N examples.
    engine
        Database; the configured one if not given.
    from_first
        How the database is asked: see `tracker.curriculum.ranks.Ranks.from_first`.

    Raises
    ------
    As `CurriculumSampler`.
    """
    size, answer, question, labels = len(dataset), None, None, None
    if options.ensembles:
        question = Question(
            options.ensembles,
            _default(options.score, "accessibility"),
            options.view,
            _default(options.split, "train"),
            types=options.types is not None and options.example_types is None,
        )
        asked = question
        answer = from_first(lambda: ask(asked, engine))
        _, labels = check_dataset(dataset, answer.stored, engine)
        question = replace(question, score=str(answer.score), view=None, types=False)
    weights = _weights(options, answer, size)
    return Prepared(
        _curriculum(options, answer, weights, size),
        Examples(
            _scores(options, answer, size),
            _labels(options, dataset, labels),
            weights,
        ),
        _source(options, answer),
        question,
    )


def _scores(options: Options, answer: Answer | None, size: int) -> Floats:
    if answer is not None:
        return answer.scores
    # Orders that are blind to scores need none.
    return np.zeros(size) if options.scores is None else scores_of(options.scores, size)


def _labels(options: Options, dataset: Sized, labels: Indices | None) -> Indices | None:
    if not options.balance:
        return None
    return (
        labels
        if options.labels is None and labels is not None
        else labels_of(dataset, options.labels)
    )


def _weights(options: Options, answer: Answer | None, size: int) -> Floats | None:
    """The product of weights by type and weights by example."""
    weights = None if options.weights is None else numbers("weights", options.weights, size)
    if options.types is None:
        return weights
    if options.example_types is not None:
        names = type_names(options.example_types, size)
        choices = tuple(np.unique(names).tolist())
    elif answer is not None and answer.types is not None:
        names, choices = answer.types, DIFFICULTY_TYPES
    by_type = type_weights(options.types, names, choices)
    return by_type if weights is None else by_type * weights


def _curriculum(
    options: Options, answer: Answer | None, weights: Floats | None, size: int
) -> Curriculum:
    return Curriculum(
        epochs=options.epochs,
        seed=options.seed,
        order=options.order,
        easy=_easy(options, answer),
        missing=_default(options.missing, "last" if options.band is None else "drop"),
        balance=options.balance,
        band=_band(options.band),
        pacing=_pacing(options, size),
        unit=options.unit,
        step_examples=options.step_examples,
        sampling=_default(options.sampling, "shuffle" if _alike(weights) else "replacement"),
        num_samples=options.num_samples,
    )


def _band(band: tuple[float, float] | None) -> tuple[float, float] | None:
    if band is None:
        return None
    try:
        low, high = band
        return float(low), float(high)
    except (TypeError, ValueError):
        raise UsageError(f"band must be two quantiles, 0 <= low < high <= 1, got {band}") from None


def _easy(options: Options, answer: Answer | None) -> Easy | None:
    what = options.score if answer is None else str(answer.score)
    easy = easy_end(what, options.easy)
    if easy is None and options.order not in BLIND:
        otherwise = f", or score= what they are: {', '.join(EASIER)}" if answer is None else ""
        raise UsageError(
            f"which end of {what or 'your scores'} is easy? "
            f"Give easy='high' or easy='low'{otherwise}"
        )
    return easy


def _pacing(options: Options, size: int) -> Pacing | None:
    named = {
        "pacing": options.pacing,
        "start": options.start,
        "grow": options.grow,
        "increase": options.increase,
        "step_length": options.step_length,
    }
    if options.order in UNPACED:
        for name, value in named.items():
            if value is not None:
                raise UsageError(
                    f"{name} has no effect on order {options.order!r}, which always has the whole "
                    "set: leave it out, or choose order='random'"
                )
        return None
    total = options.epochs
    if options.step_examples:
        total *= -(-(options.num_samples or size) // options.step_examples)
    return make_pacing(
        "linear" if options.pacing is None else options.pacing,
        total,
        start=options.start,
        grow=options.grow,
        increase=options.increase,
        step_length=options.step_length,
    )


def _default(given: T | None, default: T) -> T:
    """What was given, also where it is empty: that is refused, and not taken for the default."""
    return default if given is None else given


def _alike(weights: Floats | None) -> bool:
    """Whether weights only say who takes part."""
    return weights is None or len(np.unique(weights[weights > 0])) <= 1


def _source(options: Options, answer: Answer | None) -> Source:
    types = None
    if options.types is not None:
        types = tuple(sorted((name, float(weight)) for name, weight in options.types.items()))
    if answer is None:
        return Source(score=options.score, types=types)
    return Source(
        options.ensembles, str(answer.score), answer.stored.split, answer.stored.fingerprint, types
    )
