"""Writing evaluations: each in one transaction, behind a fence, from a thread of its own."""

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from tracker.db.models import Evaluation, OutcomeBlock, SignalBlock
from tracker.db.models import SignalSummary as SummaryRow
from tracker.errors import ReplayError
from tracker.outcomes.copying import copy_into
from tracker.outcomes.layout import Layout
from tracker.outcomes.packing import (
    block_slices,
    block_values,
    checksum,
    copy_rows,
    planes_text,
    real_array,
    signal_rows,
    summary_rows,
)
from tracker.outcomes.probes import ProbeRecord, differing_probes, write_probes
from tracker.outcomes.signals import SignalSummary
from tracker.runs import Claim, fence

_OUTCOMES = "outcome_block (run_id, block, evaluation, correct, predicted)"
_SIGNALS = "signal_block (run_id, block, signal, evaluation, value)"
_SUMMARIES = "signal_summary (run_id, block, signal, evaluations, mean, deviation)"


@dataclass(frozen=True)
class EvaluationRecord:
    """All outcomes of one evaluation of one run."""

    evaluation: int
    """Ordinal; 0 is the untrained network."""
    step: int
    epoch: float
    train_loss: float | None
    packed: NDArray[np.uint8]
    """Packed outcomes of all splits, uint8 [1 + planes, bytes]; see `outcomes.packing`. [1, bytes]
    where the predicted classes are not known."""
    signals: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """What is recorded besides, by name: float32 [X], all examples in storage order."""
    summaries: Mapping[str, SignalSummary] = field(default_factory=dict)
    """Summaries up to this evaluation, by signal; they take the place of the run's earlier ones."""
    probes: ProbeRecord | None = None
    """What k-NN probes say, where the evaluation was probed."""


def record_evaluation(
    connection: Connection, claim: Claim, layout: Layout, record: EvaluationRecord
) -> bool:
    """Write one evaluation within the caller's transaction; True if cancelling was asked for.

    Writing it again checks that it says the same, and writes nothing but summaries that cover
    more than the run's.

    Raises
    ------
    RunLostError
        If the attempt no longer holds the run.
    ReplayError
        If the evaluation is already recorded with other outcomes, signals or probes.
    """
    cancel = fence(connection, claim)
    if not insert_evaluation(connection, claim.run_id, layout, record):
        _check_outcomes(connection, claim, layout, record)
        _check_signals(connection, claim, layout, record)
        _check_probes(connection, claim, record)
        _write_summaries(connection, claim.run_id, layout, record.summaries)
    return cancel


def insert_evaluation(
    connection: Connection, run_id: int, layout: Layout, record: EvaluationRecord
) -> bool:
    """Write one evaluation of a run that nobody else writes; False if it is there already.

    Raises
    ------
    ValueError
        If a signal or summary has not one number an example.
    """
    created = connection.scalar(
        insert(Evaluation)
        .values(
            run_id=run_id,
            evaluation=record.evaluation,
            step=record.step,
            epoch=record.epoch,
            train_loss=record.train_loss,
            checksum=checksum(record.packed),
        )
        .on_conflict_do_nothing()
        .returning(Evaluation.evaluation)
    )
    if created is None:
        return False
    key = (layout, run_id, record.evaluation)
    copy_into(connection, _OUTCOMES, copy_rows(*key, record.packed))
    if record.signals:
        copy_into(connection, _SIGNALS, signal_rows(*key, record.signals))
    if record.probes is not None:
        write_probes(connection, run_id, layout, record.evaluation, record.probes)
    _write_summaries(connection, run_id, layout, record.summaries)
    return True


def drop_orphaned_summaries(connection: Connection, run_id: int) -> None:
    """Delete the summaries of a run without evaluations: they are of a history begun anew."""
    evaluations = select(Evaluation.run_id).where(Evaluation.run_id == run_id)
    connection.execute(delete(SummaryRow).where(SummaryRow.run_id == run_id, ~evaluations.exists()))


def _write_summaries(
    connection: Connection, run_id: int, layout: Layout, summaries: Mapping[str, SignalSummary]
) -> None:
    if not summaries:
        return
    covered = {
        row.signal: row.evaluations
        for row in connection.execute(
            select(SummaryRow.signal, func.max(SummaryRow.evaluations).label("evaluations"))
            .where(SummaryRow.run_id == run_id)
            .group_by(SummaryRow.signal)
        )
    }
    # A repeated attempt is behind what it repeats for a while.
    ahead = {
        name: summary
        for name, summary in summaries.items()
        if summary.evaluations > covered.get(name, 0)
    }
    connection.execute(
        delete(SummaryRow).where(SummaryRow.run_id == run_id, SummaryRow.signal.in_(ahead))
    )
    copy_into(connection, _SUMMARIES, summary_rows(layout, run_id, ahead))


def _check_outcomes(
    connection: Connection, claim: Claim, layout: Layout, record: EvaluationRecord
) -> None:
    rows = connection.execute(
        select(OutcomeBlock.block, OutcomeBlock.correct, OutcomeBlock.predicted).where(
            OutcomeBlock.run_id == claim.run_id, OutcomeBlock.evaluation == record.evaluation
        )
    )
    stored = {row.block: [row.correct, *(row.predicted or [])] for row in rows}
    for block, columns in block_slices(layout):
        if stored.get(block.block) != planes_text(record.packed[:, columns], block.size):
            raise _replay_error(claim, record, f"block {block.block}")


def _check_signals(
    connection: Connection, claim: Claim, layout: Layout, record: EvaluationRecord
) -> None:
    # Digests, because the numbers themselves may be many megabytes.
    rows = connection.execute(
        select(
            SignalBlock.signal,
            SignalBlock.block,
            func.sha256(func.array_send(SignalBlock.value)).label("digest"),
        ).where(SignalBlock.run_id == claim.run_id, SignalBlock.evaluation == record.evaluation)
    )
    stored = {(row.signal, row.block): bytes(row.digest) for row in rows}
    for name, values in record.signals.items():
        for block, part in block_values(layout, name, values):
            if stored.pop((name, block.block), None) != sha256(real_array(part)).digest():
                raise _replay_error(claim, record, f"{name} of block {block.block}")
    for name, number in stored:
        raise _replay_error(claim, record, f"{name} of block {number}")


def _check_probes(connection: Connection, claim: Claim, record: EvaluationRecord) -> None:
    place = differing_probes(connection, claim.run_id, record.evaluation, record.probes)
    if place is not None:
        raise _replay_error(claim, record, place)


def _replay_error(claim: Claim, record: EvaluationRecord, place: str) -> ReplayError:
    return ReplayError(
        f"run {claim.run_id}, attempt {claim.attempt}: evaluation {record.evaluation} "
        f"differs from the recorded one in {place}; training did not repeat "
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
