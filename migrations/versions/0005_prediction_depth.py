"""Prediction depth, probes and difficulty types.

Revision: 0005
"""

from migrations.frozen import run_scripts

revision = "0005"
down_revision = "0004"

# Frozen.
SCRIPTS: tuple[str, ...] = ()
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    pass
