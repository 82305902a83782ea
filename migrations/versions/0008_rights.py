"""Functions through which workers delete, so that they need no right to.

Revision: 0008
"""

from alembic import op

from migrations.frozen import run_scripts

revision = "0008"
down_revision = "0007"

# Frozen.
SCRIPTS = (
    "functions/forget_evaluations",
    "functions/forget_held_out",
    "functions/forget_summaries",
)
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    op.execute("DROP FUNCTION forget_evaluations(INTEGER, INTEGER, INTEGER)")
    op.execute("DROP FUNCTION forget_held_out(INTEGER)")
    op.execute("DROP FUNCTION forget_summaries(INTEGER, TEXT[])")
