"""Processes beside the workers: each asks the views, or burns a core, or rests."""

import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from random import Random
from typing import Any

import psycopg

from tracker.db.engine import SESSION_OPTIONS

QUESTIONS = (
    "SELECT * FROM learning_order WHERE ensemble = %s AND split = 'train' ORDER BY rank LIMIT 20",
    "SELECT * FROM ensemble_accuracy WHERE ensemble = %s",
    "SELECT * FROM run_progress WHERE ensemble = %s",
    "SELECT * FROM tp_agreement_histogram WHERE ensemble = %s AND split = 'train'",
    "SELECT * FROM run_history WHERE ensemble = %s",
    "SELECT * FROM accessibility WHERE ensemble = %s",
    "SELECT * FROM bimodality WHERE ensemble = %s",
    "SELECT * FROM run_accuracy WHERE ensemble = %s",
)
"""What people ask of an ensemble that still trains."""


class Mode(IntEnum):
    """What the processes do."""

    REST = 0
    DASHBOARD = 1
    """Each asks one question a second, as a person's page does."""
    HAMMER = 2
    """Each asks the next question as soon as it has an answer."""
    BURN = 3
    """Each takes as much of the processor as its share says, and asks nobody."""


@dataclass
class Answered:
    """What one process was told: when each answer was there, and seconds from the question."""

    at: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Readers:
    """So many processes, all in one mode. A context manager."""

    def __init__(self, url: str, ensembles: Sequence[str], count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._mode = context.Value("i", Mode.REST)
        self._share = context.Value("d", 0.0)
        self._told: Any = context.Queue()
        self._count = count
        self._processes = [
            context.Process(
                target=_run,
                args=(number, url, list(ensembles), self._mode, self._share, self._told),
            )
            for number in range(count)
        ]

    def __enter__(self) -> "Readers":
        for process in self._processes:
            process.start()
        self.backends = [self._told.get(timeout=60) for _ in self._processes]
        """Process ids of the sessions' server processes."""
        return self

    def __exit__(self, *unused: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()

    @property
    def pids(self) -> list[int]:
        """The processes and their sessions' server processes."""
        return [*(process.pid or 0 for process in self._processes), *self.backends]

    def turn(self, mode: Mode, cores: float = 0.0) -> None:
        """What to do from now on; `BURN` takes so many `cores`, all processes together."""
        self._share.value = cores / self._count
        self._mode.value = mode

    def stop(self) -> list[Answered]:
        """End them; what each was told."""
        self._mode.value = -1
        return [self._told.get(timeout=60) for _ in self._processes]


def _run(number: int, url: str, ensembles: list[str], mode: Any, share: Any, told: Any) -> None:
    # Linux shares the processor between sessions first: each reader is somebody else.
    os.setsid()
    random, answered = Random(number), Answered()  # noqa: S311 (which question comes next)
    with psycopg.connect(url, autocommit=True, options=SESSION_OPTIONS) as connection:
        told.put(connection.info.backend_pid)
        due = began = burned = 0.0
        while mode.value >= 0:
            now = time.time()
            if mode.value != Mode.BURN:
                began = 0.0
            if mode.value == Mode.BURN:
                if not began:
                    began, burned = now, time.process_time()
                if time.process_time() - burned < share.value * (now - began):
                    sum(range(20_000))
                else:
                    time.sleep(0.002)
            elif mode.value == Mode.HAMMER or (mode.value == Mode.DASHBOARD and now >= due):
                # Not all in the same moment.
                due = now + 0.9 + random.random() / 5
                _ask(connection, random.choice(QUESTIONS), random.choice(ensembles), answered)
            else:
                time.sleep(0.02)
    told.put(answered)


def _ask(
    connection: psycopg.Connection[Any], question: Any, ensemble: str, answered: Answered
) -> None:
    began = time.time()
    try:
        connection.execute(question, (ensemble,)).fetchall()
    except psycopg.Error as error:
        answered.failed.append(str(error))
        return
    answered.at.append(time.time())
    answered.seconds.append(answered.at[-1] - began)
