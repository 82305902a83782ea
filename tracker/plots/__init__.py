"""Pictures of an ensemble: images by learning order, Tp-agreement beside its null model.

    from tracker import plots
    plots.save(plots.tp_agreement(engine, "mnist5k-mlp-tiny"), Path("tp-agreement.png"))

`draw_learning_order` and `draw_tp_agreement` draw from arrays, without a database. Importing this
package loads matplotlib.
"""

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure
from sqlalchemy import Engine

from tracker.datasets import Dataset, is_known, load_named
from tracker.errors import UsageError
from tracker.plots.agreement import draw_tp_agreement
from tracker.plots.canvas import WIDTH, check_format, save
from tracker.plots.images import draw_learning_order
from tracker.registry import check_fingerprint
from tracker.reports import (
    EnsembleInfo,
    bimodality_by_evaluation,
    find_subject,
    learning_scores,
    snapshot,
    tp_histograms,
)
from tracker.specs import EnsembleSpec

__all__ = [
    "PLOTS",
    "WIDTH",
    "check_format",
    "draw_learning_order",
    "draw_tp_agreement",
    "learning_order",
    "save",
    "tp_agreement",
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
    )


def _pictures(info: EnsembleInfo) -> Dataset:
    """The dataset of an ensemble, with its pictures."""
    if isinstance(info.spec, EnsembleSpec) or is_known(info.dataset):
        return load_named(info.dataset)
    raise UsageError(
        f"ensemble {info.ensemble!r} was imported without pictures, which a plot of learning-order "
        "shows: plot tp-agreement, or ask the view learning_order"
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
    )


def _runs(least: int, most: int) -> str:
    if least != most:
        return f"{least} to {most} runs"
    return "1 run" if most == 1 else f"{most} runs"


PLOTS: Mapping[str, Callable[[Engine, str, str], Figure]] = {
    "learning-order": learning_order,
    "tp-agreement": tp_agreement,
}
"""The pictures by name: functions of an engine, an ensemble and a split."""
