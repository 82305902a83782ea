"""Reading results for people: plain functions over the views, one query each.

    from tracker.reports import summarize
    summarize(engine, "mnist5k-mlp-tiny").forgetting.mean_events

Failed runs are left out everywhere; while an ensemble trains, every figure says over how many
runs it is.
"""

from tracker.reports.comparison import (
    Comparison,
    ErrorConsistency,
    Kappas,
    MatchedPair,
    OrderCorrelation,
    compare,
)
from tracker.reports.curves import (
    AccuracyRow,
    BimodalityRow,
    DifficultyGroup,
    EvaluationRow,
    TpHistogram,
    accuracy_by_evaluation,
    bimodality_by_evaluation,
    difficulty_groups,
    evaluations,
    tp_histograms,
)
from tracker.reports.ensembles import (
    EnsembleInfo,
    EnsembleRow,
    describe_ensemble,
    list_ensembles,
    recipe_line,
)
from tracker.reports.examples import (
    QUANTILES,
    ExampleScore,
    Forgetting,
    LearningScores,
    Quantile,
    learning_scores,
    summarize_forgetting,
)
from tracker.reports.subject import Subject, find_subject, snapshot
from tracker.reports.summary import Difficulty, Summary, summarize

__all__ = [
    "QUANTILES",
    "AccuracyRow",
    "BimodalityRow",
    "Comparison",
    "Difficulty",
    "DifficultyGroup",
    "EnsembleInfo",
    "EnsembleRow",
    "ErrorConsistency",
    "EvaluationRow",
    "ExampleScore",
    "Forgetting",
    "Kappas",
    "LearningScores",
    "MatchedPair",
    "OrderCorrelation",
    "Quantile",
    "Subject",
    "Summary",
    "TpHistogram",
    "accuracy_by_evaluation",
    "bimodality_by_evaluation",
    "compare",
    "describe_ensemble",
    "difficulty_groups",
    "evaluations",
    "find_subject",
    "learning_scores",
    "list_ensembles",
    "recipe_line",
    "snapshot",
    "summarize",
    "summarize_forgetting",
    "tp_histograms",
]
