"""Blocks of examples in every view of them, so that a filter on the example reaches its block.

Revision: 0010
"""

from alembic import op

from migrations.frozen import run_scripts

revision = "0010"
down_revision = "0009"

# Frozen.
SCRIPTS = (
    "functions/example_block",
    "views/example_label",
    "views/tp_agreement",
    "views/forgetting",
    "views/accessibility",
    "views/learning_order",
    "views/agreement",
    "views/consensus",
    "views/consistency",
    "views/dichotomy",
    "views/induced_class",
    "views/convergence",
    "views/run_signal",
    "views/data_map",
    "views/aum",
    "views/el2n",
    "views/run_depth",
    "views/probe_vote",
    "views/ensemble_agreement",
    "views/prediction_depth",
    "views/difficulty_type",
    "views/example_difficulty",
    "views/suspected_label_errors",
)
VIEWS = {
    "example_label": "0004",
    "tp_agreement": "0009",
    "forgetting": "0009",
    "accessibility": "0009",
    "learning_order": "0009",
    "agreement": "0009",
    "consensus": "0009",
    "consistency": "0009",
    "dichotomy": "0002",
    "first_correct_last_mistake": "0002",
    "class_difficulty": "0002",
    "induced_class": "0009",
    "convergence": "0002",
    "run_signal": "0009",
    "data_map": "0009",
    "aum": "0009",
    "el2n": "0009",
    "run_depth": "0005",
    "probe_vote": "0005",
    "ensemble_agreement": "0003",
    "prediction_depth": "0009",
    "difficulty_type": "0005",
    "difficulty_type_summary": "0005",
    "example_difficulty": "0009",
    "suspected_label_errors": "0009",
}
"""Those, and all that read them, as they depend on each other; by which revision each was frozen
as it was."""
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS, replacing=True)


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    for name, frozen_by in VIEWS.items():
        run_scripts(frozen_by, [f"views/{name}"])
    op.execute("DROP FUNCTION example_block(TEXT, INTEGER)")
