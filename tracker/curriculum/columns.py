"""Which column of which view a score is, and at which end of it the easy examples are."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from tracker.curriculum.order import EASY_ENDS, Easy
from tracker.errors import UsageError, choice_error
from tracker.exports.tables import Columns, list_views

EASIER: dict[str, Easy] = {
    "accessibility": "high",
    "accessibility_trained_on": "high",
    "accessibility_held_out": "high",
    "rank": "low",
    "mean_learned": "low",
    "median_learned": "low",
    "first_correct": "low",
    "last_mistake": "low",
    "forgetting_events": "low",
    "never_learned_share": "low",
    "learned_share": "high",
    "confidence": "high",
    "aum": "high",
    "correctness": "high",
    "consistency": "high",
    "consensus_share": "high",
    "consensus_consistency": "high",
    "prediction_entropy": "low",
    "label_share": "high",
    "mean_converged": "low",
    "mean_converged_trained_on": "low",
    "mean_converged_held_out": "low",
    "rescaled": "low",
    "ensemble_agreement": "low",
    "depth_trained_on": "low",
    "depth_held_out": "low",
}
"""The field's scores by the names of their columns, and at which end their easy examples are."""

NEVER_IF_NULL = frozenset({"mean_learned", "median_learned", "first_correct"})
"""Scores whose NULL means never, later than any evaluation: the hardest of all."""

SUMMARY = "example_difficulty"
"""The view in which plain names are looked up first."""

HOMES = {
    **dict.fromkeys(
        ("accessibility", "rank", "accessibility_trained_on", "accessibility_held_out"),
        "accessibility",
    ),
    **dict.fromkeys(
        (
            *("mean_learned", "median_learned", "learned_share", "first_correct"),
            *("last_mistake", "forgetting_events", "never_learned_share"),
        ),
        "learning_order",
    ),
    **dict.fromkeys(("confidence", "variability"), "data_map"),
    "aum": "aum",
    "consistency": "consistency",
    **dict.fromkeys(("consensus_class", "consensus_share", "prediction_entropy"), "consensus"),
    **dict.fromkeys(("depth_trained_on", "depth_held_out"), "prediction_depth"),
}
"""Columns of the summary and the views that it has them from, which answer several times faster."""

SYNONYMS = {"prediction_depth": "depth_trained_on"}
"""What the field calls a score, and the column: a curriculum orders what is trained on."""

_RANKED = {"accessibility", "learning_order", SUMMARY}
"""Views whose `rank` is one of accessibility."""

_PLACE = {"ensemble", "split", "position"}
"""Columns of every view with one row per (ensemble, example)."""

_FINER = {"run_id", "seed", "evaluation", "signal", "held_out"}
"""Columns of views that have several rows of an example."""

_NO_SCORES = {"ensemble_id", "dataset_id", "example_id", "position", "label", "block"}
"""Numbers that only say which example it is."""

_NUMBERS = {"smallint", "integer", "bigint", "real", "double precision", "numeric", "boolean"}


@dataclass(frozen=True)
class Score:
    """A column of numbers in a view with one row per (ensemble, example)."""

    view: str
    column: str
    kind: str = "double precision"
    """The database's type."""

    def __str__(self) -> str:
        return f"{self.view}.{self.column}"


def find_score(connection: Connection, name: str, view: str | None = None) -> Score:
    """The score called `name`: `view.column`, or a column of `view`, or a column alone.

    A column alone is that of `example_difficulty`, or of the one other view that has it.

    Raises
    ------
    UsageError
        If there is no such view or column, or several; the message lists the choices.
    """
    if not isinstance(name, str):
        raise UsageError(f"score must be the name of a column, got {name!r}")
    if name == "difficulty_type":
        raise UsageError("difficulty_type is no number: weigh by types={...}, not by score")
    name = SYNONYMS.get(name, name) if view is None else name
    views = score_views(connection)
    where, dot, column = name.rpartition(".")
    if dot and view is not None:
        raise UsageError(f"score {name!r} names its view already: leave out view={view!r}")
    where = where if dot else view or _home(views, name)
    if where not in views:
        raise choice_error("view of a score", where, sorted(views))
    if column not in views[where]:
        raise choice_error(f"score of {where}", column, sorted(views[where]))
    return Score(where, column, views[where][column])


def easy_end(score: str | None, easy: str | None = None) -> Easy | None:
    """At which end of a score easy examples are: as given, else as the field has it.

    Parameters
    ----------
    score
        What the numbers are, `view.column` or a column alone; None if nobody says.
    easy
        `high`, `low` or None.

    Returns
    -------
    None if nobody knows.

    Raises
    ------
    UsageError
        If `easy` is neither.
    """
    for end in EASY_ENDS:
        if easy == end:
            return end
    if easy is not None:
        raise choice_error("easy", easy, EASY_ENDS)
    view, _, column = SYNONYMS.get(score or "", score or "").rpartition(".")
    if column == "rank" and view and view not in _RANKED:
        return None
    return EASIER.get(column)


def score_views(connection: Connection) -> Mapping[str, Columns]:
    """The scores of every view with one row per (ensemble, example)."""
    return {
        view: {
            name: kind
            for name, kind in columns.items()
            if kind in _NUMBERS and name not in _NO_SCORES
        }
        for view, columns in list_views(connection).items()
        if columns.keys() >= _PLACE and not columns.keys() & _FINER
    }


def _home(views: Mapping[str, Columns], name: str) -> str:
    """The view in which a column alone is looked up."""
    having = sorted(view for view, columns in views.items() if name in columns)
    if SUMMARY in having:
        return HOMES.get(name, SUMMARY)
    if not having:
        known = sorted({column for columns in views.values() for column in columns})
        raise choice_error("score", name, known)
    if len(having) > 1:
        choices = ", ".join(f"{view}.{name}" for view in having)
        raise UsageError(f"several views have a score {name!r}: choose one of {choices}")
    return having[0]
