"""Curricula: what a sampler did, epoch by epoch, and the scores that it went by."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db.models.base import NOW, TIMESTAMPTZ, Base


class CurriculumSnapshot(Base):
    """What a curriculum goes by, of every example, as it was when it was used."""

    __tablename__ = "curriculum_snapshot"
    __table_args__ = (
        CheckConstraint("size = cardinality(scores)", name="size"),
        {
            "comment": "Scores of all examples, as they were when a curriculum used them; stored "
            "once, however many curricula and epochs used the same."
        },
    )

    digest: Mapped[bytes] = mapped_column(
        LargeBinary, primary_key=True, comment="BLAKE2b-128 of all that follows."
    )
    size: Mapped[int] = mapped_column(comment="Number of examples.")
    scores: Mapped[list[float]] = mapped_column(
        ARRAY(Double), comment="One number an example, by position; NaN: missing."
    )
    labels: Mapped[list[int] | None] = mapped_column(
        ARRAY(Integer), comment="Class of each example, where the order is balanced over classes."
    )
    weights: Mapped[list[float] | None] = mapped_column(
        ARRAY(Double), comment="Weight of each example, 0: left out; NULL: all alike."
    )


class Curriculum(Base):
    """What a `CurriculumSampler` was told: with its scores, all that gives its epochs again."""

    __tablename__ = "curriculum"
    __table_args__ = (
        {
            "comment": "What a CurriculumSampler was told. Needs nothing else that is stored: "
            "the ensembles may have been deleted meanwhile."
        },
    )

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    parameters: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="Order, pacing and all the rest that decides its epochs."
    )
    seed: Mapped[int]
    source: Mapped[dict[str, Any]] = mapped_column(
        JSONB,
        comment="Where the scores came from: ensembles, column, split; {}: an array of the user's.",
    )
    fingerprint: Mapped[str | None] = mapped_column(
        Text,
        comment="That of the split (split.fingerprint); NULL where the dataset is not known.",
    )
    snapshot: Mapped[bytes] = mapped_column(
        ForeignKey("curriculum_snapshot.digest"), comment="Digest of the scores it began with."
    )
    versions: Mapped[dict[str, str]] = mapped_column(
        JSONB, comment="Of tracker, NumPy, torch and Python."
    )
    created_at: Mapped[datetime] = mapped_column(TIMESTAMPTZ, server_default=NOW)


class CurriculumEpoch(Base):
    """One epoch that a curriculum has begun."""

    __tablename__ = "curriculum_epoch"
    __table_args__ = (
        PrimaryKeyConstraint("curriculum", "epoch"),
        CheckConstraint("epoch >= 0", name="epoch"),
        {
            "comment": "One epoch that a curriculum has begun: its pool, and a checksum of its "
            "order."
        },
    )

    curriculum: Mapped[str] = mapped_column(
        ForeignKey("curriculum.name", ondelete="CASCADE", onupdate="CASCADE"), comment="Its name."
    )
    epoch: Mapped[int] = mapped_column(comment="From 0.")
    pool_size: Mapped[int] = mapped_column(
        comment="Examples that could be drawn; at its end, where the pool grows by step."
    )
    examples: Mapped[int] = mapped_column(
        comment="Indices of the epoch, over all processes, before any are repeated to make their "
        "shares equal."
    )
    checksum: Mapped[bytes] = mapped_column(
        LargeBinary, comment="BLAKE2b-128 of the indices in order, 8 bytes each, little endian."
    )
    snapshot: Mapped[bytes] = mapped_column(
        ForeignKey("curriculum_snapshot.digest"), comment="Digest of the scores that it used."
    )
    begun_at: Mapped[datetime] = mapped_column(
        TIMESTAMPTZ, server_default=NOW, comment="When it was begun, by the trainer's clock."
    )
