"""What happens from evaluation to evaluation: accuracy, Tp-agreement and its null model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from tracker.reports import views


@dataclass(frozen=True)
class EvaluationRow:
    """An evaluation of an ensemble."""

    evaluation: int
    """Ordinal; 0 is the untrained network."""
    step: int
    epoch: float
    runs: int
    """Runs that have recorded it, failed ones left out."""


@dataclass(frozen=True)
class AccuracyRow:
    """Accuracy of an ensemble's runs on one split at one evaluation, from 0 to 1.

    Of the split train, on the examples that each run trains on.
    """

    split: str
    evaluation: int
    runs: int
    mean: float
    min: float
    max: float
    held_out: float | None
    """Mean over the runs of that on the examples that each holds out; None if there are none."""


@dataclass(frozen=True)
class BimodalityRow:
    """Bimodality of Tp-agreement at one evaluation (Hacohen 2020 s.2); lower is more bimodal."""

    evaluation: int
    runs: int
    tp_agreement: float
    """Mean over the examples; the mean accuracy of the runs."""
    bimodality: float | None
    """None where all examples have the same Tp-agreement."""
    null_bimodality: float | None
    """Of independent runs with the same accuracies."""

    @property
    def below_null(self) -> bool | None:
        """Whether it is more bimodal than the null model; None of one run, or if undefined."""
        # One run has no others to agree with.
        if self.runs == 1:
            return None
        if self.bimodality is None or self.null_bimodality is None:
            return None
        # Where both are 0, they are so but for the last bits.
        return self.bimodality < self.null_bimodality - 1e-9


@dataclass(frozen=True, eq=False)
class TpHistogram:
    """How many examples have each Tp-agreement at one evaluation (Hacohen 2020 Fig. 3a)."""

    evaluation: int
    runs: int
    examples: NDArray[np.int64]
    """Examples that k = 0..runs runs are right about [runs + 1]."""
    null_examples: NDArray[np.float64]
    """Expected number if the runs were right independently, with their accuracies [runs + 1]."""


@dataclass(frozen=True)
class DifficultyGroup:
    """One of the three groups of dichotomous difficulty (Meding 2022)."""

    group: str
    """`trivial`: all runs are right; `impossible`: none is; else `in between`."""
    examples: int
    share: float
    null_share: float
    """Expected if the runs were right independently, with the same accuracies."""


def evaluations(connection: Connection, ensemble: str) -> tuple[EvaluationRow, ...]:
    """The evaluations that at least one run has recorded, in order."""
    view = views.ensemble_evaluation
    rows = connection.execute(
        select(view.c.evaluation, view.c.step, view.c.epoch, view.c.runs)
        .where(view.c.ensemble == ensemble)
        .order_by(view.c.evaluation)
    )
    return tuple(EvaluationRow(*row) for row in rows)


def accuracy_by_evaluation(connection: Connection, ensemble: str) -> tuple[AccuracyRow, ...]:
    """Accuracy on every split at every evaluation: mean, least and most over the runs."""
    view = views.run_accuracy
    accuracy = func.coalesce(view.c.trained_on_accuracy, view.c.accuracy)
    rows = connection.execute(
        select(
            view.c.split,
            view.c.evaluation,
            func.count().label("runs"),
            func.avg(accuracy).label("mean"),
            func.min(accuracy).label("min"),
            func.max(accuracy).label("max"),
            func.avg(view.c.held_out_accuracy).label("held_out"),
        )
        .where(view.c.ensemble == ensemble)
        .group_by(view.c.split, view.c.evaluation)
        .order_by(view.c.split.desc(), view.c.evaluation)
    )
    return tuple(AccuracyRow(*row) for row in rows)


def bimodality_by_evaluation(
    connection: Connection, ensemble: str, split: str
) -> tuple[BimodalityRow, ...]:
    """Bimodality of Tp-agreement at every evaluation, beside the null model's."""
    view = views.bimodality
    rows = connection.execute(
        select(
            view.c.evaluation,
            view.c.runs,
            view.c.tp_agreement,
            view.c.bimodality,
            view.c.null_bimodality,
        )
        .where(view.c.ensemble == ensemble, view.c.split == split)
        .order_by(view.c.evaluation)
    )
    return tuple(BimodalityRow(*row) for row in rows)


def tp_histograms(
    connection: Connection, ensemble: str, split: str, evaluation: int | None = None
) -> tuple[TpHistogram, ...]:
    """The distribution of Tp-agreement at every evaluation, or at the one given."""
    view = views.tp_agreement_histogram
    query = (
        select(
            view.c.evaluation,
            view.c.runs,
            # In the view's own grain, k = 0..runs: one array an evaluation instead of many rows.
            func.array_agg(aggregate_order_by(view.c.examples, view.c.runs_correct)),
            func.array_agg(aggregate_order_by(view.c.null_examples, view.c.runs_correct)),
        )
        .where(view.c.ensemble == ensemble, view.c.split == split)
        .group_by(view.c.evaluation, view.c.runs)
        .order_by(view.c.evaluation)
    )
    if evaluation is not None:
        query = query.where(view.c.evaluation == evaluation)
    return tuple(
        TpHistogram(ordinal, runs, np.asarray(examples), np.asarray(null_examples))
        for ordinal, runs, examples, null_examples in connection.execute(query)
    )


def difficulty_groups(histogram: TpHistogram) -> tuple[DifficultyGroup, ...]:
    """The examples that all runs, some and none are right about, beside the null model."""
    total = int(histogram.examples.sum())
    parts = {
        "trivial": slice(-1, None),
        "in between": slice(1, -1),
        "impossible": slice(0, 1),
    }
    return tuple(
        DifficultyGroup(
            name,
            int(histogram.examples[part].sum()),
            float(histogram.examples[part].sum()) / total,
            float(histogram.null_examples[part].sum()) / total,
        )
        for name, part in parts.items()
    )
