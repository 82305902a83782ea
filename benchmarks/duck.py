"""The same rows in DuckDB: in a file, with two threads."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.content import Content
from benchmarks.timing import Figure, seconds_of

THREADS = 2

_CREATE = """
    CREATE TABLE outcome_row (
        run SMALLINT, example INTEGER, evaluation SMALLINT, correct BOOLEAN, predicted SMALLINT
    )
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
        for run in range(self._content.runs):
            self._make_parquet(run)
        self._connection.execute(_CREATE)
        seconds, _ = seconds_of(self._load)
        for file in self._folder.glob("*.parquet"):
            file.unlink()
        size = self._file.stat().st_size
        outcomes = self._content.outcomes
        return Loaded(Figure.of([outcomes / seconds]), size / outcomes)

    def _load(self) -> None:
        self._connection.execute(
            f"INSERT INTO outcome_row SELECT * FROM read_parquet('{self._folder}/*.parquet')"
        )
        # What DuckDB finds by the name `labels`, among the variables of this function.
        labels = self._content.labels.astype(np.int16)  # noqa: F841
        self._connection.execute(
            "CREATE TABLE example_row AS "
            "SELECT (row_number() OVER () - 1)::INTEGER AS example, column0 AS label FROM labels"
        )
        self._connection.execute("CHECKPOINT")

    def _make_parquet(self, run: int) -> None:
        content = self._content
        predicted = content.run(run)
        # DuckDB finds the name `rows` among the variables of this function.
        rows = {  # noqa: F841
            "run": np.full(predicted.size, run, np.int16),
            "example": np.tile(np.arange(content.examples, dtype=np.int32), len(predicted)),
            "evaluation": np.repeat(
                np.arange(1, content.evaluations + 1, dtype=np.int16), content.examples
            ),
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
