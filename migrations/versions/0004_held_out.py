"""What each run trained on, and labels that were changed on purpose.

Revision: 0004
"""

from migrations.frozen import run_scripts

revision = "0004"
down_revision = "0003"

# Frozen.
SCRIPTS: tuple[str, ...] = ()
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    pass
