"""No statistics of arrays of measured numbers: ANALYZE took seconds to count their elements.

Revision: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"

# Frozen.
COLUMNS = (
    ("signal_block", "value"),
    ("signal_summary", "mean"),
    ("signal_summary", "deviation"),
    ("output_block", "value"),
    ("score_block", "value"),
)
# End of frozen.


def upgrade() -> None:
    for table, column in COLUMNS:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")


def downgrade() -> None:
    for table, column in COLUMNS:
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS -1")
