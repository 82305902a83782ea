"""Curricula in the database: what a sampler was told, its scores, and the epochs that it began."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from tracker.curriculum.description import Curriculum
from tracker.curriculum.order import Indices
from tracker.curriculum.plan import Examples
from tracker.curriculum.source import Source
from tracker.db import models
from tracker.db.models import CurriculumEpoch, CurriculumSnapshot, Ensemble
from tracker.errors import NotFoundError, UsageError

DIGEST_BYTES = 16
LISTED = 10
"""Names that an error lists at most."""


@dataclass(frozen=True, eq=False)
class CurriculumRecord:
    """A curriculum, whole: with it every epoch can be told again, whatever else is deleted."""

    name: str
    curriculum: Curriculum
    source: Source
    examples: Examples
    """What it began with."""
    versions: dict[str, str]

    def first_difference(self, other: "CurriculumRecord") -> str | None:
        """The first thing in which `other` would give other epochs, as `seed 0, not 1`."""
        mine, theirs = self.curriculum.as_json(), other.curriculum.as_json()
        for key in sorted(mine.keys() | theirs.keys()):
            if mine.get(key) != theirs.get(key):
                return f"{key} {mine.get(key)}, not {theirs.get(key)}"
        if len(self.examples) != len(other.examples):
            return f"{len(self.examples)} examples, not {len(other.examples)}"
        if self.source.fingerprint != other.source.fingerprint:
            return "another dataset"
        if snapshot_digest(self.examples) != snapshot_digest(other.examples):
            return "other scores"
        return None


@dataclass(frozen=True, eq=False)
class EpochRecord:
    """An epoch that a curriculum has begun."""

    epoch: int
    pool_size: int
    size: int
    """Number of indices, over all processes."""
    checksum: bytes
    examples: Examples
    """What it went by."""
    begun_at: datetime


def checksum(indices: Indices) -> bytes:
    """BLAKE2b-128 of indices in their order."""
    plain = np.ascontiguousarray(indices, dtype="<i8")
    return hashlib.blake2b(plain.tobytes(), digest_size=DIGEST_BYTES).digest()


def snapshot_digest(examples: Examples) -> bytes:
    """BLAKE2b-128 of scores, labels and weights; a NaN is a NaN, whatever its bits, and -0 is 0."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for name, array, kind in (
        ("scores", examples.scores, "<f8"),
        ("labels", examples.labels, "<i8"),
        ("weights", examples.weights, "<f8"),
    ):
        if array is not None:
            digest.update(f"{name} {len(array)}\n".encode())
            plain = np.where(np.isnan(array), np.nan, array + 0) if kind == "<f8" else array
            digest.update(np.ascontiguousarray(plain, dtype=kind).tobytes())
    return digest.digest()


def store_snapshot(connection: Connection, examples: Examples) -> bytes:
    """Store what a curriculum goes by, unless the same is stored already; its digest."""
    digest = snapshot_digest(examples)
    known = select(CurriculumSnapshot.digest).where(CurriculumSnapshot.digest == digest)
    # Held until it is referred to, so that `drop_unused_snapshots` leaves it.
    if connection.scalar(known.with_for_update(read=True, key_share=True)) is None:
        values = {
            "digest": digest,
            "size": len(examples),
            "scores": examples.scores.tolist(),
            "labels": _list(examples.labels),
            "weights": _list(examples.weights),
        }
        connection.execute(insert(CurriculumSnapshot).values(values).on_conflict_do_nothing())
    return digest


def _list(array: NDArray[Any] | None) -> list[Any] | None:
    return None if array is None else array.tolist()


def load_snapshot(connection: Connection, digest: bytes) -> Examples:
    """What `store_snapshot` stored under `digest`.

    Raises
    ------
    NotFoundError
        If nothing is.
    """
    query = select(CurriculumSnapshot.__table__).where(CurriculumSnapshot.digest == digest)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"no scores {bytes(digest).hex()} of a curriculum are stored")
    return Examples(
        scores=np.array(row.scores, dtype=np.float64),
        labels=None if row.labels is None else np.array(row.labels, dtype=np.int64),
        weights=None if row.weights is None else np.array(row.weights, dtype=np.float64),
    )


def drop_unused_snapshots(connection: Connection) -> None:
    """Delete the snapshots that no curriculum, no epoch and no ensemble goes by any more."""
    used = or_(
        *(
            exists().where(column == CurriculumSnapshot.digest)
            for column in (
                models.Curriculum.snapshot,
                CurriculumEpoch.snapshot,
                Ensemble.curriculum_snapshot,
            )
        )
    )
    connection.execute(delete(CurriculumSnapshot).where(~used))


