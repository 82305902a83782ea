"""Who learns: ensembles, their runs, what happened to these, and what they trained on."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from tracker.db.models.base import NOW, TIMESTAMPTZ, VARBIT, Base

RUN_STATES = ("queued", "running", "complete", "failed", "cancelled")

RUN_EVENTS = (
    "queued",
    "claimed",
    "resumed",
    "begun_anew",
    "checkpoint",
    "given_back",
    "data_missing",
    "lost",
    "retried",
    "cancel_requested",
    "complete",
    "failed",
    "cancelled",
)


class Ensemble(Base):
    """N runs of one frozen recipe."""

    __tablename__ = "ensemble"
    __table_args__ = (
        Index("ensemble_dataset_id_idx", "dataset_id"),
        {"comment": "N runs of one frozen recipe."},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"))
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB, comment="The recipe, whole.")
    spec_digest: Mapped[str] = mapped_column(Text, comment="SHA-256 of the recipe.")
    evaluations: Mapped[int] = mapped_column(comment="Evaluations of a complete run.")
    total_steps: Mapped[int] = mapped_column(comment="Optimizer steps of a complete run.")
    created_at: Mapped[datetime] = mapped_column(TIMESTAMPTZ, server_default=NOW)
    curriculum_snapshot: Mapped[bytes | None] = mapped_column(
        ForeignKey("curriculum_snapshot.digest"),
        comment="Digest of the scores that give its runs their order; NULL without a curriculum.",
    )


class Run(Base):
    """One seed of an ensemble. The row is the truth about the run's state; Celery only wakes."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("ensemble_id", "seed"),
        CheckConstraint(f"state IN {RUN_STATES}", name="state"),
        CheckConstraint("attempt BETWEEN 0 AND max_attempts", name="attempt"),
        Index("run_state_idx", "state", postgresql_where=text("state IN ('queued', 'running')")),
        {"comment": "One seed of an ensemble; this row is the truth about its state."},
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    ensemble_id: Mapped[int] = mapped_column(ForeignKey("ensemble.id", ondelete="CASCADE"))
    seed: Mapped[int]
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    attempt: Mapped[int] = mapped_column(
        server_default="0", comment="Number of times a worker has claimed the run."
    )
    max_attempts: Mapped[int] = mapped_column(server_default="3")
    cancel_requested: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Read by the worker at every evaluation."
    )
    queue: Mapped[str] = mapped_column(
        Text, server_default="tracker", comment="Celery queue whose workers train the run."
    )
    queued_at: Mapped[datetime] = mapped_column(TIMESTAMPTZ, server_default=NOW)
    sent_at: Mapped[datetime | None] = mapped_column(
        TIMESTAMPTZ, comment="When its message last went to the broker."
    )
    started_at: Mapped[datetime | None] = mapped_column(
        TIMESTAMPTZ, comment="Start of the latest attempt."
    )
    heartbeat_at: Mapped[datetime | None] = mapped_column(TIMESTAMPTZ)
    finished_at: Mapped[datetime | None] = mapped_column(TIMESTAMPTZ)
    worker: Mapped[str | None] = mapped_column(
        Text, comment="host:pid of the latest attempt's worker."
    )
    step: Mapped[int] = mapped_column(
        server_default="0", comment="Optimizer steps done, as of the last heartbeat."
    )
    examples_per_second: Mapped[float | None] = mapped_column(
        Double, comment="Training speed of the latest attempt, evaluations included."
    )
    error: Mapped[str | None] = mapped_column(Text)
    provenance: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB,
        comment="Of the latest attempt: versions, device, threads; command line, git commit.",
    )
    uid: Mapped[UUID] = mapped_column(
        Uuid,
        server_default=text("gen_random_uuid()"),
        comment="Names its checkpoints: unlike id, unique among databases that share a folder.",
    )
    retry_at: Mapped[datetime | None] = mapped_column(
        TIMESTAMPTZ, comment="A queued run is not claimed before; NULL: at once."
    )


class RunEvent(Base):
    """Something that happened to a run; written with the change of state that it tells of."""

    __tablename__ = "run_event"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "id"),
        CheckConstraint(f"event IN {RUN_EVENTS}", name="event"),
        {
            "comment": "Something that happened to a run; evaluations are in their own table.",
        },
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"))
    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), comment="Later events have higher numbers."
    )
    event: Mapped[str] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(comment="The run's latest attempt at that time.")
    worker: Mapped[str | None] = mapped_column(Text, comment="host:pid of that attempt's worker.")
    at: Mapped[datetime] = mapped_column(
        TIMESTAMPTZ, server_default=text("clock_timestamp()"), comment="By the database's clock."
    )
    detail: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, comment="What else is to be said, by the kind of event."
    )


class RunBlock(Base):
    """What one run held out of one block of the split train; no row where it is nothing."""

    __tablename__ = "run_block"
    __table_args__ = (
        PrimaryKeyConstraint("run_id", "block"),
        {
            "comment": "What one run held out of one block of the split train. Without a row, a "
            "run holds out all blocks of the other splits and none of train.",
            "postgresql_with": {"toast_tuple_target": 8160},
        },
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"))
    block: Mapped[int]
    held_out: Mapped[str] = mapped_column(
        VARBIT, comment="One bit an example: did the run not train on it?"
    )
