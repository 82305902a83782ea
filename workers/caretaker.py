"""What every worker does beside training: finding lost runs and messages, stopping when done.

A worker that dies loses the message of the run it was training, and a broker that is flushed
loses all. Postgres still knows the runs; the caretaker queues and sends them again.
"""

import logging
import os
import signal
import threading
from datetime import timedelta

from celery import Celery
from sqlalchemy import Engine

from tracker import runs
from tracker.db import get_engine
from tracker.logs import log_event
from tracker.queue import nothing_waits, send_runs, waiting_messages
from tracker.settings import ONCE_VARIABLE, PARENT_VARIABLE, Settings

logger = logging.getLogger(__name__)


class Caretaker:
    """A thread in a worker's main process."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._stale = timedelta(seconds=settings.stale_seconds)
        self._once = bool(os.environ.get(ONCE_VARIABLE))
        self._parent = os.environ.get(PARENT_VARIABLE)

    def start(self) -> None:
        """Begin, in the background."""
        threading.Thread(target=self._run, name="caretaker", daemon=True).start()

    def _run(self) -> None:
        # Often enough to notice a lost run soon after it counts as lost; with --once also often
        # enough that nobody waits for a worker that has nothing to do.
        pause = min(self._settings.stale_seconds / 4, 0.5 if self._once else 15.0)
        rest = threading.Event()
        while (reason := self._reason_to_stop()) is None:
            rest.wait(pause)
        logger.info("%s: stopping", reason)
        os.kill(os.getpid(), signal.SIGTERM)

    def _reason_to_stop(self) -> str | None:
        if self._parent is not None and os.getppid() != int(self._parent):
            return "`tracker worker` is gone"
        try:
            engine = get_engine(self._settings)
            self.look_after(engine)
            if self._once and self.is_done(engine):
                return "no run is queued or running"
        except Exception as error:  # a server is away; whatever it is, the next round may succeed
            logger.warning("caretaker: %s: %s; trying again", type(error).__name__, error)
        return None

    def is_done(self, engine: Engine) -> bool:
        """Is no run open that this worker could train, and no score asked for?"""
        return nothing_waits(self._app, engine, self._settings, runs.worker_name(os.getpid()))

    def look_after(self, engine: Engine) -> None:
        """Queue silent runs again, and send messages for queued runs that have none."""
        with engine.begin() as connection:
            silent = runs.reap(connection, self._settings.queue, self._stale)
        for one in silent:
            _tell(one)
        if requeued := [one.run_id for one in silent if one.state == "queued"]:
            send_runs(self._app, engine, requeued)
        # Only an empty queue proves that a queued run's message is lost and not merely waiting.
        if waiting_messages(self._app, self._settings) == 0:
            with engine.connect() as connection:
                unsent = runs.unsent_runs(connection, self._settings.queue, self._stale)
            if unsent:
                logger.info("runs %s had no message in the queue: sent again", unsent)
                send_runs(self._app, engine, unsent)


def _tell(silent: runs.Silent) -> None:
    """Log what has become of a run that fell silent."""
    log_event(
        logger, "lost", silent.run_id, "run %d was silent, and is %s now",
        *(silent.run_id, silent.state),
        level=logging.WARNING, attempt=silent.attempt, worker=silent.worker,
    )  # fmt: skip
    if silent.state != "queued":
        log_event(
            logger, silent.state, silent.run_id, "run %d: %s", silent.run_id, silent.state,
            level=logging.ERROR, attempt=silent.attempt,
        )  # fmt: skip
