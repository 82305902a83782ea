"""`tracker export`: an ensemble as a file."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tracker.cli import output
from tracker.cli.session import open_reader
from tracker.errors import UsageError, choice_error
from tracker.exports import DEFAULT_TABLE, FORMATS, TEXT_FORMATS
from tracker.exports import export as write_table
from tracker.files import check_target, whole_file

STANDARD_OUTPUT = "-"

Begin = Callable[[int | None], None]
Advance = Callable[[float], None]


def export(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    out: Annotated[
        str | None,
        typer.Option(help="File to write, - for standard output; ENSEMBLE-TABLE.FORMAT otherwise."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help=f"One of {', '.join(FORMATS)}; as the file is called, or parquet."
        ),
    ] = None,
    table: Annotated[
        str, typer.Option(help="outcome, or another view: learning_order, forgetting, ...")
    ] = DEFAULT_TABLE,
    complete: Annotated[
        bool, typer.Option("--complete", help="Of outcome: leave out runs that are not complete.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write an ensemble's outcomes, or any other of its tables, to a file.

    For pandas, Polars, DuckDB, NumPy or a spreadsheet; whole or not at all.
    """
    form = _format(out, form)
    path = None if out == STANDARD_OUTPUT else Path(out or f"{ensemble}-{table}.{form}")
    if path is not None:
        if out is None and path.name != str(path):
            raise UsageError(f"{str(path)!r} leads to another folder: name the file with --out")
        check_target(path, force=force)
    engine = open_reader()
    with _progress() as (begin, advance):
        if path is None:
            file: BinaryIO = sys.stdout.buffer
            write_table(
                engine, ensemble, table, form, file,
                complete=complete, begin=begin, advance=advance,
            )  # fmt: skip
            file.flush()
            return
        with whole_file(path, force=force) as file:
            rows = write_table(
                engine, ensemble, table, form, file,
                complete=complete, begin=begin, advance=advance,
            )  # fmt: skip
    output.out.print(f"wrote {path}: {rows:,} rows, {decimal(path.stat().st_size)}")


def _format(out: str | None, given: str | None) -> str:
    """The format that was asked for, by name or by the name of the file."""
    suffix = Path(out or "").suffix.removeprefix(".")
    if given is not None or not suffix:
        chosen = given or ("csv" if out == STANDARD_OUTPUT else "parquet")
    else:
        chosen = suffix
    if chosen not in FORMATS:
        raise choice_error("format", chosen, FORMATS)
    if out == STANDARD_OUTPUT and chosen not in TEXT_FORMATS:
        raise UsageError(f"--out - takes {' or '.join(TEXT_FORMATS)}, not {chosen}: name a file")
    return chosen


@contextmanager
def _progress() -> Iterator[tuple[Begin, Advance]]:
    """A bar on a terminal, nothing elsewhere."""
    bar = Progress(
        TextColumn("{task.completed:,.0f} rows"),
        BarColumn(),
        TimeRemainingColumn(compact=True),
        console=output.err,
        transient=True,
        disable=not output.err.is_terminal,
    )
    with bar:
        task = bar.add_task("rows", total=None)
        yield (
            lambda rows: bar.update(task, total=rows),
            lambda rows: bar.advance(task, rows),
        )
