"""One message, one run: claim it, train it, stream its outcomes, say how it ended."""

import logging
import traceback

import psycopg
import sqlalchemy.exc
from sqlalchemy import Connection, Engine

from tracker import runs
from tracker.curriculum.plan import Examples
from tracker.curriculum.records import load_snapshot
from tracker.errors import DatabaseUnavailableError, DatasetMismatchError, RunLostError
from tracker.outcomes.held_out import write_held_out
from tracker.outcomes.stream import OutcomeWriter
from tracker.outcomes.writer import drop_orphaned_summaries
from tracker.registry import get_dataset
from tracker.settings import Settings
from tracker.specs import EnsembleSpec
from workers.data import TensorDataset, load_tensors
from workers.device import choose_device, make_repeatable, provenance
from workers.heartbeat import Heartbeat
from workers.state import TrainingState
from workers.summaries import SignalStatistics
from workers.training import train

logger = logging.getLogger(__name__)

# SQLAlchemy wraps its driver's errors, but not those within a COPY.
LOST = (
    RunLostError,
    DatabaseUnavailableError,
    sqlalchemy.exc.OperationalError,
    psycopg.OperationalError,
)


def work(engine: Engine, settings: Settings, run_id: int, worker: str) -> str:
    """Train the run, if it is there to be taken, in the name of `worker` (`host:pid`).

    Returns
    -------
    str
        How it ended: `complete`, `failed`, `cancelled`; `lost` if it was taken away meanwhile;
        `skipped` if it was not there to be taken (a message delivered twice, a cancelled run).
    """
    with engine.begin() as connection:
        claim = runs.claim_run(connection, run_id, worker)
    if claim is None:
        return "skipped"
    logger.info(
        "run %d (%s, seed %d): attempt %d", run_id, claim.ensemble, claim.seed, claim.attempt
    )
    error = None
    try:
        state = _train(engine, settings, claim)
    except LOST as lost:
        # Taken away, or the database is gone: the run falls silent and is queued again.
        logger.warning("run %d is lost to this worker: %s", run_id, lost)
        return "lost"
    except Exception as failure:  # whatever a network or a driver raises
        state, error = "failed", "".join(traceback.format_exception(failure))
        logger.error("run %d failed: %s", run_id, failure)  # noqa: TRY400 (it is in the run row)
    with engine.begin() as connection:
        held = runs.finish(connection, claim, state, error)
    return state if held else "lost"


def _train(engine: Engine, settings: Settings, claim: runs.Claim) -> str:
    make_repeatable(settings.threads)
    device = choose_device()
    spec = claim.spec
    # The heartbeat starts before the data is loaded: a first download takes its time.
    with Heartbeat(engine, claim, settings.heartbeat_seconds) as heart:
        data = load_tensors(spec.dataset_name, settings.data_folder, device)
        _check_identity(claim, data)
        with engine.begin() as connection:
            runs.begin(connection, claim, provenance(device))
            drop_orphaned_summaries(connection, claim.run_id)
            layout = get_dataset(connection, spec.dataset_name).layout
            held_out = spec.held_out(claim.seed, len(data.train))
            write_held_out(connection, claim.run_id, layout, held_out)
            scored = _curriculum_examples(connection, spec)
        state = TrainingState(spec, data, claim.seed, scored)
        schedule = state.schedule
        heart.begin_training(spec.trained_on(len(data.train)) / schedule.steps_per_epoch)
        statistics = SignalStatistics(spec.recording.signals)
        with OutcomeWriter(engine, claim, layout) as writer:
            for record in train(state, heart.on_step):
                # Asked before the evaluation is handed over, so that the last one is known as such
                # and the summaries cover all that is recorded.
                cancelled = writer.cancel_requested or heart.cancel_requested
                last = cancelled or record.step == schedule.total_steps
                writer.put(statistics.follow(record, last))
                if cancelled:
                    return "cancelled"
    return "complete"


def _curriculum_examples(connection: Connection, spec: EnsembleSpec) -> Examples | None:
    if spec.curriculum is None:
        return None
    return load_snapshot(connection, bytes.fromhex(spec.curriculum.snapshot))


def _check_identity(claim: runs.Claim, data: TensorDataset) -> None:
    if data.fingerprint != claim.dataset_fingerprint:
        raise DatasetMismatchError(
            f"dataset {claim.spec.dataset_name!r} on this worker is not the one that the ensemble "
            f"was queued with (fingerprint {data.fingerprint}, there {claim.dataset_fingerprint})"
        )
