"""Recording what a sampler does while it does it; a database that is away never ends a training."""

import hashlib
import platform
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tracker import __version__
from tracker.curriculum.description import Curriculum
from tracker.curriculum.plan import EpochPlan, Examples
from tracker.curriculum.records import (
    CurriculumRecord,
    EpochRecord,
    checksum,
    snapshot_digest,
    store_curriculum,
    store_epoch,
)
from tracker.curriculum.source import Recorder, Source
from tracker.db import get_engine
from tracker.errors import DatabaseUnavailableError, TrackerError, UsageError

AWAY = (DatabaseUnavailableError, SQLAlchemyError, psycopg.Error)
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")


class DatabaseRecorder:
    """Stores a curriculum and each epoch that it begins: the `Recorder` of `record=True`.

    What could not be stored, with a warning, is kept and stored with the next epoch.

    Parameters
    ----------
    name
        Of the curriculum; None for `default_name`.
    connect
        Gives the database's engine; asked whenever something is to be stored.

    Raises
    ------
    UsageError
        If the name cannot be one.
    """

    def __init__(self, name: str | None, connect: Callable[[], Engine]) -> None:
        if name is not None and not NAME_PATTERN.fullmatch(name):
            raise UsageError(
                f"record={name!r}: use up to 200 letters, digits, and . _ + -, a letter or digit "
                "first"
            )
        self._name = name
        self._connect = connect
        self._record: CurriculumRecord | None = None
        self._stored = False
        self._waiting: list[EpochRecord] = []

    @property
    def name(self) -> str | None:
        """The name that the curriculum is stored under."""
        return self._name

    def begin(self, curriculum: Curriculum, examples: Examples, source: Source) -> None:
        """Store the curriculum, or go on with the same one of its name.

        Raises
        ------
        UsageError
            If the name belongs to a curriculum that gives other epochs. Where the database cannot
            say so yet, because it is away, another name is found later, with a warning.
        """
        self._name = self._name or default_name(curriculum, examples, source)
        self._record = CurriculumRecord(self._name, curriculum, source, examples, versions())
        try:
            self._store_curriculum(self._record)
        except AWAY as error:
            self._warn(error)

    def epoch(self, epoch: int, plan: EpochPlan, examples: Examples) -> None:
        """Store that `epoch` begins, by `plan`, which `examples` gave; warn if that fails."""
        self._waiting.append(
            EpochRecord(
                epoch=epoch,
                pool_size=plan.pool,
                size=len(plan.indices),
                checksum=checksum(plan.indices),
                examples=examples,
                begun_at=datetime.now(UTC),
            )
        )
        try:
            self._store()
        except (*AWAY, TrackerError) as error:
            self._warn(error)

    def _store(self) -> None:
        if not self._stored:
            self._store_under_free_name()
        with self._connect().begin() as connection:
            unlike = [
                each.epoch
                for each in self._waiting
                if not store_epoch(connection, str(self._name), each)
            ]
        self._waiting.clear()
        for epoch in unlike:
            warnings.warn(
                f"curriculum {self._name!r}: epoch {epoch} was recorded before with other "
                "indices; those of now stand",
                stacklevel=4,
            )

    def _store_under_free_name(self) -> None:
        wanted, number = self._record, 1
        if wanted is None:
            raise UsageError("a recorder begins a curriculum before its first epoch")
        while not self._stored:
            name = wanted.name if number == 1 else f"{wanted.name}-{number}"
            try:
                self._store_curriculum(replace(wanted, name=name))
            except AWAY:
                raise
            except UsageError:  # the name is taken
                number += 1
        if number > 1:
            self._name = f"{wanted.name}-{number}"
            warnings.warn(
                f"another curriculum is recorded as {wanted.name!r}: this one is {self._name!r}",
                stacklevel=5,
            )

    def _store_curriculum(self, record: CurriculumRecord) -> None:
        with self._connect().begin() as connection:
            store_curriculum(connection, record)
        self._stored = True

    def _warn(self, error: Exception) -> None:
        reason = str(error).strip().partition("\n")[0]
        warnings.warn(
            f"curriculum {self._name!r} could not be recorded ({reason}): training goes on, and "
            "it is tried again at the next epoch",
            stacklevel=4,
        )


def make_recorder(
    record: bool | str | Recorder | None, engine: Engine | None = None
) -> Recorder | None:
    """Who is told what a sampler does: nobody, the database under some name, or who is given."""
    if record is None or record is False:
        return None
    if record is True or isinstance(record, str):
        return DatabaseRecorder(
            None if record is True else record, get_engine if engine is None else lambda: engine
        )
    return record


def default_name(curriculum: Curriculum, examples: Examples, source: Source) -> str:
    """`scores-order-digest`: the same for whatever gives the same epochs."""
    text = f"{curriculum.digest} {snapshot_digest(examples).hex()} {source.fingerprint}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    scores = source.ensembles[0] if source.ensembles else "own-scores"
    return f"{scores[:160]}-{curriculum.order}-{digest}"


def versions() -> dict[str, str]:
    """Versions of what an order depends on, or may depend on."""
    return {
        "tracker": __version__,
        "numpy": np.__version__,
        "torch": version("torch"),
        "python": platform.python_version(),
    }
