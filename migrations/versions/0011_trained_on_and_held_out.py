"""Trained on or held out, in the views over all runs.

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
VIEWS = {
    "tp_block": "0009",
    "tp_agreement": "0010",
    "tp_agreement_histogram": "0009",
    "held_out_block": None,
    "accessibility_block": "0009",
    "accessibility": "0010",
    "learning_order": "0010",
    "learned_held_out_block": None,
    "learning_by_held_out": None,
    "run_side": None,
    "agreement_by_held_out": None,
    "bimodality": "0002",
    "decision_swaps": "0009",
    "dichotomy": "0010",
    "first_correct_last_mistake": "0002",
    "class_difficulty": "0002",
    "class_order": "0009",
    "convergence": "0010",
    "learning_by_band": "0009",
    "order_correlation": "0002",
    "signal_by_held_out": None,
    "el2n_by_held_out": None,
    "difficulty_part": None,
    "example_difficulty": "0010",
    "suspected_label_errors": "0010",
}
"""Those, and all that read them, as they depend on each other; by which revision each was frozen
as it was, None where it was not."""
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
    for name, frozen_by in VIEWS.items():
        if frozen_by is not None:
            run_scripts(frozen_by, [f"views/{name}"])