def store_curriculum(connection: Connection, record: CurriculumRecord) -> None:
    """Store a curriculum, unless the same is there under its name, which is then gone on with.

    Raises
    ------
    UsageError
        If the name belongs to a curriculum that gives other epochs; the first difference is named.
    """
    values = {
        "name": record.name,
        "parameters": record.curriculum.as_json(),
        "seed": record.curriculum.seed,
        "source": source_json(record.source),
        "fingerprint": record.source.fingerprint,
        "snapshot": store_snapshot(connection, record.examples),
        "versions": record.versions,
    }
    added = connection.execute(
        insert(models.Curriculum)
        .values(values)
        .on_conflict_do_nothing()
        .returning(models.Curriculum.name)
    ).one_or_none()
    if added is None:
        stored = load_curriculum(connection, record.name)
        if (difference := stored.first_difference(record)) is not None:
            raise UsageError(
                f"curriculum {record.name!r} is recorded already, with {difference}: record this "
                "one under another name"
            )


def store_epoch(connection: Connection, curriculum: str, epoch: EpochRecord) -> bool:
    """Store an epoch of the curriculum called `curriculum`; of several, the one begun last stands.

    Returns
    -------
    bool
        False if it was recorded before with other indices, which are forgotten now.
    """
    values = {
        "curriculum": curriculum,
        "epoch": epoch.epoch,
        "pool_size": epoch.pool_size,
        "examples": epoch.size,
        "checksum": epoch.checksum,
        "snapshot": store_snapshot(connection, epoch.examples),
        "begun_at": epoch.begun_at,
    }
    before = connection.scalar(
        select(CurriculumEpoch.checksum)
        .where(CurriculumEpoch.curriculum == curriculum, CurriculumEpoch.epoch == epoch.epoch)
        .with_for_update()
    )
    connection.execute(
        insert(CurriculumEpoch)
        .values(values)
        .on_conflict_do_update(constraint="curriculum_epoch_pkey", set_=values)
    )
    return before is None or bytes(before) == epoch.checksum


def load_curriculum(connection: Connection, name: str) -> CurriculumRecord:
    """The curriculum called `name`; `NotFoundError` if there is none, listing those that exist."""
    query = select(models.Curriculum.__table__).where(models.Curriculum.name == name)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise _unknown_curriculum(connection, name)
    return CurriculumRecord(
        name=row.name,
        curriculum=Curriculum.from_json(row.parameters),
        source=_source(row.source, row.fingerprint),
        examples=load_snapshot(connection, row.snapshot),
        versions=row.versions,
    )


def source_json(source: Source) -> dict[str, Any]:
    """A source as JSON, without what is None and without the fingerprint."""
    found = {name: value for name, value in asdict(source).items() if value}
    found.pop("fingerprint", None)
    return found | {name: list(found[name]) for name in ("ensembles", "types") if name in found}


def _source(stored: dict[str, Any], fingerprint: str | None) -> Source:
    types = stored.get("types")
    return Source(
        ensembles=tuple(stored.get("ensembles", ())),
        score=stored.get("score"),
        split=stored.get("split"),
        fingerprint=fingerprint,
        types=types and tuple((name, weight) for name, weight in types),
    )


def epochs_of(connection: Connection, curriculum: str) -> list[Row[Any]]:
    """The rows of `curriculum_epoch` of one curriculum, by epoch."""
    query = select(CurriculumEpoch.__table__).where(CurriculumEpoch.curriculum == curriculum)
    return list(connection.execute(query.order_by(CurriculumEpoch.epoch)))


def list_curricula(connection: Connection) -> list[Row[Any]]:
    """Name, parameters, seed, source, date, and number of recorded `epochs`, the newest first."""
    epochs = (
        select(func.count())
        .select_from(CurriculumEpoch)
        .where(CurriculumEpoch.curriculum == models.Curriculum.name)
        .scalar_subquery()
    )
    query = select(
        models.Curriculum.name,
        models.Curriculum.parameters,
        models.Curriculum.seed,
        models.Curriculum.source,
        models.Curriculum.created_at,
        epochs.label("epochs"),
    )
    newest = (models.Curriculum.created_at.desc(), models.Curriculum.name)
    return list(connection.execute(query.order_by(*newest)))


def _unknown_curriculum(connection: Connection, name: str) -> NotFoundError:
    names = [row.name for row in list_curricula(connection)]
    if not names:
        return NotFoundError(
            f"no curriculum {name!r}, nor any other: CurriculumSampler(..., record=True) records"
        )
    listed = ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")
    return NotFoundError(f"no curriculum {name!r}: choose one of {listed}")
