"""The life of a run: events, checkpoints, provenance.

Revision: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.frozen import run_scripts

revision = "0007"
down_revision = "0006"

# Frozen.
SCRIPTS = ("views/run_history",)
EVENTS = (
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
# End of frozen.

TIMESTAMPTZ = postgresql.TIMESTAMP(timezone=True)
PROVENANCE = "Of the latest attempt: versions, device, threads; command line, git commit."
OLD_PROVENANCE = "Versions, device and threads of the latest attempt."


def upgrade() -> None:
    op.add_column(
        "run",
        sa.Column(
            "uid",
            sa.Uuid(),
            server_default=sa.text("gen_random_uuid()"),
            nullable=False,
            comment="Names its checkpoints: unlike id, unique among databases that share a folder.",
        ),
    )
    op.add_column(
        "run",
        sa.Column(
            "retry_at",
            TIMESTAMPTZ,
            nullable=True,
            comment="A queued run is not claimed before; NULL: at once.",
        ),
    )
    op.alter_column("run", "provenance", comment=PROVENANCE)
    op.create_table(
        "run_event",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column(
            "id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Later events have higher numbers.",
        ),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column(
            "attempt",
            sa.Integer(),
            nullable=False,
            comment="The run's latest attempt at that time.",
        ),
        sa.Column(
            "worker", sa.Text(), nullable=True, comment="host:pid of that attempt's worker."
        ),
        sa.Column(
            "at",
            TIMESTAMPTZ,
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="By the database's clock.",
        ),
        sa.Column(
            "detail",
            postgresql.JSONB(),
            nullable=True,
            comment="What else is to be said, by the kind of event.",
        ),
        sa.CheckConstraint(f"event IN {EVENTS}", name=op.f("run_event_event_check")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("run_event_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "id", name=op.f("run_event_pkey")),
        comment="Something that happened to a run; evaluations are in their own table.",
    )
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    op.execute("DROP VIEW run_history")
    op.drop_table("run_event")
    op.alter_column("run", "provenance", comment=OLD_PROVENANCE)
    op.drop_column("run", "retry_at")
    op.drop_column("run", "uid")
