"""`tracker show`, `tracker plot` and `tracker list`: what the ensembles have learned."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from tracker.cli import output
from tracker.db import get_engine
from tracker.errors import choice_error
from tracker.reports import (
    ExampleScore,
    Summary,
    list_ensembles as read_ensembles,
    snapshot,
    summarize,
)

PLOTS = ("learning-order", "tp-agreement")
"""Kinds of pictures; named here because loading `tracker.plots` takes a second."""

HISTORY_ROWS = 12
"""Evaluations in the table; the first and the last are always among them."""

Item = TypeVar("Item")

Split = Annotated[str, typer.Option(help="Split of the dataset whose examples are shown.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON: everything, nothing thinned.")]


def show(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    split: Split = "train",
    json: Json = False,
) -> None:
    """Summarize what an ensemble has learned: accuracy, learning order, forgetting, difficulty."""
    summary = summarize(get_engine(), ensemble, split)
    if json:
        output.print_json(summary)
        return
    for part in (_heading, _history, _accessibility, _forgetting, _difficulty, _extremes):
        part(summary)
