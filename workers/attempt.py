"""One attempt at a run: from a checkpoint or the start, outcomes streamed, to its end."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine

from tracker import runs
from tracker.checkpoints import CheckpointFolder
from tracker.curriculum.plan import Examples
from tracker.curriculum.records import load_snapshot
from tracker.db.patience import patiently
from tracker.errors import DatasetMismatchError, RunLostError
from tracker.events import note_event
from tracker.logs import log_event
from tracker.outcomes.held_out import write_held_out
from tracker.outcomes.stream import OutcomeWriter
from tracker.outcomes.writer import drop_orphaned_summaries
from tracker.registry import get_dataset
from tracker.settings import Settings
from workers.checkpoints import Checkpoints, Found
from workers.data import TensorDataset, load_tensors
from workers.device import choose_device, provenance
from workers.heartbeat import Heartbeat
from workers.state import TrainingState
from workers.summaries import SignalStatistics
from workers.training import train

logger = logging.getLogger(__name__)

PATIENCE = 10
"""A database that is away is waited for so many times as long as a silent run is left alone. If
only this worker is cut off, its run is soon another's; if all are, nobody loses anything."""


class Attempt:
    """One attempt at a run, from its claim to its end."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        claim: runs.Claim,
        checkpoints: CheckpointFolder,
        draining: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._claim = claim
        self._folder = checkpoints
        self._draining = draining
        self._patience = PATIENCE * settings.stale_seconds

    def train(self) -> str:
        """Train and record; how the attempt ended, as `work` says it."""
        claim, spec, device = self._claim, self._claim.spec, choose_device()
        # The heartbeat starts before the data is loaded: a first download takes its time.
        with Heartbeat(self._engine, claim, self._settings.heartbeat_seconds) as heart:
            data = load_tensors(spec.dataset_name, self._settings.data_folder, device)
            _check_identity(claim, data)
            runs_on = provenance(device)
            often = self._settings.checkpoint_seconds
            checkpoints = Checkpoints(self._folder, claim, runs_on, often)
            found = self._begin(checkpoints, runs_on, len(data.train))
            state = TrainingState(spec, data, claim.seed, self._curriculum_examples())
            statistics = SignalStatistics(spec.recording.signals)
            if found is not None:
                checkpoints.go_on(found, state, statistics)
            per_step = spec.trained_on(len(data.train)) / state.schedule.steps_per_epoch
            heart.begin_training(per_step, state.step)
            ended = self._record(state, statistics, checkpoints, heart)
        if ended == "queued":
            return self._end(lambda to: runs.give_back(to, claim, "its worker stops"), ended)
        return self._end(lambda to: runs.finish(to, claim, ended), ended)

    def _begin(
        self, checkpoints: Checkpoints, runs_on: Mapping[str, Any], examples: int
    ) -> Found | None:
        """Store that the attempt begins, and from which checkpoint it goes on, if any fits."""
        claim, spec = self._claim, self._claim.spec
        with self._engine.connect() as connection:
            recorded = runs.recorded_checksums(connection, claim.run_id)
        found = checkpoints.find(recorded)
        with self._engine.begin() as connection:
            resumed = None if found is None else found.evaluation
            deleted = runs.begin(connection, claim, runs_on, resumed)
            drop_orphaned_summaries(connection, claim.run_id)
            self._layout = get_dataset(connection, spec.dataset_name).layout
            held_out = spec.held_out(claim.seed, examples)
            write_held_out(connection, claim.run_id, self._layout, held_out)
        if found is not None:
            message = "run %d goes on from evaluation %d"
            told = {"evaluation": found.evaluation, "deleted": deleted}
            self._tell("resumed", message, claim.run_id, found.evaluation, **told)
        elif deleted:
            message = "run %d begins anew: %d evaluations are deleted"
            self._tell("begun_anew", message, claim.run_id, deleted, deleted=deleted)
        return found

    def _curriculum_examples(self) -> Examples | None:
        curriculum = self._claim.spec.curriculum
        if curriculum is None:
            return None
        with self._engine.connect() as connection:
            return load_snapshot(connection, bytes.fromhex(curriculum.snapshot))

    def _record(
        self,
        state: TrainingState,
        statistics: SignalStatistics,
        checkpoints: Checkpoints,
        heart: Heartbeat,
    ) -> str:
        with OutcomeWriter(
            self._engine, self._claim, self._layout, patience=self._patience
        ) as writer:
            for record in train(state, heart.on_step):
                # Asked before the evaluation is handed over, so that the last one is known as such
                # and the summaries cover all that is recorded.
                cancelled = writer.cancel_requested or heart.cancel_requested
                last = cancelled or record.step == state.schedule.total_steps
                writer.put(statistics.follow(record, last))
                checkpoints.follow(record)
                if cancelled:
                    return "cancelled"
                draining = self._draining() and not last
                if draining or (checkpoints.due and not last):
                    # What a checkpoint goes on from is recorded before it is made.
                    writer.flush()
                    self._note(checkpoints.save(state, statistics))
                if draining:
                    return "queued"
        return "complete"

    def _note(self, kept: Mapping[str, Any] | None) -> None:
        if kept is None:
            return
        with self._engine.begin() as connection:
            runs.fence(connection, self._claim)
            note_event(connection, "checkpoint", [self._claim.run_id], kept)
        message = "run %d: checkpoint"
        self._tell("checkpoint", message, self._claim.run_id, level=logging.DEBUG, **kept)

    def _end(self, end: Callable[[Connection], bool], state: str) -> str:
        def transaction() -> bool:
            with self._engine.begin() as connection:
                return end(connection)

        run_id = self._claim.run_id
        if not patiently(transaction, self._patience):
            raise RunLostError(f"run {run_id} was taken away at its end")
        self._tell("given_back" if state == "queued" else state, f"run %d: {state}", run_id)
        return state

    def _tell(self, event: str, message: str, *given: object, **told: Any) -> None:
        log_event(
            logger, event, self._claim.run_id, message, *given, attempt=self._claim.attempt, **told
        )


def _check_identity(claim: runs.Claim, data: TensorDataset) -> None:
    if data.fingerprint != claim.dataset_fingerprint:
        raise DatasetMismatchError(
            f"dataset {claim.spec.dataset_name!r} on this worker is not the one that the ensemble "
            f"was queued with (fingerprint {data.fingerprint}, there {claim.dataset_fingerprint})"
        )
