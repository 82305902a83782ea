"""The life of a run: events, checkpoints, provenance.

Revision: 0007
"""

from migrations.frozen import run_scripts

revision = "0007"
down_revision = "0006"

# Frozen.
SCRIPTS: tuple[str, ...] = ()
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    pass
