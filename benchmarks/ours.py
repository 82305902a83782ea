"""tracker: written by the worker's writer, read through the views as users type them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import errors
from sqlalchemy import Connection, Engine, text

from benchmarks.content import Content
from benchmarks.memory import PeakMemory
from benchmarks.queries.query import ENSEMBLE
from benchmarks.recorded import RECORDED, Signals, held_out_of, outputs_of, signals_of
from benchmarks.servers import settle
from benchmarks.timing import Figure, Unanswered, seconds_of
from tracker.analysis import analyze
from tracker.datasets import Dataset, ImageSplit
from tracker.deletion import delete_ensemble, give_back_space
from tracker.ensembles import enqueue_runs
from tracker.outcomes.held_out import write_held_out
from tracker.outcomes.layout import plane_count
from tracker.outcomes.packing import pack_outcomes
from tracker.outcomes.stream import OutcomeWriter
from tracker.outcomes.writer import EvaluationRecord
from tracker.registry import RegisteredDataset, register_dataset
from tracker.reports import compare
from tracker.runs import claim_run, finish
from tracker.spans import Span
from tracker.specs import EnsembleSpec, Recipe

_TABLE_BYTES = """
    SELECT sum(pg_total_relation_size(c.oid))
    FROM pg_class AS c
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
"""


SCORE = "ensemble-agreement"
"""The score that an analysis task computes."""


@dataclass(frozen=True)
class Written:
    """What writing cost.

    Attributes
    ----------
    rate
        Outcomes a second of each run, from predicted classes to committed.
    packing
        Outcomes a second of the packing alone, which is part of it.
    bytes_per_outcome
        Of the tables of outcomes and evaluations with everything that belongs to them.
    bytes_in_all
        Of all tables: dataset, examples, ensembles and runs as well.
    """

    rate: Figure
    packing: Figure
    bytes_per_outcome: float
    bytes_in_all: float


@dataclass(frozen=True)
class Deletion:
    """Seconds that `tracker delete` takes, its two parts apart.

    Attributes
    ----------
    rows
        Until everything of the ensemble is gone.
    space
        Of the vacuum afterwards, which also reads what others have written since the last one.
    """

    rows: float
    space: float

    @property
    def seconds(self) -> float:
        """Both."""
        return self.rows + self.space

    def __str__(self) -> str:
        """Give both parts."""
        return f"rows {self.rows:.2f} s, vacuum {self.space:.2f} s"


class Ours:
    """One ensemble in a database.

    With `recording`, its runs record signals and outputs too, and hold out a tenth each.
    """

    name = "tracker"

    def __init__(
        self,
        engine: Engine,
        content: Content,
        ensemble: str = ENSEMBLE,
        *,
        recording: bool = False,
    ) -> None:
        self._engine = engine
        self._content = content
        self._ensemble = ensemble
        self._recording = recording
        self._first_run = 0

    def write(self) -> Written:
        """Write all runs one after the other, each as a worker does."""
        with self._engine.begin() as connection:
            dataset = register_dataset(connection, _dataset(self._content))
            enqueued = enqueue_runs(
                *(connection, self._ensemble, _spec(self._content, dataset.name), dataset),
                *(range(self._content.runs), "bench"),
            )
        self._first_run = min(enqueued.added)
        seconds = [
            self._write_run(run, run_id, dataset) for run, run_id in enumerate(enqueued.added)
        ]
        settle(self._engine)
        each = self._content.examples * self._content.evaluations
        return Written(
            rate=Figure.of([each / whole for whole, _ in seconds]),
            packing=Figure.of([each / packing for _, packing in seconds]),
            bytes_per_outcome=self._bytes("AND c.relname IN ('outcome_block', 'evaluation')"),
            bytes_in_all=self._bytes(""),
        )

    def analyze(self) -> float:
        """Seconds to compute ensemble agreement from the outputs."""
        return seconds_of(lambda: analyze(self._engine, self._ensemble, SCORE))[0]

    def scores(self) -> NDArray[np.float32]:
        """Ensemble agreement of each example, as computed, float32 [N]."""
        query = text(
            "SELECT ensemble_agreement::REAL FROM ensemble_agreement WHERE ensemble = :ensemble "
            "ORDER BY example_id"
        )
        with self._engine.connect() as connection:
            told = connection.scalars(query, {"ensemble": self._ensemble}).all()
        return np.array(told, np.float32)

    def compare(self, other: str) -> float:
        """Seconds of what `tracker compare` asks of this ensemble and another one."""
        return seconds_of(lambda: compare(self._engine, self._ensemble, other))[0]

    def delete(self) -> Deletion:
        """Delete the ensemble and give its space back, as `tracker delete` does."""

        def rows() -> None:
            with self._engine.begin() as connection:
                delete_ensemble(connection, self._ensemble)

        rows_seconds, _ = seconds_of(rows)
        space_seconds, _ = seconds_of(lambda: give_back_space(self._engine, dataset=True))
        return Deletion(rows_seconds, space_seconds)

    def _write_run(self, run: int, run_id: int, dataset: RegisteredDataset) -> tuple[float, float]:
        """Seconds of writing run number `run`, and of the packing in it."""
        predicted = self._content.run(run)
        labels = self._content.labels.astype(predicted.dtype)
        planes = plane_count(self._content.classes)
        packing = 0.0
        signals = signals_of(self._content, run) if self._recording else None
        with self._engine.begin() as connection:
            claim = claim_run(connection, run_id, "bench:1")
            if claim is None:
                raise RuntimeError(f"run {run_id} is not there to be claimed")
            if self._recording:
                held_out = held_out_of(self._content, run)
                write_held_out(connection, run_id, dataset.layout, held_out)
        began = perf_counter()
        with OutcomeWriter(self._engine, claim, dataset.layout) as writer:
            for evaluation in range(1, self._content.evaluations + 1):
                before = perf_counter()
                packed = pack_outcomes(predicted[evaluation - 1], labels, planes)
                packing += perf_counter() - before
                writer.put(
                    EvaluationRecord(
                        evaluation=evaluation,
                        step=evaluation,
                        epoch=float(evaluation),
                        train_loss=1 / evaluation,
                        packed=packed,
                        **_recorded_besides(self._content, run, evaluation, signals),
                    )
                )
        whole = perf_counter() - began
        with self._engine.begin() as connection:
            finish(connection, claim, "complete")
        return whole, packing

    def _bytes(self, which: str) -> float:
        with self._engine.connect() as connection:
            return int(connection.scalar(text(_TABLE_BYTES + which)) or 0) / self._content.outcomes

    @property
    def fields(self) -> dict[str, object]:
        """What only the database knows of the fields in the queries' SQL."""
        return {"first_run": self._first_run}

    @contextmanager
    def session(self) -> Iterator["Session"]:
        """A new connection to ask questions on; its backend ends with it."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with connection:
            yield Session(connection)
        self._engine.dispose()


@dataclass(frozen=True)
class Session:
    """One connection with the product's settings."""

    connection: Connection

    def answer(self, sql: str) -> tuple[object, ...]:
        """The one row that `sql` gives; `Unanswered` if a view of it is not there."""
        cursor: Any = self.connection.connection.cursor()
        try:
            cursor.execute(sql, prepare=False)  # as in psql
            return tuple(cursor.fetchone() or ())
        except (errors.UndefinedTable, errors.UndefinedColumn) as error:
            raise Unanswered(f"missing: {str(error).splitlines()[0]}") from None
        finally:
            cursor.close()

    def peak_memory(self, sql: str) -> int | None:
        """Peak private bytes of the processes that answer `sql`; None if they are not here."""
        pid = int(self.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        with PeakMemory(pid) as memory:
            self.answer(sql)
        return memory.peak


def _recorded_besides(
    content: Content, run: int, evaluation: int, signals: Signals | None
) -> dict[str, Any]:
    """What a record of one evaluation has besides outcomes: most of it at the last one."""
    if signals is None:
        return {}
    besides: dict[str, Any] = {"signals": {RECORDED: signals.recorded[evaluation - 1]}}
    if evaluation == content.evaluations:
        besides |= {"summaries": signals.summaries, "outputs": outputs_of(content, run)}
    return besides


def _dataset(content: Content) -> Dataset:
    """A training split whose pictures spell the examples' numbers, so that no two are the same."""
    pictures = np.arange(content.examples, dtype=">u4").view(np.uint8).reshape(-1, 2, 2, 1)
    split = ImageSplit.whole("synthetic", "train", pictures, content.labels)
    names = tuple(f"class {index}" for index in range(content.classes))
    return Dataset("synthetic", content.classes, names, {"train": split})


def _spec(content: Content, dataset: str) -> EnsembleSpec:
    """A recipe that such an ensemble could have had: as many epochs as there are evaluations."""
    return EnsembleSpec(
        dataset=dataset,
        arch="mlp-tiny",
        recipe=Recipe(
            length=Span(content.evaluations, "epoch"),
            batch_size=content.examples,
            optimizer="sgd",
            lr=0.1,
        ),
    )
