"""Functions refuse bands and tolerances that would lose examples or rows without a word.

Revision: 0015
"""

from alembic import op

from migrations.frozen import run_scripts

revision = "0015"
down_revision = "0014"

# Frozen.
SCRIPTS = (
    "functions/dichotomous_difficulty",
    "functions/dichotomy_summary_at",
    "functions/first_correct_last_mistake_by",
)
BEFORE = {
    "functions/dichotomous_difficulty": "0002",
    "functions/dichotomy_summary_at": "0013",
    "functions/first_correct_last_mistake_by": "0013",
}
"""By which revision each was frozen as it was: with the same arguments."""
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS, replacing=True)


def downgrade() -> None:
    for script, frozen_by in BEFORE.items():
        run_scripts(frozen_by, [script], replacing=True)
    op.execute("DROP FUNCTION dichotomy_refusal(INTEGER, INTEGER, INTEGER)")
