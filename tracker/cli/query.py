"""`tracker query`: ask any view, without SQL."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.filesize import decimal
from rich.table import Table
from sqlalchemy import Connection

from tracker.cli import output
from tracker.cli.narrowing import ENSEMBLES, next_to_go
from tracker.cli.session import open_reader
from tracker.errors import UsageError, choice_error
from tracker.exports import csv_text, json_lines, parquet
from tracker.exports.query import Query, count_rows, narrowing, query_rows
from tracker.exports.source import Advance, Rows
from tracker.files import check_target, whole_file
from tracker.reports.absence import reason
from tracker.reports.subject import snapshot

TABLE = "table"

FORMATS: dict[str, Callable[[Rows, BinaryIO, Advance], int]] = {
    "csv": csv_text.write,
    "json": json_lines.write_array,
    "jsonl": json_lines.write,
    "parquet": parquet.write,
}

CHOICES = (TABLE, *FORMATS)

TABLE_ROWS = 20
"""Rows of a table unless --limit says otherwise."""

COUNT_SECONDS = 5.0
"""How long counting the rows that are not shown may take."""

TEXT_WIDTH = 40
"""Characters of a long text on a line, in a terminal too narrow for all of it."""

NAME_WIDTH = 16
"""The same of an ensemble's name: what is asked about it is to stand beside it."""


def query(
    view: Annotated[str, typer.Argument(help="Name of the view: learning_order, ...")],
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Only rows of which this holds: 'accessibility<0.2', split=train, "
            "'median_learned is null'; may be given several times."
        ),
    ] = None,
    ensemble: Annotated[str | None, typer.Option(help="Only rows of this ensemble.")] = None,
    columns: Annotated[str | None, typer.Option(help="Only these columns: a,b,c.")] = None,
    order_by: Annotated[
        str | None, typer.Option(help="Columns to order by, -column from the last: rank,-label.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help=f"Rows at most; {TABLE_ROWS} in a table, otherwise all.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help=f"One of {', '.join(CHOICES)}; as the file is called, or table."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON: --format json.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Ask a view: all that `tracker psql` can SELECT from one, with the values left to us.

    Without --out, rows go to standard output. Conditions compare with =, !=, <, <=, >, >=, or say
    `is null` and `is not null`.
    """
    form = _format(out, output.chosen_format(form, json))
    if out is not None:
        check_target(out, force=force)
    asked = Query(
        view=view,
        where=tuple(where or ()),
        ensemble=ensemble,
        columns=_names(columns),
        order_by=_names(order_by),
        limit=limit,
    )
    with snapshot(open_reader()) as connection:
        if form == TABLE:
            _print_table(connection, asked)
            return
        rows = query_rows(connection, asked)
        if out is None:
            count = FORMATS[form](rows, sys.stdout.buffer, _nothing)
            sys.stdout.buffer.flush()
        else:
            with whole_file(out, force=force) as file:
                count = FORMATS[form](rows, file, _nothing)
        if not count:
            _say_why(connection, asked)
    if out is None:
        return
    output.out.print(f"wrote {out}: {count:,} rows, {decimal(out.stat().st_size)}")


def _nothing(_: float) -> None:
    pass


def _names(listed: str | None) -> tuple[str, ...]:
    return () if listed is None else tuple(name.strip() for name in listed.split(","))


def _format(out: Path | None, given: str | None) -> str:
    """The format that was asked for, by name or by the name of the file."""
    form = given or ("" if out is None else out.suffix.removeprefix("."))
    form = form or (TABLE if out is None else "csv")
    if form not in CHOICES:
        raise choice_error("format", form, CHOICES)
    if out is None and form == "parquet":
        raise UsageError("--format parquet needs a file: name one with --out")
    if out is not None and form == TABLE:
        raise UsageError(f"--format table is for reading: {out} can be {', '.join(FORMATS)}")
    return form


def _print_table(connection: Connection, asked: Query) -> None:
    limit = TABLE_ROWS if asked.limit is None else asked.limit
    # One row more than is shown says if there are others.
    source = query_rows(connection, replace(asked, limit=limit + 1 if limit > 0 else limit))
    with source.stream() as batches:
        rows = [row for batch in batches for row in batch.to_pylist()]
    if not rows:
        output.out.print("no rows")
        _say_why(connection, asked)
        return
    shown = rows[:limit]
    names = list(source.schema.names)
    lines = zip(*(_texts([row[name] for row in shown]) for name in names), strict=True)
    table, left_out = _fitting([dict(zip(names, line, strict=True)) for line in lines], names)
    output.out.print(table)
    if left_out:
        output.out.print(f"too wide for {', '.join(left_out)}: --columns chooses")
    if len(rows) > limit:
        count = count_rows(connection, asked, COUNT_SECONDS)
        more = "more rows" if count is None else f"{count - limit:,} more rows"
        output.out.print(f"{more}: --limit shows more, --out writes all to a file")


def _say_why(connection: Connection, asked: Query) -> None:
    ensembles, narrowed = narrowing(asked)
    if why := reason(connection, asked.view, ensembles, narrowed=narrowed):
        output.note(why)


def _texts(values: Sequence[Any]) -> list[str]:
    """The cells of one column; the points of real numbers are below each other."""
    texts = [output.cell(value) for value in values]
    reals = [value for value in values if isinstance(value, float) and math.isfinite(value)]
    short = [output.cell(value) for value in reals]
    if any("e" in text for text in short):
        return texts
    decimals = max((len(text.partition(".")[2]) for text in short), default=0)
    return [
        f"{value:.{decimals}f}" if isinstance(value, float) else text
        for value, text in zip(values, texts, strict=True)
    ]


def _fitting(cells: Sequence[Mapping[str, str]], names: Sequence[str]) -> tuple[Table, list[str]]:
    """A table that is no wider than the terminal, and the columns that it had to leave out."""
    kept, left_out = list(names), list[str]()
    table = output.table(cells, columns=kept)
    while output.width(table) > output.out.width and len(kept) > 1:
        table = _folded(output.table(cells, columns=kept), kept)
        if output.width(table) > output.out.width:
            left_out += next_to_go(kept, cells)
            kept = [name for name in names if name not in left_out]
    return table, [name for name in names if name in left_out]


def _folded(table: Table, names: Sequence[str]) -> Table:
    """The same with long texts on several lines."""
    for name, column in zip(names, table.columns, strict=True):
        if column.justify == "left":
            column.max_width = NAME_WIDTH if name in ENSEMBLES else TEXT_WIDTH
    return table
