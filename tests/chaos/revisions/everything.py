"""A revision after the newest, for tests alone: all that a migration does to tables in use.

New columns, changed rows, a new index, a new table that refers to runs, and views made anew.

Revision: 9999
"""

import sqlalchemy as sa
from alembic import op

from tests.chaos.revisions import RELEASE
from tracker.db.schema import sql_text

revision = "9999"
down_revision = RELEASE

VIEWS = ("run_history", "run_progress")
TABLES = ("run", "evaluation", "run_event")
HOLD_SECONDS = 0.5
"""With every lock taken, so that workers have to wait."""


def upgrade() -> None:
    for view in VIEWS:
        op.execute(f"DROP VIEW {view}")
    for table in TABLES:
        column = sa.Column("chaos", sa.Integer(), server_default="7", nullable=False)
        op.add_column(table, column)
    op.execute("UPDATE evaluation SET chaos = step")
    op.create_index("chaos_idx", "outcome_block", ["evaluation", "block"])
    op.create_table(
        "chaos",
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("run.id"), primary_key=True),
    )
    op.execute(f"SELECT pg_sleep({HOLD_SECONDS})")
    _make_views()


def downgrade() -> None:
    for view in VIEWS:
        op.execute(f"DROP VIEW {view}")
    op.drop_table("chaos")
    op.drop_index("chaos_idx")
    for table in TABLES:
        op.drop_column(table, "chaos")
    _make_views()


def _make_views() -> None:
    for view in VIEWS:
        op.get_bind().exec_driver_sql(sql_text("views", view))
