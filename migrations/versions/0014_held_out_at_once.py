"""Runs that trained on an example and runs that held it out, told apart in one reading.

Revision: 0014
"""

from alembic import op

from migrations.frozen import run_scripts

revision = "0014"
down_revision = "0013"

# Frozen.
SCRIPTS = (
    "functions/rows_mean_apart",
    "views/run_held_out",
    "views/learned_held_out_block",
    "views/agreement_held_out_part",
    "views/agreement_by_held_out",
    "views/signal_held_out_part",
    "views/signal_by_held_out",
    "views/el2n_held_out_part",
    "views/el2n_by_held_out",
)
CHANGED = (
    "views/learned_held_out_block",
    "views/agreement_by_held_out",
    "views/signal_by_held_out",
    "views/el2n_by_held_out",
)
NEW = (
    "run_held_out",
    "agreement_held_out_part",
    "signal_held_out_part",
    "el2n_held_out_part",
)
"""Views that were not there before."""
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS, replacing=True)
    op.execute("DROP VIEW run_side")
    op.execute("DROP FUNCTION rows_mean_of(REAL[], BIT VARYING[])")


def downgrade() -> None:
    run_scripts("0011", ["functions/rows_mean_of", "views/run_side"])
    run_scripts("0011", CHANGED, replacing=True)
    for name in reversed(NEW):
        op.execute(f"DROP VIEW {name}")
    op.execute("DROP FUNCTION rows_mean_apart(REAL[], BIT VARYING[])")
