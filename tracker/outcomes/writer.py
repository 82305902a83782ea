"""Writing evaluations: each whole, within one transaction, behind a fence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Text, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from tracker.db.models import Evaluation, OutcomeBlock, SignalBlock
from tracker.db.models import SignalSummary as SummaryRow
from tracker.errors import ReplayError
from tracker.outcomes.copying import copy_into
from tracker.outcomes.layout import Layout
from tracker.outcomes.outputs import differing_outputs, write_outputs
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
from tracker.runs import Claim, fence, stay

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
    outputs: NDArray[np.float32] | None = None
    """Softmax outputs float32 [X, K], of the last evaluation of a run that is to record them."""

    @property
    def nbytes(self) -> int:
        """Memory of its arrays and, roughly, of everything around them."""
        signals = sum(values.nbytes for values in self.signals.values())
        summaries = sum(one.mean.nbytes + one.deviation.nbytes for one in self.summaries.values())
        probes = 0 if self.probes is None else self.probes.nbytes
        outputs = 0 if self.outputs is None else self.outputs.nbytes
        return 1024 + self.packed.nbytes + signals + summaries + probes + outputs


def record_evaluations(
    connection: Connection, claim: Claim, layout: Layout, records: Sequence[EvaluationRecord]
) -> bool:
    """Write evaluations within the caller's transaction; True if cancelling was asked for.

    Writing one again checks that it says the same, and writes nothing but summaries that cover
    more than the run's.

    Raises
    ------
    RunLostError
        If the attempt no longer holds the run.
    ReplayError
        If an evaluation is already recorded with other outcomes, signals, probes or outputs.
    """
    cancel = fence(connection, claim)
    for record in insert_evaluations(connection, claim.run_id, layout, records):
        _check_outcomes(connection, claim, layout, record)
        _check_signals(connection, claim, layout, record)
        _check_probes(connection, claim, record)
        _check_outputs(connection, claim, layout, record)
        _write_summaries(connection, claim.run_id, layout, record.summaries)
    # Heartbeats have not waited for the run's row meanwhile.
    stay(connection, claim, max((record.step for record in records), default=0))
    return cancel


def insert_evaluations(
    connection: Connection, run_id: int, layout: Layout, records: Sequence[EvaluationRecord]
) -> list[EvaluationRecord]:
    """Write evaluations of a run that nobody else writes; those that are there already.

    Raises
    ------
    ValueError
        If a signal or summary has not one number an example, or outputs are of other examples.
    """
    created = set(
        connection.scalars(
            insert(Evaluation).on_conflict_do_nothing().returning(Evaluation.evaluation),
            [
                {
                    "run_id": run_id,
                    "evaluation": record.evaluation,
                    "step": record.step,
                    "epoch": record.epoch,
                    "train_loss": record.train_loss,
                    "checksum": checksum(record.packed),
                }
                for record in records
            ],
        )
    )
    new: list[EvaluationRecord] = []
    old: list[EvaluationRecord] = []
    for record in records:
        # Of two with one ordinal, the second is a replay of the first.
        (new if record.evaluation in created else old).append(record)
        created.discard(record.evaluation)
    if new:
        _copy_evaluations(connection, run_id, layout, new)
    return old


def _copy_evaluations(
    connection: Connection, run_id: int, layout: Layout, records: Sequence[EvaluationRecord]
) -> None:
    """One COPY a table, however many evaluations: each costs round trips of its own."""
    outcomes = (copy_rows(layout, run_id, one.evaluation, one.packed) for one in records)
    copy_into(connection, _OUTCOMES, chain.from_iterable(outcomes))
    if any(one.signals for one in records):
        signals = (signal_rows(layout, run_id, one.evaluation, one.signals) for one in records)
        copy_into(connection, _SIGNALS, chain.from_iterable(signals))
    for one in records:
        if one.probes is not None:
            write_probes(connection, run_id, layout, one.evaluation, one.probes)
        if one.outputs is not None:
            write_outputs(connection, run_id, layout, one.evaluation, one.outputs)
    # Later ones take the place of earlier ones.
    summaries = {name: summary for one in records for name, summary in one.summaries.items()}
    _write_summaries(connection, run_id, layout, summaries)


def drop_orphaned_summaries(connection: Connection, run_id: int) -> None:
    """Delete the summaries of a run that cover more evaluations than it has: they are of a history
    that was begun anew, or goes on from an earlier evaluation."""
    left = select(func.count()).where(Evaluation.run_id == run_id).scalar_subquery()
    orphaned = select(SummaryRow.signal).where(
        SummaryRow.run_id == run_id, SummaryRow.evaluations > left
    )
    _forget_summaries(connection, run_id, connection.scalars(orphaned.distinct()).all())


def _forget_summaries(connection: Connection, run_id: int, signals: Iterable[str]) -> None:
    # By a function of the schema: workers have no right to delete.
    names = list(signals)
    if names:
        connection.execute(select(func.forget_summaries(run_id, cast(names, ARRAY(Text)))))


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
    _forget_summaries(connection, run_id, covered.keys() & ahead.keys())
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


def _check_outputs(
    connection: Connection, claim: Claim, layout: Layout, record: EvaluationRecord
) -> None:
    place = differing_outputs(connection, claim.run_id, layout, record.evaluation, record.outputs)
    if place is not None:
        raise _replay_error(claim, record, place)


def _replay_error(claim: Claim, record: EvaluationRecord, place: str) -> ReplayError:
    return ReplayError(
        f"run {claim.run_id}, attempt {claim.attempt}: evaluation {record.evaluation} "
        f"differs from the recorded one in {place}; training did not repeat "
        "itself (other hardware, thread count or versions?)"
    )
