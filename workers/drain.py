"""Stopping at the next evaluation: a worker that is told to stop gives its run back.

SIGTERM to a worker's main process comes here by way of Celery; its child trains in a loop that
looks whether it was told.
"""

import os
import signal
import threading
from contextlib import suppress

import billiard

_told = threading.Event()


def listen() -> None:
    """In a child that trains: SIGTERM is a request from here on."""
    signal.signal(signal.SIGTERM, lambda *_: _told.set())


def requested() -> bool:
    """Was this process told to stop?"""
    return _told.is_set()


def pass_on() -> None:
    """In a worker's main process: tell the children."""
    for child in billiard.active_children():
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGTERM)
