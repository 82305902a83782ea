"""How commands print: results on standard output, everything else on standard error.

Rich's markup is off, because errors and names may contain brackets: style with `Text` or with
`style=`. Piped output is plain, as wide as it needs to be, and never cut.
"""

import dataclasses
import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tracker.errors import UsageError
from tracker.logs import all_json

logger = logging.getLogger(__name__)

# What a column of numbers may hold and still be set flush right: 1,234  0.5  97.3%  3/10  1e-05  -
NUMBER = re.compile(r"[-+]?(\d[\d,.]*( ?%|/\d[\d,]*|e[-+]\d+)?|inf|nan)|-?")

UNBOUNDED = 10_000

Item = TypeVar("Item")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # The reader of `tracker ... | head` has had enough; Rich would call that a failure.
        try:
            super().on_broken_pipe()
        except SystemExit:
            raise SystemExit(0) from None


def _console(*, stderr: bool = False) -> Console:
    console = _Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        # Whoever reads a pipe (grep, a file, a script) has no columns to wrap at.
        console.width = UNBOUNDED
    return console


out = _console()
"""Results."""

err = _console(stderr=True)
"""Progress, notes, warnings."""


def note(message: str) -> None:
    """Print a remark that is no part of the result."""
    if all_json():
        logger.info("%s", message)
    else:
        err.print(message, style="dim")


def complain(message: str) -> None:
    """Print the one line with which a command fails."""
    if all_json():
        logger.error("%s", message)
    else:
        print(f"tracker: {message}", file=sys.stderr)


def counted(count: int, noun: str) -> str:
    """`1 run`, `2,000 runs`: a number and what it counts, for nouns that take an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def plain(value: object) -> Any:
    """`value` as JSON can hold it.

    Dataclasses and specs become objects, times ISO 8601, decimals and NumPy scalars numbers,
    arrays lists, paths strings.

    Raises
    ------
    TypeError
        If there is no obvious form.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"no JSON form of {type(value).__name__}")


def print_json(value: object) -> None:
    """Print `value` (see `plain`) as indented JSON on standard output."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=plain)
    out.print(text, soft_wrap=True)


def chosen_format(form: str | None, json: bool) -> str | None:
    """What `--format` and `--json` ask for together; None if neither is given.

    Raises
    ------
    UsageError
        If they ask for two things.
    """
    if json and form not in (None, "json"):
        raise UsageError(f"--json and --format {form}: give one of them")
    return "json" if json else form


def cell(value: object) -> str:
    """How a table shows `value`; None, which stands for "nothing there", is a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return moment(value)
    return str(value)


def moment(value: datetime, precision: str = "minutes") -> str:
    """A time of this machine's zone, and how far that is from UTC: 2026-03-01 14:30+01:00."""
    return value.astimezone().isoformat(sep=" ", timespec=precision)


def table(
    rows: Sequence[Mapping[str, object]],
    *,
    columns: Iterable[str] | None = None,
    title: str | None = None,
) -> Table:
    """Rows as a table: a column for each key, numbers flush right.

    Parameters
    ----------
    rows : sequence of mapping
        Cells by column; shown as `cell` does.
    columns : iterable of str, optional
        Keys to show, in order; those of the first row if not given. An underscore in a key is
        a blank in the heading, or the end of a line where the terminal is too narrow.
    title : str, optional
        Line above the table.
    """
    keys = list(columns) if columns is not None else list(rows[0]) if rows else []
    made = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=title,
        title_style="bold",
        title_justify="left",
    )
    texts = [[cell(row.get(key)) for key in keys] for row in rows]
    for index, key in enumerate(keys):
        cells = [line[index] for line in texts]
        made.add_column(
            key.replace("_", " "),
            justify="right" if all(map(NUMBER.fullmatch, cells)) else "left",
            # A cell cut short with dots may lose what it was printed for. The widest column is
            # folded first.
            overflow="fold",
        )
    for line in texts:
        made.add_row(*line)
    if width(made) > out.width:
        # A line for each word, so that none is broken.
        for column in made.columns:
            column.header = str(column.header).replace(" ", "\n")
    return made


def width(table: Table) -> int:
    """Characters that the table takes where nothing is folded."""
    return out.measure(table, options=out.options.update(max_width=UNBOUNDED)).maximum


def print_table(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows as a table of a report: a blank line, the title, the rows."""
    out.print()
    out.print(Text(title, style="bold"))
    out.print(table(rows))


def percent(share: float | None) -> str | None:
    """`0.973` as `97.3%`."""
    return None if share is None else f"{share:.1%}"


def number(value: float | None, digits: int) -> str | None:
    """A number with so many decimals."""
    return None if value is None else f"{value:.{digits}f}"


def thin(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of the items, evenly spaced, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    step = (len(items) - 1) / (most - 1)
    return [items[round(index * step)] for index in range(most)]


def picture_path(given: Path | None, ensemble: str, kind: str) -> Path:
    """Where a picture of an ensemble goes: as given, else ENSEMBLE-KIND.png in this folder.

    Raises
    ------
    UsageError
        If that would be in another folder.
    """
    if given is not None:
        return given
    path = Path(f"{ensemble}-{kind}.png")
    if path.name != str(path):
        raise UsageError(f"{str(path)!r} leads to another folder: name the picture with --out")
    return path
