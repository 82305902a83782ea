"""Waiting for a database that is away: restarted, out of disk, or behind a broken line."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
import sqlalchemy.exc

from tracker.errors import DatabaseUnavailableError

logger = logging.getLogger(__name__)

# SQLAlchemy wraps its driver's errors, but not those within a COPY.
AWAY = (
    DatabaseUnavailableError,
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
"""What is raised when the database does not answer, or breaks off."""

PAUSE_SECONDS = 0.5

Result = TypeVar("Result")


def patiently(
    action: Callable[[], Result], seconds: float, stop: Callable[[], bool] = lambda: False
) -> Result:
    """What `action` returns: a transaction, from its beginning, that may be repeated whole.

    It is repeated while the database is away, for so many seconds and until `stop`. Whether a
    commit that broke off was carried out is not known: the action must find out itself.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            return action()
        except AWAY as error:
            if stop() or time.monotonic() >= end:
                raise
            reason = str(error).strip().partition("\n")[0]
            logger.warning("the database is away (%s): trying again", reason)
            time.sleep(PAUSE_SECONDS)
