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
SCRIPTS = ("views/example_label",)
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
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    op.execute("DROP VIEW example_label")
    op.drop_column("example", "original_label")
    op.drop_column("block", "original_label")
