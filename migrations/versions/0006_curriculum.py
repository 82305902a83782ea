"""Curricula: what a sampler did, epoch by epoch, and the scores that gave its order.

Revision: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

NOW = sa.text("now()")
TIMESTAMPTZ = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "curriculum_snapshot",
        sa.Column(
            "digest", sa.LargeBinary, nullable=False, comment="BLAKE2b-128 of all that follows."
        ),
        sa.Column("size", sa.Integer, nullable=False, comment="Number of examples."),
        sa.Column(
            "scores", postgresql.ARRAY(sa.Double), nullable=False,
            comment="One number an example, by position; NaN: missing.",
        ),
        sa.Column(
            "labels", postgresql.ARRAY(sa.Integer),
            comment="Class of each example, where the order is balanced over classes.",
        ),
        sa.Column(
            "weights", postgresql.ARRAY(sa.Double),
            comment="Weight of each example, 0: left out; NULL: all alike.",
        ),
        sa.PrimaryKeyConstraint("digest", name="curriculum_snapshot_pkey"),
        sa.CheckConstraint(
            "size = cardinality(scores)", name=op.f("curriculum_snapshot_size_check")
        ),
        comment="Scores of all examples, as they were when a curriculum used them; stored once, "
        "however many curricula and epochs used the same.",
    )
    op.create_table(
        "curriculum",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column(
            "parameters", postgresql.JSONB, nullable=False,
            comment="Order, pacing and all the rest that decides its epochs.",
        ),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column(
            "source", postgresql.JSONB, nullable=False,
            comment="Where the scores came from: ensembles, column, split; {}: an array of the "
            "user's.",
        ),
        sa.Column(
            "fingerprint", sa.Text,
            comment="That of the split (split.fingerprint); NULL where the dataset is not known.",
        ),
        sa.Column(
            "snapshot", sa.LargeBinary, nullable=False,
            comment="Digest of the scores it began with.",
        ),
        sa.Column(
            "versions", postgresql.JSONB, nullable=False,
            comment="Of tracker, NumPy, torch and Python.",
        ),
        sa.Column("created_at", TIMESTAMPTZ, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("name", name="curriculum_pkey"),
        sa.ForeignKeyConstraint(
            ["snapshot"], ["curriculum_snapshot.digest"], name="curriculum_snapshot_fkey"
        ),
        comment="What a CurriculumSampler was told. Needs nothing else that is stored: the "
        "ensembles may have been deleted meanwhile.",
    )
    op.create_table(
        "curriculum_epoch",
        sa.Column("curriculum", sa.Text, nullable=False, comment="Its name."),
        sa.Column("epoch", sa.Integer, nullable=False, comment="From 0."),
        sa.Column(
            "pool_size", sa.Integer, nullable=False,
            comment="Examples that could be drawn; at its end, where the pool grows by step.",
        ),
        sa.Column(
            "examples", sa.Integer, nullable=False,
            comment="Indices of the epoch, over all processes, before any are repeated to make "
            "their shares equal.",
        ),
        sa.Column(
            "checksum", sa.LargeBinary, nullable=False,
            comment="BLAKE2b-128 of the indices in order, 8 bytes each, little endian.",
        ),
        sa.Column(
            "snapshot", sa.LargeBinary, nullable=False,
            comment="Digest of the scores that it used.",
        ),
        sa.Column(
            "begun_at", TIMESTAMPTZ, nullable=False, server_default=NOW,
            comment="When it was begun, by the trainer's clock.",
        ),
        sa.PrimaryKeyConstraint("curriculum", "epoch", name="curriculum_epoch_pkey"),
        sa.ForeignKeyConstraint(
            ["curriculum"], ["curriculum.name"], name="curriculum_epoch_curriculum_fkey",
            ondelete="CASCADE", onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["snapshot"], ["curriculum_snapshot.digest"], name="curriculum_epoch_snapshot_fkey"
        ),
        sa.CheckConstraint("epoch >= 0", name=op.f("curriculum_epoch_epoch_check")),
        comment="One epoch that a curriculum has begun: its pool, and a checksum of its order.",
    )
    op.add_column(
        "ensemble",
        sa.Column(
            "curriculum_snapshot", sa.LargeBinary,
            comment="Digest of the scores that give its runs their order; NULL without a "
            "curriculum.",
        ),
    )
    op.create_foreign_key(
        "ensemble_curriculum_snapshot_fkey",
        "ensemble", "curriculum_snapshot", ["curriculum_snapshot"], ["digest"],
    )


def downgrade() -> None:
    op.drop_column("ensemble", "curriculum_snapshot")
    op.drop_table("curriculum_epoch")
    op.drop_table("curriculum")
    op.drop_table("curriculum_snapshot")
