"""A run's sign of life: from a thread and a connection of its own, by the database's clock."""

import logging
import threading
import time

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tracker.errors import RunLostError, TrackerError
from tracker.runs import Claim, beat

logger = logging.getLogger(__name__)


class Heartbeat:
    """Says every `seconds` that an attempt is alive and how far it is. A context manager.

    When the run is no longer held, the next step of the training raises `RunLostError`. An
    unreachable database is tried again at the next beat.
    """

    def __init__(self, engine: Engine, claim: Claim, seconds: float) -> None:
        self.cancel_requested = False
        self._engine = engine
        self._claim = claim
        self._seconds = seconds
        self._examples_per_step = 0.0
        self._began: float | None = None
        self._step = self._first_step = 0
        self._lost = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def begin_training(self, examples_per_step: float, step: int) -> None:
        """Start the clock of the training speed, at `step`, once the data is there."""
        self._examples_per_step = examples_per_step
        self._step = self._first_step = step
        self._began = time.monotonic()

    def on_step(self, step: int) -> None:
        """Note the number of optimizer steps done.

        Raises
        ------
        RunLostError
            If the run is no longer held.
        """
        self._step = step
        if self._lost:
            raise RunLostError(f"run {self._claim.run_id} was taken away")

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.set()
        self._thread.join()
        # One last word, so that a short run leaves its speed too.
        self._beat()

    def _run(self) -> None:
        # The first one soon, so that speed and time left are shown soon.
        pause = min(1.0, self._seconds)
        while not self._lost and not self._stop.wait(pause):
            self._beat()
            pause = self._seconds

    def _beat(self) -> None:
        try:
            with self._engine.begin() as connection:
                cancel = beat(connection, self._claim, self._step, self._speed())
        except (SQLAlchemyError, TrackerError) as error:
            logger.warning("run %d: no heartbeat: %s", self._claim.run_id, error)
            return
        self._lost = cancel is None
        self.cancel_requested = bool(cancel)

    def _speed(self) -> float | None:
        """Training examples a second, evaluations included; None before the first step."""
        steps = self._step - self._first_step
        if self._began is None or steps == 0:
            return None
        return steps * self._examples_per_step / (time.monotonic() - self._began)
