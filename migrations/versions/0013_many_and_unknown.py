"""Numbers of any width in forgetting, tp_agreement and induced_class; unknown ensembles are errors of functions.

Revision: 0013
"""

from migrations.frozen import run_scripts

revision = "0013"
down_revision = "0012"

# Frozen.
SCRIPTS = (
    "views/tp_agreement",
    "views/forgetting",
    "views/induced_class",
    "functions/cross_consistency_of",
    "functions/dichotomy_summary_at",
    "functions/example_block",
    "functions/first_correct_last_mistake_by",
    "functions/forgetting_ranking",
    "functions/induced_class_at",
)
BEFORE = {
    "views/tp_agreement": "0011",
    "views/forgetting": "0010",
    "views/induced_class": "0010",
    "functions/cross_consistency_of": "0002",
    "functions/dichotomy_summary_at": "0002",
    "functions/example_block": "0010",
    "functions/first_correct_last_mistake_by": "0002",
    "functions/forgetting_ranking": "0002",
    "functions/induced_class_at": "0002",
}
"""By which revision each was frozen as it was: with the same columns or arguments."""
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS, replacing=True)


def downgrade() -> None:
    for script, frozen_by in BEFORE.items():
        run_scripts(frozen_by, [script], replacing=True)
