"""Splits of blocks, so that a filter on the split reaches them; EL2N in shares, signals in one go.

Revision: 0009
"""

from alembic import op

from migrations.frozen import run_scripts

revision = "0009"
down_revision = "0008"

# Frozen.
SCRIPTS = (
    "views/tp_block",
    "views/tp_agreement",
    "views/tp_agreement_histogram",
    "views/history_part",
    "views/history_block",
    "views/forgetting",
    "views/accessibility_block",
    "views/accessibility",
    "views/learned_block",
    "views/learning_order",
    "views/agreement_part",
    "views/agreement_block",
    "views/agreement",
    "views/agreement_histogram",
    "views/decision_swaps",
    "views/final_block",
    "views/consensus_block",
    "views/consensus",
    "views/consistency",
    "views/error_consistency_in_between",
    "views/class_order",
    "views/class_vote_part",
    "views/class_vote_block",
    "views/induced_class",
    "views/convergence_part",
    "views/convergence_block",
    "views/learning_by_band",
    "views/run_signal",
    "views/correctness_block",
    "views/signal_mean_part",
    "views/signal_mean_block",
    "views/data_map",
    "views/aum",
    "views/el2n_part",
    "views/el2n_block",
    "views/el2n",
    "views/final_depth_block",
    "views/prediction_depth_block",
    "views/prediction_depth",
    "views/depth_accuracy",
    "views/depth_learned",
    "views/example_difficulty",
    "views/suspected_label_errors",
)
VIEWS = (
    "tp_block",
    "tp_agreement",
    "tp_agreement_histogram",
    "history_part",
    "history_block",
    "forgetting",
    "accessibility_block",
    "accessibility",
    "learned_block",
    "learning_order",
    "agreement_part",
    "agreement_block",
    "agreement",
    "agreement_histogram",
    "agreement_bimodality",
    "bimodality",
    "decision_swaps",
    "final_block",
    "consensus_block",
    "consensus",
    "consistency",
    "dichotomy",
    "first_correct_last_mistake",
    "error_consistency_in_between",
    "class_difficulty",
    "class_order",
    "class_vote_part",
    "class_vote_block",
    "induced_class",
    "convergence_part",
    "convergence_block",
    "convergence",
    "learning_by_band",
    "order_correlation",
    "run_signal",
    "correctness_block",
    "signal_mean_part",
    "signal_mean_block",
    "data_map",
    "aum",
    "el2n_part",
    "el2n_block",
    "el2n",
    "final_depth_block",
    "prediction_depth_block",
    "prediction_depth",
    "difficulty_type",
    "difficulty_type_summary",
    "depth_accuracy",
    "depth_learned",
    "example_difficulty",
    "suspected_label_errors",
)
"""Those, and all that read them, as they depend on each other."""

BEFORE = (
    (
        "0002",
        (
            "tp_block",
            "tp_agreement",
            "tp_agreement_histogram",
            "history_part",
            "history_block",
        ),
    ),
    ("0004", ("forgetting",)),
    (
        "0002",
        (
            "accessibility_block",
            "accessibility",
            "learned_block",
            "learning_order",
            "agreement_part",
            "agreement_block",
            "agreement",
            "agreement_histogram",
            "agreement_bimodality",
            "bimodality",
            "decision_swaps",
        ),
    ),
    ("0004", ("final_block",)),
    (
        "0002",
        (
            "consensus_block",
            "consensus",
            "consistency",
            "dichotomy",
            "first_correct_last_mistake",
            "error_consistency_in_between",
            "class_difficulty",
            "class_order",
            "class_vote_part",
            "class_vote_block",
            "induced_class",
            "convergence_part",
            "convergence_block",
            "convergence",
            "learning_by_band",
            "order_correlation",
        ),
    ),
    ("0004", ("run_signal",)),
    (
        "0002",
        (
            "correctness_block",
            "signal_mean_part",
            "signal_mean_block",
            "data_map",
            "aum",
            "el2n",
        ),
    ),
    (
        "0005",
        (
            "final_depth_block",
            "prediction_depth_block",
            "prediction_depth",
            "difficulty_type",
            "difficulty_type_summary",
            "depth_accuracy",
            "depth_learned",
            "example_difficulty",
        ),
    ),
    ("0003", ("suspected_label_errors",)),
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
