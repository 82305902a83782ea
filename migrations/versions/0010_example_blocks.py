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
VIEWS = (
    "example_label",
    "tp_agreement",
    "forgetting",
    "accessibility",
    "learning_order",
    "agreement",
    "consensus",
    "consistency",
    "dichotomy",
    "first_correct_last_mistake",
    "class_difficulty",
    "induced_class",
    "convergence",
    "run_signal",
    "data_map",
    "aum",
    "el2n",
    "run_depth",
    "probe_vote",
    "ensemble_agreement",
    "prediction_depth",
    "difficulty_type",
    "difficulty_type_summary",
    "example_difficulty",
    "suspected_label_errors",
)
"""Those, and all that read them, as they depend on each other."""

BEFORE = (
    ("0004", ("example_label",)),
    ("0009", ("tp_agreement", "forgetting", "accessibility", "learning_order", "agreement", "consensus", "consistency",)),
    ("0002", ("dichotomy", "first_correct_last_mistake", "class_difficulty",)),
    ("0009", ("induced_class",)),
    ("0002", ("convergence",)),
    ("0009", ("run_signal", "data_map", "aum", "el2n",)),
    ("0005", ("run_depth", "probe_vote",)),
    ("0003", ("ensemble_agreement",)),
    ("0009", ("prediction_depth",)),
    ("0005", ("difficulty_type", "difficulty_type_summary",)),
    ("0009", ("example_difficulty", "suspected_label_errors",)),
)
"""The same as they were, and the revisions that froze them."""
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS, replacing=True)


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    for frozen_by, names in BEFORE:
        run_scripts(frozen_by, [f"views/{name}" for name in names])
    op.execute("DROP FUNCTION example_block(TEXT, INTEGER)")
