"""Trained on or held out, in every view.

Revision: 0011
"""

from alembic import op

from migrations.frozen import run_scripts

revision = "0011"
down_revision = "0010"

# Frozen.
SCRIPTS = (
    "functions/bitslice_never",
    "functions/bitslice_select",
    "functions/bitslice_mode",
    "functions/mean_share",
    "functions/rows_mean_of",
    "views/tp_block",
    "views/tp_agreement",
    "views/held_out_block",
    "views/accessibility_block",
    "views/accessibility",
    "views/learning_order",
    "views/learned_held_out_block",
    "views/learning_by_held_out",
    "views/run_side",
    "views/agreement_by_held_out",
    "views/decision_swaps",
    "views/dichotomy",
    "views/class_difficulty",
    "views/class_order",
    "views/convergence",
    "views/signal_by_held_out",
    "views/el2n_by_held_out",
    "views/difficulty_part",
    "views/example_difficulty",
)
VIEWS = (
    "tp_block",
    "tp_agreement",
    "tp_agreement_histogram",
    "held_out_block",
    "accessibility_block",
    "accessibility",
    "learning_order",
    "learned_held_out_block",
    "learning_by_held_out",
    "run_side",
    "agreement_by_held_out",
    "bimodality",
    "decision_swaps",
    "dichotomy",
    "first_correct_last_mistake",
    "class_difficulty",
    "class_order",
    "convergence",
    "learning_by_band",
    "order_correlation",
    "signal_by_held_out",
    "el2n_by_held_out",
    "difficulty_part",
    "example_difficulty",
    "suspected_label_errors",
)
"""Those, and all that read them, as they depend on each other."""

BEFORE = (
    (
        "0009",
        (
            "tp_block",
        ),
    ),
    (
        "0010",
        (
            "tp_agreement",
        ),
    ),
    (
        "0009",
        (
            "tp_agreement_histogram",
            "accessibility_block",
        ),
    ),
    (
        "0010",
        (
            "accessibility",
            "learning_order",
        ),
    ),
    (
        "0002",
        (
            "bimodality",
        ),
    ),
    (
        "0009",
        (
            "decision_swaps",
        ),
    ),
    (
        "0010",
        (
            "dichotomy",
        ),
    ),
    (
        "0002",
        (
            "first_correct_last_mistake",
            "class_difficulty",
        ),
    ),
    (
        "0009",
        (
            "class_order",
        ),
    ),
    (
        "0010",
        (
            "convergence",
        ),
    ),
    (
        "0009",
        (
            "learning_by_band",
        ),
    ),
    (
        "0002",
        (
            "order_correlation",
        ),
    ),
    (
        "0010",
        (
            "example_difficulty",
            "suspected_label_errors",
        ),
    ),
)
"""The same as they were, and the revisions that froze them."""
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS, replacing=True)
    # Its place is taken by one with another argument.
    op.execute("DROP FUNCTION bitslice_mode_by_run(BIT VARYING[])")


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    run_scripts("0002", ["functions/bitslice_mode"], replacing=True)
    run_scripts("0002", ["functions/bitslice_select"], replacing=True)
    op.execute("DROP FUNCTION bitslice_never(BIT VARYING[], BIT VARYING)")
    op.execute("DROP FUNCTION mean_share(INTEGER[], INTEGER[], INTEGER[])")
    op.execute("DROP FUNCTION rows_mean_of(REAL[], BIT VARYING[])")
    op.execute("DROP FUNCTION bitslice_select(BIT VARYING[], BIT VARYING[])")
    op.execute("DROP FUNCTION bitslice_mode(BIT VARYING[], BIT VARYING[], INTEGER)")
    op.execute("DROP FUNCTION bitslice_mode_by_run(BIT VARYING[], BIT VARYING[])")
    for frozen_by, names in BEFORE:
        run_scripts(frozen_by, [f"views/{name}" for name in names])
