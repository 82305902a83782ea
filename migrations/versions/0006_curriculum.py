"""Curricula: what a sampler did, epoch by epoch.

Revision: 0006
"""

from migrations.frozen import run_scripts

revision = "0006"
down_revision = "0005"

# Frozen.
SCRIPTS: tuple[str, ...] = ()
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    pass
