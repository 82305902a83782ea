"""A row per outcome in the same PostgreSQL server, in its best form.

Columns are ordered so that none is padded, there is no primary key, and COPY in its binary form
loads each run at once. The one index, for looking up an example, is made afterwards.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import psycopg
from psycopg import errors
from sqlalchemy import URL

from benchmarks.content import Content
from benchmarks.timing import Figure, Unanswered
from tracker.db.engine import libpq_url
from tracker.outcomes.packing import COPY_HEADER, COPY_TRAILER

_CREATE = """
    CREATE TABLE outcome_row (
        example INTEGER NOT NULL,
        run SMALLINT NOT NULL,
        evaluation SMALLINT NOT NULL,
        predicted SMALLINT NOT NULL,
        correct BOOLEAN NOT NULL
    )
"""

# Sorting and hashing in memory, and as many parallel workers as DuckDB has threads, also where the
# server's defaults are lower.
_SESSION = "SET work_mem = '1GB'; SET max_parallel_workers_per_gather = 2"

# COPY's binary form: the number of fields, then each field after its length in bytes.
_COPY_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("example_bytes", ">i4"),
        ("example", ">i4"),
        ("run_bytes", ">i4"),
        ("run", ">i2"),
        ("evaluation_bytes", ">i4"),
        ("evaluation", ">i2"),
        ("predicted_bytes", ">i4"),
        ("predicted", ">i2"),
        ("correct_bytes", ">i4"),
        ("correct", "i1"),
    ]
)


@dataclass(frozen=True)
class Copied:
    """What loading cost; bytes are of one outcome."""

    rate: Figure
    table_bytes: float
    index_bytes: float


class Rows:
    """All outcomes as rows of one table in a database of its own."""

    name = "rows"

    def __init__(self, url: URL, content: Content, seconds: float) -> None:
        self._url = libpq_url(url)
        self._content = content
        self._seconds = seconds

    def write(self) -> Copied:
        """Load all runs, one COPY each; what is sent is made beforehand."""
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            connection.execute(_CREATE)
            seconds = [self._copy(connection, run) for run in range(self._content.runs)]
            connection.execute("CREATE INDEX outcome_row_example_idx ON outcome_row (example)")
            connection.execute("VACUUM (ANALYZE) outcome_row")
            sizes = connection.execute(
                "SELECT pg_table_size('outcome_row'), pg_indexes_size('outcome_row')"
            ).fetchone()
        assert sizes is not None  # noqa: S101 (for the type checker: a SELECT without FROM)
        each = self._content.examples * self._content.evaluations
        return Copied(
            rate=Figure.of([each / one for one in seconds]),
            table_bytes=sizes[0] / self._content.outcomes,
            index_bytes=sizes[1] / self._content.outcomes,
        )

    def _copy(self, connection: psycopg.Connection, run: int) -> float:
        parts = [part.tobytes() for part in copy_parts(self._content, run)]
        began = perf_counter()
        with connection.cursor().copy(
            "COPY outcome_row (example, run, evaluation, predicted, correct) "
            "FROM STDIN (FORMAT binary)"
        ) as copy:
            copy.write(COPY_HEADER)
            for part in parts:
                copy.write(part)
            copy.write(COPY_TRAILER)
        return perf_counter() - began

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """A connection to ask questions on."""
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            connection.execute(_SESSION)
            connection.execute(f"SET statement_timeout = '{self._seconds:g}s'")
            yield Session(connection, self._seconds)


@dataclass(frozen=True)
class Session:
    """One connection."""

    connection: psycopg.Connection
    seconds: float

    def answer(self, sql: str) -> tuple[object, ...]:
        """The one row that `sql` gives; `Unanswered` if it takes too long."""
        try:
            row = self.connection.execute(sql, prepare=False).fetchone()
        except errors.QueryCanceled:
            raise Unanswered(f"> {self.seconds:g} s") from None
        return tuple(row or ())


def copy_parts(content: Content, run: int) -> Iterator[np.ndarray]:
    """The rows of one run as COPY takes them, an array of `_COPY_ROW` for each evaluation."""
    labels = content.labels
    for evaluation, predicted in enumerate(content.run(run), start=1):
        part = np.empty(content.examples, _COPY_ROW)
        part["fields"] = 5
        for name, kind in (("example", 4), ("run", 2), ("evaluation", 2), ("predicted", 2)):
            part[f"{name}_bytes"] = kind
        part["correct_bytes"] = 1
        part["example"] = np.arange(content.examples)
        part["run"] = run
        part["evaluation"] = evaluation
        part["predicted"] = predicted
        part["correct"] = predicted == labels
        yield part
