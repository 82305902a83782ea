"""Writing evaluations: each in one transaction, behind a fence, from a thread of its own."""

import queue
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert

from tracker.db.models import Evaluation, OutcomeBlock
from tracker.errors import ReplayError
from tracker.outcomes.layout import Layout
from tracker.outcomes.packing import (
    COPY_HEADER,
    COPY_TRAILER,
    block_slices,
    copy_rows,
    planes_text,
)
from tracker.runs import Claim, fence

_COPY = (
    "COPY outcome_block (run_id, block, evaluation, correct, predicted) FROM STDIN (FORMAT binary)"
)


@dataclass(frozen=True)
class EvaluationRecord:
    """All outcomes of one evaluation of one run."""

    evaluation: int
    """Ordinal; 0 is the untrained network."""
    step: int
    epoch: float
    train_loss: float | None
    packed: NDArray[np.uint8]
    """Packed outcomes of all splits, uint8 [1 + planes, bytes]; see `outcomes.packing`."""


def record_evaluation(
    connection: Connection, claim: Claim, layout: Layout, record: EvaluationRecord
) -> bool:
    """Write one evaluation within the caller's transaction; True if cancelling was asked for.

    Writing it again writes nothing, and checks that it says the same.

    Raises
    ------
    RunLostError
        If the attempt no longer holds the run.
    ReplayError
        If the evaluation is already recorded with other outcomes.
    """
    cancel = fence(connection, claim)
    created = connection.scalar(
        insert(Evaluation)
        .values(
            run_id=claim.run_id,
            evaluation=record.evaluation,
            step=record.step,
            epoch=record.epoch,
            train_loss=record.train_loss,
        )
        .on_conflict_do_nothing()
        .returning(Evaluation.evaluation)
    )
    if created is None:
        _check_replay(connection, claim, layout, record)
        return cancel
    with connection.connection.cursor().copy(_COPY) as copy:
        copy.write(COPY_HEADER)
        for row in copy_rows(layout, claim.run_id, record.evaluation, record.packed):
            copy.write(row)
        copy.write(COPY_TRAILER)
    return cancel


def _check_replay(
    connection: Connection, claim: Claim, layout: Layout, record: EvaluationRecord
) -> None:
    rows = connection.execute(
        select(OutcomeBlock.block, OutcomeBlock.correct, OutcomeBlock.predicted).where(
            OutcomeBlock.run_id == claim.run_id, OutcomeBlock.evaluation == record.evaluation
        )
    )
    stored = {row.block: [row.correct, *row.predicted] for row in rows}
    for block, columns in block_slices(layout):
        if stored.get(block.block) != planes_text(record.packed[:, columns], block.size):
            raise ReplayError(
                f"run {claim.run_id}, attempt {claim.attempt}: evaluation {record.evaluation} "
                f"differs from the recorded one in block {block.block}; training did not repeat "
                "itself (other hardware, thread count or versions?)"
            )


class OutcomeWriter:
    """Writes a run's evaluations in the background, in order.

    At most `depth` evaluations wait: a slow database slows training down and never fills memory.
    Use as a context manager; leaving it normally waits until everything is written.
    """

    def __init__(self, engine: Engine, claim: Claim, layout: Layout, depth: int = 2) -> None:
        self._engine = engine
        self._claim = claim
        self._layout = layout
        self._queue: queue.Queue[EvaluationRecord | None] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._cancel = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outcome-writer", daemon=True)
        self._thread.start()

    @property
    def cancel_requested(self) -> bool:
        """Was the run to be cancelled when its last evaluation was written?"""
        return self._cancel.is_set()

    def put(self, record: EvaluationRecord) -> None:
        """Hand over an evaluation; waits while too many are waiting to be written.

        Raises
        ------
        Exception
            Whatever ended the writer: RunLostError, ReplayError, or the database's.
        """
        self._raise_error()
        self._queue.put(record)

    def close(self) -> None:
        """Wait until everything handed over is written; raises as `put` does."""
        self._stop()
        self._raise_error()

    def __enter__(self) -> "OutcomeWriter":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self.close()
        else:
            self._stop()

    def _stop(self) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (record := self._queue.get()) is not None:
            # After an error the queue is still emptied, so that `put` cannot wait for ever.
            if self._error is None:
                self._write(record)

    def _write(self, record: EvaluationRecord) -> None:
        try:
            with self._engine.begin() as connection:
                if record_evaluation(connection, self._claim, self._layout, record):
                    self._cancel.set()
        except BaseException as error:  # raised again in the training thread
            self._error = error
