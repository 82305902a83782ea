"""Final outputs of runs, and scores that analysis tasks compute.

Revision: 0003
"""

from migrations.frozen import run_scripts

revision = "0003"
down_revision = "0002"

# Frozen.
SCRIPTS: tuple[str, ...] = ()
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    pass
