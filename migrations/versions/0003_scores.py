"""Final outputs of runs, and scores that analysis tasks compute.

Revision: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.frozen import run_scripts

revision = "0003"
down_revision = "0002"

# Frozen.
SCRIPTS = (
    "views/output_version",
    "views/ensemble_agreement",
    "views/example_difficulty",
    "views/suspected_label_errors",
)
WIDENED = ("example_difficulty", "suspected_label_errors")
"""Views with more columns than before."""
# End of frozen.


def upgrade() -> None:
    op.create_table(
        "output_block",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column(
            "evaluation", sa.Integer(), nullable=False, comment="The run's last evaluation."
        ),
        sa.Column(
            "value",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="K probabilities an example, example by example.",
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["evaluation.run_id", "evaluation.evaluation"],
            name=op.f("output_block_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "block", name=op.f("output_block_pkey")),
        comment="Softmax outputs of a run at its last evaluation, for one block of examples.",
    )
    op.create_table(
        "score_block",
        sa.Column("ensemble_id", sa.Integer(), nullable=False),
        sa.Column(
            "score", sa.Text(), nullable=False, comment="Name of the score: ensemble-agreement."
        ),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column(
            "version",
            sa.Text(),
            nullable=False,
            comment="Digest of what it was computed from: see the view output_version.",
        ),
        sa.Column(
            "runs", sa.Integer(), nullable=False, comment="Runs that it was computed from."
        ),
        sa.Column(
            "value",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="One number an example.",
        ),
        sa.CheckConstraint("runs > 0", name=op.f("score_block_runs_check")),
        sa.ForeignKeyConstraint(
            ["ensemble_id"],
            ["ensemble.id"],
            name=op.f("score_block_ensemble_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("ensemble_id", "score", "block", name=op.f("score_block_pkey")),
        comment="A score that `tracker analyze` has computed, for one block of examples.",
    )
    for table in ("output_block", "score_block"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN value SET STORAGE EXTERNAL")
    for view in WIDENED:
        op.execute(f"DROP VIEW {view}")
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    for view in (*WIDENED, "ensemble_agreement", "output_version"):
        op.execute(f"DROP VIEW {view}")
    run_scripts("0002", [f"views/{view}" for view in WIDENED])
    op.drop_table("score_block")
    op.drop_table("output_block")
