"""The stream of one run's evaluations to the database, from a thread of its own."""

import logging
import threading
from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from tracker.db.patience import AWAY, patiently
from tracker.errors import RunLostError
from tracker.logs import log_event
from tracker.outcomes.layout import Layout
from tracker.outcomes.writer import EvaluationRecord, record_evaluations
from tracker.runs import Claim

logger = logging.getLogger(__name__)

LIMIT = 64 * 2**20
"""Bytes of evaluations that a writer holds: a thousand or more of 50,000 examples."""


class OutcomeWriter:
    """Writes a run's evaluations in the background, in order.

    What has come in while the one transaction was written goes into the next, together: where
    evaluations come faster than transactions, commits and round trips are shared. No more than
    `limit` bytes are held, or a single evaluation: a slow database slows training down and never
    fills memory.

    A database that is away is waited for, `patience` seconds a transaction: the training waits too,
    and goes on where it was.

    Use as a context manager; leaving it normally waits until everything is written.
    """

    def __init__(
        self,
        engine: Engine,
        claim: Claim,
        layout: Layout,
        limit: int = LIMIT,
        patience: float = 0.0,
    ) -> None:
        self._engine = engine
        self._patience = patience
        self._abandoned = False
        self._claim = claim
        self._layout = layout
        self._limit = limit
        self._waiting: list[EvaluationRecord] = []
        self._held = 0
        """Bytes of what waits and of what is being written."""
        self._closed = False
        self._error: BaseException | None = None
        self._cancel = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="outcome-writer", daemon=True)
        self._thread.start()

    @property
    def cancel_requested(self) -> bool:
        """Was the run to be cancelled when its last evaluation was written?"""
        return self._cancel

    def put(self, record: EvaluationRecord) -> None:
        """Hand over an evaluation; waits while too much is waiting to be written.

        Raises
        ------
        Exception
            Whatever ended the writer: RunLostError, ReplayError, or the database's.
        """
        size = record.nbytes
        self._wait(lambda: self._held == 0 or self._held + size <= self._limit)
        with self._changed:
            self._waiting.append(record)
            self._held += size
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until everything handed over is committed; raises as `put` does."""
        self._wait(lambda: self._held == 0)

    def close(self) -> None:
        """Wait until everything handed over is committed, and end; raises as `put` does."""
        self._stop()
        self._raise_error()

    def __enter__(self) -> "OutcomeWriter":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self.close()
        else:
            self._abandoned = True
            self._stop()

    def _stop(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _wait(self, ready: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or ready())
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while records := self._take():
                self._write(records)
                self._release(records)
        except BaseException as error:  # raised again in the training thread
            with self._changed:
                self._error = error
                self._waiting.clear()
                self._changed.notify_all()

    def _take(self) -> list[EvaluationRecord]:
        """All that waits, once something does; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            records, self._waiting = self._waiting, []
        return records

    def _release(self, records: Sequence[EvaluationRecord]) -> None:
        with self._changed:
            self._held -= sum(record.nbytes for record in records)
            self._changed.notify_all()

    def _write(self, records: Sequence[EvaluationRecord]) -> None:
        try:
            self._commit(records)
        except (RunLostError, *AWAY):
            raise
        except Exception:
            if len(records) == 1:
                raise
            # What came before the one that cannot be written is recorded all the same.
            for record in records:
                self._commit([record])

    def _commit(self, records: Sequence[EvaluationRecord]) -> None:
        def transaction() -> bool:
            with self._engine.begin() as connection:
                return record_evaluations(connection, self._claim, self._layout, records)

        cancel = patiently(transaction, self._patience, stop=lambda: self._abandoned)
        self._cancel = self._cancel or cancel
        for record in records:
            log_event(
                logger, "evaluation", self._claim.run_id, "run %d: evaluation %d is recorded",
                *(self._claim.run_id, record.evaluation),
                level=logging.DEBUG, attempt=self._claim.attempt, evaluation=record.evaluation,
                step=record.step, epoch=record.epoch, train_loss=record.train_loss,
            )  # fmt: skip
