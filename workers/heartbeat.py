"""A run's sign of life: from a thread and a connection of its own, by the database's clock."""

import logging
import threading
import time

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tracker.errors import TrackerError
from tracker.runs import Claim, beat

logger = logging.getLogger(__name__)


class Heartbeat:
    """Says every `seconds` that an attempt is alive and how far it is. A context manager.

    When the run is no longer held it stops, and `lost` becomes true; the fence of the next
    evaluation ends the training. An unreachable database is tried again at the next beat.
    """

    def __init__(self, engine: Engine, claim: Claim, seconds: float, batch_size: int) -> None:
        self.step = 0
        self.lost = False
        self._engine = engine
        self._claim = claim
        self._seconds = seconds
        self._batch_size = batch_size
        self._started = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def set_step(self, step: int) -> None:
        """Note the number of optimizer steps done."""
        self.step = step

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.set()
        self._thread.join()
        # One last word, so that a short run leaves its speed too.
        self._beat()

    def _run(self) -> None:
        while not self.lost and not self._stop.wait(self._seconds):
            self._beat()

    def _beat(self) -> None:
        speed = self.step * self._batch_size / (time.monotonic() - self._started)
        try:
            with self._engine.begin() as connection:
                self.lost = not beat(connection, self._claim, self.step, speed)
        except (SQLAlchemyError, TrackerError) as error:
            logger.warning("run %d: no heartbeat: %s", self._claim.run_id, error)
