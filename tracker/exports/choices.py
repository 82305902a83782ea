"""Which values a column of a view can have, where they are few: others are slips."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from tracker.db.models import RUN_EVENTS, RUN_STATES, Split
from tracker.outcomes.signals import LAST_SIGNALS, SIGNALS
from tracker.reports.types import TYPES

DIFFICULTIES = ("trivial", "in between", "impossible")
"""As the function `dichotomous_difficulty` names them."""

EXAMPLE_GROUPS = ("trained_on", "clean", "mislabelled", "mislabelled_true_label", "held_out")
"""Of `inference_learning_curve`, beside the splits that are not trained on."""

FIXED: Mapping[str, Iterable[str]] = {
    "signal": (*SIGNALS, *LAST_SIGNALS),
    "state": RUN_STATES,
    "event": RUN_EVENTS,
    **dict.fromkeys(("type", "difficulty_type"), TYPES),
    **dict.fromkeys(("difficulty", "difficulty_trained_on", "difficulty_held_out"), DIFFICULTIES),
}
"""By column, whatever the view: all values that it ever has."""


def choices_of(connection: Connection, column: str) -> Iterable[str] | None:
    """The values that a column of a view can have; None if they are not few."""
    if column == "split":
        return _splits(connection)
    if column == "example_group":
        return (*EXAMPLE_GROUPS, *(split for split in _splits(connection) if split != "train"))
    return FIXED.get(column)


def _splits(connection: Connection) -> list[str]:
    return sorted(connection.scalars(select(Split.split).distinct()))
