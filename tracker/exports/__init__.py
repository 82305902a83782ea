"""Ensembles as files that other tools read.

    from tracker.exports import export
    with open("digits.parquet", "wb") as file:
        export(engine, "digits", "outcome", "parquet", file)

Everything is read at one moment, and streams: memory does not grow with the number of outcomes.
"""

from collections.abc import Callable
from typing import BinaryIO

from sqlalchemy import Connection, Engine

from tracker.errors import TrackerError, UsageError, choice_error
from tracker.exports import csv_text, json_lines, npz, outcomes, parquet
from tracker.exports.outcomes import outcome_source
from tracker.exports.source import Advance, Source
from tracker.exports.subject import Subject, find_subject
from tracker.exports.tables import view_source
from tracker.reports.absence import lacks_outcomes
from tracker.reports.ensembles import describe_ensemble
from tracker.reports.subject import no_outcomes, snapshot

FORMATS: dict[str, Callable[[Source, BinaryIO, Advance], int]] = {
    "parquet": parquet.write,
    "npz": npz.write,
    "csv": csv_text.write,
    "jsonl": json_lines.write,
}

TEXT_FORMATS = ("csv", "jsonl")
"""Those that a terminal or a pipe can take."""

DEFAULT_TABLE = outcomes.TABLE


def _nothing(_: float) -> None:
    pass


def export(
    engine: Engine,
    ensemble: str,
    table: str,
    form: str,
    file: BinaryIO,
    *,
    complete: bool = False,
    begin: Callable[[int | None], None] | None = None,
    advance: Advance = _nothing,
) -> int:
    """Write one table of an ensemble to an open file; the number of rows written.

    Parameters
    ----------
    table : str
        `outcome`, or any view with a column `ensemble` and no bitmaps.
    form : str
        One of FORMATS.
    complete : bool
        Of `outcome`, only what complete runs have recorded.
    begin, advance : callable, optional
        Called with the number of rows before the first, None if it is not known, and with the
        number of rows that have just been written.

    Raises
    ------
    NotFoundError
        If there is no such ensemble.
    UsageError
        If there is no such table or format, listing them; if the format cannot hold the table.
    TrackerError
        If no run has recorded anything, or with `complete` no complete one: a file without rows
        would be taken for an answer.
    CorruptOutcomesError
        If the stored outcomes are damaged.
    """
    if form not in FORMATS:
        raise choice_error("format", form, FORMATS)
    if complete and table != outcomes.TABLE:
        raise UsageError(f"--complete chooses among runs, of the table outcome only, not {table}")
    with snapshot(engine) as connection:
        subject = find_subject(connection, ensemble, complete=complete)
        if table == outcomes.TABLE:
            source = outcome_source(connection, subject)
        else:
            source = view_source(connection, subject, table)
        _check_recorded(connection, subject, table)
        if begin is not None:
            begin(source.rows)
        return FORMATS[form](source, file, advance)


def _check_recorded(connection: Connection, subject: Subject, table: str) -> None:
    # Outcomes of failed runs are exported too, which no view counts.
    is_outcome = table == outcomes.TABLE
    if is_outcome and subject.runs:
        return
    info = describe_ensemble(connection, subject.ensemble)
    if is_outcome and find_subject(connection, subject.ensemble, complete=False).runs:
        raise TrackerError(
            f"no run of ensemble {info.ensemble!r} is complete (runs: {info.states}): without "
            "--complete, what the others have recorded is exported"
        )
    if is_outcome or lacks_outcomes(connection, info, table):
        raise TrackerError(no_outcomes(info))
