"""Numbers of any width in forgetting and tp_agreement.

Revision: 0013
"""

from alembic import op

from migrations.frozen import run_scripts

revision = "0013"
down_revision = "0012"

# Frozen.
SCRIPTS = (
    "views/tp_agreement",
    "views/forgetting",
)
BEFORE = {
    "views/tp_agreement": "0011",
    "views/forgetting": "0010",
}
"""By which revision each was frozen as it was: with the same columns."""
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS, replacing=True)


def downgrade() -> None:
    for script, frozen_by in BEFORE.items():
        run_scripts(frozen_by, [script], replacing=True)
