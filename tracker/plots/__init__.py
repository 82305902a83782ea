"""Pictures: images by learning order, Tp-agreement beside its null model, a curriculum to come.

    from tracker import plots
    plots.save(plots.tp_agreement(engine, "mnist5k-mlp-tiny"), Path("tp-agreement.png"))

`draw_learning_order` and `draw_tp_agreement` draw from arrays, without a database. Importing this
package loads matplotlib.
"""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.figure import Figure
from sqlalchemy import Engine

from tracker.curriculum.missing import missing_words
from tracker.curriculum.plan import make_ranking, plan_epoch
from tracker.curriculum.training import CurriculumOptions, curriculum_of
from tracker.datasets import Dataset, is_known, load_named
from tracker.errors import UsageError
from tracker.plots.agreement import draw_tp_agreement
from tracker.plots.canvas import WIDTH, check_picture, save
from tracker.plots.images import draw_learning_order
from tracker.plots.preview import draw_preview, preview_subtitle
from tracker.plots.types import draw_types
from tracker.registry import check_fingerprint, get_dataset
from tracker.reports import (
    EnsembleInfo,
    bimodality_by_evaluation,
    find_subject,
    learning_scores,
    snapshot,
    tp_histograms,
)
from tracker.reports.types import SPLIT, DifficultyTypes, difficulty_types
from tracker.specs import EnsembleSpec

__all__ = [
    "PLOTS",
    "WIDTH",
    "check_picture",
    "curriculum_preview",
    "draw_learning_order",
    "draw_preview",
    "draw_tp_agreement",
    "draw_types",
    "learning_order",
    "save",
    "tp_agreement",
    "types",
]


def learning_order(engine: Engine, ensemble: str, split: str = "train") -> Figure:
    """The images that an ensemble learned first and last.

    Raises
    ------
    NotFoundError, UsageError, TrackerError
        As `tracker.reports.find_subject`.
    DatasetUnavailableError
        If the images are neither on disk nor downloadable.
    DatasetMismatchError
        If they are not those that the ensemble has learned.
    """
    with snapshot(engine) as connection:
        subject = find_subject(connection, ensemble, split)
        dataset = _pictures(subject.info)
        check_fingerprint(connection, dataset)
        scores = learning_scores(connection, ensemble, split)
    return draw_learning_order(
        dataset.splits[split].images,
        scores,
        dataset.class_names,
        title=f"{ensemble}, {split} split, {_runs(scores.runs, scores.runs)}",
        unit=subject.time_unit,
        some_held_out=subject.some_held_out,
    )


def curriculum_preview(
    engine: Engine, options: CurriculumOptions, epochs: int, seed: int = 0
) -> tuple[Figure, str | None]:
    """What a training of so many epochs under a curriculum would be shown.

    Returns
    -------
    figure : Figure
    missing : str or None
        How many examples have no score and where they go, as the figure has it too; None if none.

    Raises
    ------
    NotFoundError, UsageError, TrackerError, DatasetUnavailableError, DatasetMismatchError
        As `learning_order`, and as `tracker.curriculum.training.curriculum_of`.
    """
    reference = options.ensembles[0]
    with snapshot(engine) as connection:
        subject = find_subject(connection, reference, "train")
        dataset = _pictures(subject.info)
        check_fingerprint(connection, dataset)
        registered = get_dataset(connection, subject.info.dataset)
    _, examples = curriculum_of(engine, options, registered)
    curriculum = options.curriculum(epochs, seed)
    split = dataset.splits["train"]
    ranking = make_ranking(curriculum, examples)
    plans = [plan_epoch(curriculum, examples, epoch, ranking) for epoch in range(epochs)]
    classes = len(dataset.class_names)
    counts = [np.bincount(split.labels[plan.indices], minlength=classes) for plan in plans]
    missing = missing_words(curriculum, examples)
    figure = draw_preview(
        np.array([plan.pool for plan in plans]),
        np.array(counts),
        split.images,
        ranking.indices,
        split.labels,
        dataset.class_names,
        title=f"{curriculum.order} on {subject.info.dataset}",
        subtitle=preview_subtitle(options, curriculum, missing),
    )
    return figure, missing


def _pictures(info: EnsembleInfo) -> Dataset:
    """The dataset of an ensemble, with its pictures."""
    if isinstance(info.spec, EnsembleSpec) or is_known(info.dataset):
        return load_named(info.dataset)
    raise UsageError(
        f"ensemble {info.ensemble!r} was imported without pictures, which this plot shows: plot "
        "tp-agreement, or ask the view learning_order"
    )


def tp_agreement(engine: Engine, ensemble: str, split: str = "train") -> Figure:
    """The distribution of Tp-agreement by evaluation, beside the null model.

    Raises
    ------
    NotFoundError, UsageError, TrackerError
        As `tracker.reports.find_subject`.
    """
    with snapshot(engine) as connection:
        subject = find_subject(connection, ensemble, split)
        histograms = tp_histograms(connection, ensemble, split)
        bimodality = bimodality_by_evaluation(connection, ensemble, split)
    counts = [histogram.runs for histogram in histograms]
    return draw_tp_agreement(
        histograms,
        bimodality,
        title=f"{ensemble}, {split} split, {_runs(min(counts), max(counts))}",
        unit=subject.time_unit,
        some_held_out=subject.some_held_out,
    )


def types(engine: Engine, ensemble: str) -> tuple[DifficultyTypes, Figure]:
    """The difficulty types of an ensemble, and the images nearest to their corners.

    Raises
    ------
    NotFoundError, UsageError, TrackerError, DatasetMismatchError
        As `tracker.reports.types.difficulty_types` and `learning_order`.
    """
    with snapshot(engine) as connection:
        told = difficulty_types(connection, ensemble)
        dataset = _pictures(told.info)
        check_fingerprint(connection, dataset)
    runs = sum(told.info.runs.values())
    figure = draw_types(
        dataset.splits[SPLIT].images,
        told.purest,
        dataset.class_names,
        title=f"{ensemble}, {_runs(runs, runs)}",
    )
    return told, figure


def _runs(least: int, most: int) -> str:
    if least != most:
        return f"{least} to {most} runs"
    return "1 run" if most == 1 else f"{most} runs"


PLOTS: Mapping[str, Callable[[Engine, str, str], Figure]] = {
    "learning-order": learning_order,
    "tp-agreement": tp_agreement,
}
"""The pictures by name: functions of an engine, an ensemble and a split."""
