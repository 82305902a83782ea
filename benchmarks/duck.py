"""The same rows in DuckDB: in a file, with two threads."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.content import Content
from benchmarks.recorded import SUMMARISED, held_out_of, signals_of
from benchmarks.timing import Figure, seconds_of

THREADS = 2

_CREATE = """
    CREATE TABLE {table} (
        run SMALLINT, example INTEGER, evaluation SMALLINT, correct BOOLEAN, predicted SMALLINT
    )
"""

_CREATE_RECORDED = """
    CREATE TABLE summary_row (
        run SMALLINT, example INTEGER, signal TINYINT, mean FLOAT, deviation FLOAT
    );
    CREATE TABLE el2n_row (run SMALLINT, example INTEGER, evaluation SMALLINT, el2n FLOAT);
    CREATE TABLE held_out_row (run SMALLINT, example INTEGER);
    CREATE TABLE score_row (example INTEGER, agreement FLOAT);
"""


@dataclass(frozen=True)
class Loaded:
    """What loading from Parquet cost."""

    rate: Figure
    bytes_per_outcome: float


class Duck:
    """All outcomes as rows of one table in a DuckDB file below `folder`."""

    name = "DuckDB"

    def __init__(self, folder: Path, content: Content) -> None:
        import duckdb

        self._folder = folder
        self._file = folder / "outcome.duckdb"
        self._content = content
        self._connection = duckdb.connect(self._file, config={"threads": THREADS})

    def write(self) -> Loaded:
        """Load all runs in one statement from Parquet files, one a run, that are made beforehand.

        That is its fastest way in: a statement a run, or NumPy arrays, take up to twice as long.
        """
        seconds = self._write_runs(self._content, "outcome_row")
        # What DuckDB finds by the name `labels`, among the variables of this function.
        labels = self._content.labels.astype(np.int16)  # noqa: F841
        self._connection.execute(
            "CREATE TABLE example_row AS "
            "SELECT (row_number() OVER () - 1)::INTEGER AS example, column0 AS label FROM labels"
        )
        self._connection.execute("CHECKPOINT")
        size = self._file.stat().st_size
        outcomes = self._content.outcomes
        return Loaded(Figure.of([outcomes / seconds]), size / outcomes)

    def write_second(self, others: Content, scores: NDArray[np.float32]) -> None:
        """Load a second ensemble's outcomes, and what its runs record besides, without a clock."""
        self._write_runs(others, "other_row")
        self._connection.execute(_CREATE_RECORDED)
        example = np.arange(others.examples, dtype=np.int32)
        for run in range(others.runs):
            self._insert_recorded(others, run, example)
        self._insert("score_row", example=example, agreement=scores)
        self._connection.execute("CHECKPOINT")

    def _insert_recorded(self, content: Content, run: int, example: NDArray[np.int32]) -> None:
        """Signals of one run, and what it held out."""
        signals = signals_of(content, run)
        for number, name in enumerate(SUMMARISED):
            one = signals.summaries[name]
            self._insert(
                "summary_row",
                run=np.full(content.examples, run, np.int16),
                example=example,
                signal=np.full(content.examples, number, np.int8),
                mean=one.mean.astype(np.float32),
                deviation=one.deviation.astype(np.float32),
            )
        self._insert(
            "el2n_row",
            run=np.full(signals.recorded.size, run, np.int16),
            example=np.tile(example, content.evaluations),
            evaluation=_evaluations(content),
            el2n=signals.recorded.ravel(),
        )
        held_out = example[held_out_of(content, run)]
        self._insert("held_out_row", run=np.full(held_out.size, run, np.int16), example=held_out)

    def _insert(self, table: str, **rows: NDArray[Any]) -> None:
        # DuckDB finds the name `rows` among the variables of this function.
        self._connection.execute(f"INSERT INTO {table} SELECT {', '.join(rows)} FROM rows")

    def _write_runs(self, content: Content, table: str) -> float:
        """Seconds that it takes to load all runs."""
        for run in range(content.runs):
            self._make_parquet(content, run)
        self._connection.execute(_CREATE.format(table=table))
        seconds, _ = seconds_of(partial(self._load, table))
        for file in self._folder.glob("*.parquet"):
            file.unlink()
        return seconds

    def _load(self, table: str) -> None:
        self._connection.execute(
            f"INSERT INTO {table} SELECT * FROM read_parquet('{self._folder}/*.parquet')"
        )
        self._connection.execute("CHECKPOINT")

    def _make_parquet(self, content: Content, run: int) -> None:
        predicted = content.run(run)
        # DuckDB finds the name `rows` among the variables of this function.
        rows = {  # noqa: F841
            "run": np.full(predicted.size, run, np.int16),
            "example": np.tile(np.arange(content.examples, dtype=np.int32), len(predicted)),
            "evaluation": _evaluations(content),
            "correct": (predicted == content.labels).ravel(),
            "predicted": predicted.ravel().astype(np.int16),
        }
        file = self._folder / f"{run:06}.parquet"
        self._connection.execute(f"COPY (SELECT * FROM rows) TO '{file}' (FORMAT parquet)")

    def answer(self, sql: str) -> tuple[object, ...]:
        """The one row that `sql` gives."""
        row = self._connection.execute(sql).fetchone()
        return tuple(row or ())

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _evaluations(content: Content) -> NDArray[np.int16]:
    """The evaluation of each row of a run, evaluation by evaluation."""
    return np.repeat(np.arange(1, content.evaluations + 1, dtype=np.int16), content.examples)
