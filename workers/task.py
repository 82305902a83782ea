"""One message, one run: claim it, train it, say how it ended."""

import logging
import traceback
from collections.abc import Callable
from datetime import timedelta

import torch
from sqlalchemy import Engine

from tracker import runs
from tracker.checkpoints import CheckpointFolder
from tracker.db.patience import AWAY, patiently
from tracker.errors import DatasetUnavailableError, RunLostError
from tracker.logs import log_event
from tracker.masking import masked
from tracker.settings import Settings
from workers.attempt import Attempt
from workers.device import make_repeatable, poisons

logger = logging.getLogger(__name__)

PASSING = ("out of memory", "can't allocate memory", "CUDA error", "cuDNN error")
"""What torch says in a plain RuntimeError when another attempt may fare better."""

FAILURES = {
    "data_missing": "run %d: %s: given back",
    "retried": "run %d failed and is tried again: %s",
    "failed": "run %d failed: %s",
    "abandoned": "run %d is lost to this worker: %s",
}
"""What people are told of an attempt that did not end well, by event."""


class PoisonedError(Exception):
    """The run's failure is recorded, and this process cannot use its device any more."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state
        """As `work` would have returned it."""


def work(
    engine: Engine,
    settings: Settings,
    run_id: int,
    worker: str,
    draining: Callable[[], bool] = lambda: False,
) -> str:
    """Train the run, if it is there to be taken, in the name of `worker` (`host:pid`).

    Parameters
    ----------
    draining
        Asked at every evaluation: shall the run be given back there?

    Returns
    -------
    str
        How it ended: `complete`, `failed`, `cancelled`; `queued` if it was given back, to stop or
        to try again; `lost` if it was taken away meanwhile; `skipped` if it was not there to be
        taken (a message delivered twice, a cancelled run).

    Raises
    ------
    PoisonedError
        After an error that leaves the device unusable to this process, once it is recorded: what
        the process trains next would fail too.
    """
    # Before the claim: the first time it loads much of torch, and the run would seem silent.
    make_repeatable(settings.threads)

    def claim_it() -> runs.Claim | None:
        with engine.begin() as connection:
            return runs.claim_run(connection, run_id, worker)

    claim = patiently(claim_it, settings.stale_seconds)
    if claim is None:
        return "skipped"
    log_event(
        logger, "claimed", run_id, "run %d (%s, seed %d): attempt %d",
        *(run_id, claim.ensemble, claim.seed, claim.attempt),
        attempt=claim.attempt, ensemble=claim.ensemble, seed=claim.seed, worker=worker,
    )  # fmt: skip
    try:
        checkpoints = CheckpointFolder(settings.checkpoint_folder)
        state = Attempt(engine, settings, claim, checkpoints, draining).train()
    except (RunLostError, *AWAY) as lost:
        # Taken away, or the database is gone: the run falls silent and is queued again.
        log_event(
            logger, "abandoned", run_id, "run %d is lost to this worker: %s", run_id, lost,
            level=logging.WARNING, attempt=claim.attempt, error=_last_line(lost),
        )  # fmt: skip
        return "lost"
    except Exception as failure:  # whatever a network or a driver raises
        state = _failed(engine, settings, claim, failure)
        if poisons(failure):
            raise PoisonedError(state) from failure
        return state
    if state == "complete":
        _discard(checkpoints, claim)
    return state


def retry_helps(error: Exception) -> bool:
    """May another attempt, later or elsewhere, fare better after `error`?

    Not where training is what fails: a loss that diverges or a network that raises will do so
    again, and so will outcomes that differ from the recorded ones.
    """
    if isinstance(error, MemoryError | OSError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in PASSING)


def _failed(engine: Engine, settings: Settings, claim: runs.Claim, failure: Exception) -> str:
    later = timedelta(seconds=settings.stale_seconds)
    with engine.begin() as connection:
        if isinstance(failure, DatasetUnavailableError):
            held = runs.give_back(connection, claim, masked(str(failure)), "data_missing", later)
            event, state = "data_missing", "queued" if held else None
        else:
            error = masked("".join(traceback.format_exception(failure)))
            state = runs.fail(connection, claim, error, later if retry_helps(failure) else None)
            event = "retried" if state == "queued" else "failed"
    if state is None:
        event = "abandoned"
    level = logging.ERROR if event == "failed" else logging.WARNING
    log_event(
        logger, event, claim.run_id, FAILURES[event], claim.run_id, failure,
        level=level, attempt=claim.attempt, error=_last_line(failure),
    )  # fmt: skip
    return state or "lost"


def _last_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()


def _discard(checkpoints: CheckpointFolder, claim: runs.Claim) -> None:
    try:
        checkpoints.delete(claim.uid)
    except Exception as error:  # each kind of storage has its own
        logger.warning("run %d: its checkpoints stay: %s", claim.run_id, error)
