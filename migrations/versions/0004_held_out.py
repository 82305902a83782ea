"""What each run trained on, and labels that were changed on purpose.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.frozen import run_scripts

revision = "0004"
down_revision = "0003"

# Frozen.
SCRIPTS = (
    "views/example_label",
    "views/outcome",
    "views/run_accuracy",
    "views/forgetting",
    "views/final_block",
    "views/ensemble_accuracy",
    "views/signal",
    "views/run_signal",
)
WIDENED = (
    "outcome",
    "run_accuracy",
    "tp_agreement_histogram",
    "forgetting",
    "bimodality",
    "ensemble_accuracy",
    "matched_evaluations",
    "signal",
    "run_signal",
)
"""Views with more columns than before, and those that read them, as they depend on each other."""
# End of frozen.


def upgrade() -> None:
    op.add_column(
        "block",
        sa.Column(
            "original_label",
            postgresql.ARRAY(postgresql.BIT(varying=True)),
            nullable=True,
            comment="The labels before label noise, as bit planes; NULL where none was changed.",
        ),
    )
    op.add_column(
        "example",
        sa.Column(
            "original_label",
            sa.Integer(),
            nullable=True,
            comment="Label before label noise; NULL where it is the label.",
        ),
    )
    op.create_table(
        "run_block",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column(
            "held_out",
            postgresql.BIT(varying=True),
            nullable=False,
            comment="One bit an example: did the run not train on it?",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("run_block_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "block", name=op.f("run_block_pkey")),
        comment="What one run held out of one block of the split train. Without a row, a run holds "
        "out all blocks of the other splits and none of train.",
        postgresql_with={"toast_tuple_target": 8160},
    )
    run_scripts(revision, SCRIPTS, replacing=True)


def downgrade() -> None:
    run_scripts("0002", ["views/final_block"], replacing=True)
    for name in reversed(WIDENED):
        op.execute(f"DROP VIEW {name}")
    run_scripts("0002", [f"views/{name}" for name in WIDENED])
    op.drop_table("run_block")
    op.execute("DROP VIEW example_label")
    op.drop_column("example", "original_label")
    op.drop_column("block", "original_label")
