"""Everything that `tracker show` says of an ensemble."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from tracker.reports.curves import (
    AccuracyRow,
    BimodalityRow,
    DifficultyGroup,
    EvaluationRow,
    accuracy_by_evaluation,
    bimodality_by_evaluation,
    difficulty_groups,
    tp_histograms,
)
from tracker.reports.ensembles import EnsembleInfo
from tracker.reports.examples import (
    ExampleScore,
    Forgetting,
    LearningScores,
    Quantile,
    learning_scores,
    summarize_forgetting,
)
from tracker.reports.subject import find_subject, snapshot

EXTREMES = 10
"""Examples listed at each end of the learning order."""


@dataclass(frozen=True)
class Difficulty:
    """Dichotomous difficulty at one evaluation."""

    evaluation: int
    runs: int
    """Runs that have recorded it; the others say nothing about it."""
    groups: tuple[DifficultyGroup, ...]


@dataclass(frozen=True)
class Summary:
    """An ensemble, and how it has learned the examples of one split.

    Times are ordinals of evaluations; accuracies and shares are from 0 to 1.
    """

    info: EnsembleInfo
    split: str
    time_unit: str
    """What an evaluation's ordinal counts: `epoch`, or else `evaluation`."""
    some_held_out: bool
    """Whether runs hold out some examples of the split.

    All but accuracy counts all runs then, also those that held an example out: the view
    learning_by_held_out has either kind."""
    runs: int
    """Runs with at least one evaluation recorded, failed ones left out."""
    evaluations: tuple[EvaluationRow, ...]
    accuracy: tuple[AccuracyRow, ...]
    """Of every split."""
    bimodality: tuple[BimodalityRow, ...]
    evaluations_below_null: int
    """Evaluations of a network in training at which bimodality is below the null model's."""
    evaluations_compared: int
    """Those at which both are defined; the untrained network, 0, is not one of them."""
    accessibility: tuple[Quantile, ...]
    forgetting: Forgetting
    most_forgotten: tuple[ExampleScore, ...]
    easiest: tuple[ExampleScore, ...]
    """Easiest first."""
    hardest: tuple[ExampleScore, ...]
    """Hardest first."""
    easiest_tied: int
    """Examples as accessible as the last of `easiest`, some of them perhaps not listed."""
    hardest_tied: int
    difficulty: Difficulty


def summarize(engine: Engine, ensemble: str, split: str = "train") -> Summary:
    """Everything that `tracker show` prints.

    Raises
    ------
    NotFoundError, UsageError, TrackerError
        As `find_subject`.
    """
    with snapshot(engine) as connection:
        subject = find_subject(connection, ensemble, split)
        info = subject.info
        scores = learning_scores(connection, ensemble, split)
        order = scores.order()
        easiest, hardest = order[:EXTREMES], order[::-1][:EXTREMES]
        last = subject.evaluations[-1].evaluation
        bimodality = bimodality_by_evaluation(connection, ensemble, split)
        below = [row.below_null for row in bimodality if row.evaluation > 0]
        (histogram,) = tp_histograms(connection, ensemble, split, last)
        return Summary(
            info=info,
            split=split,
            time_unit=subject.time_unit,
            some_held_out=subject.some_held_out,
            runs=scores.runs,
            evaluations=subject.evaluations,
            accuracy=accuracy_by_evaluation(connection, ensemble),
            bimodality=bimodality,
            evaluations_below_null=below.count(True),
            evaluations_compared=len(below) - below.count(None),
            accessibility=scores.quantiles(),
            forgetting=summarize_forgetting(connection, ensemble, split),
            most_forgotten=_most_forgotten(scores, info),
            easiest=tuple(scores.example(place, info.class_names) for place in easiest),
            hardest=tuple(scores.example(place, info.class_names) for place in hardest),
            easiest_tied=scores.tied_with(easiest[-1]),
            hardest_tied=scores.tied_with(hardest[-1]),
            difficulty=Difficulty(last, histogram.runs, difficulty_groups(histogram)),
        )


def _most_forgotten(scores: LearningScores, info: EnsembleInfo) -> tuple[ExampleScore, ...]:
    order = np.argsort(-scores.forgetting_events, kind="stable")[:EXTREMES]
    return tuple(
        scores.example(place, info.class_names)
        for place in order
        if scores.forgetting_events[place] > 0
    )
