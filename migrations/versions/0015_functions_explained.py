"""Functions refuse what would lose examples or rows without a word, and explain themselves.

Revision: 0015
"""

from alembic import op

from migrations.frozen import run_scripts

revision = "0015"
down_revision = "0014"

# Frozen.
SCRIPTS = (
    "functions/dichotomous_difficulty",
    "functions/dichotomy_summary_at",
    "functions/first_correct_last_mistake_by",
    "comments",
    "views/example_label",
)
BEFORE = {
    "functions/dichotomous_difficulty": "0002",
    "functions/dichotomy_summary_at": "0013",
    "functions/first_correct_last_mistake_by": "0013",
    "views/example_label": "0010",
}
"""By which revision each was frozen as it was: with the same arguments or columns."""
COMMENTED = (
    "bitslice_count(BIT VARYING[])",
    "bitslice_add(BIT VARYING[], BIT VARYING[])",
    "bitslice_sum(VARBIT)",
    "bitslice_sum(VARBIT[])",
    "bitslice_sum(VARBIT, INTEGER)",
    "bitslice_subtract(BIT VARYING[], BIT VARYING[])",
    "bitslice_total(BIT VARYING[])",
    "bitslice_not_below(BIT VARYING[], BIT VARYING[])",
    "bitslice_max(BIT VARYING[], BIT VARYING[])",
    "bitslice_mask(BIT VARYING[], BIT VARYING)",
    "bitslice_never(BIT VARYING[], BIT VARYING)",
    "bitslice_at_least(BIT VARYING[], INTEGER)",
    "bitslice_select(BIT VARYING[], BIT VARYING[])",
    "bitslice_select(BIT VARYING[], INTEGER)",
    "bitslice_groups(BIT VARYING[])",
    "bitslice_histogram(BIT VARYING[])",
    "bitslice_value(BIT VARYING[], INTEGER)",
    "bitslice_history(BIT VARYING[], INTEGER[], INTEGER)",
    "bitslice_mode(BIT VARYING[], BIT VARYING[], INTEGER)",
    "bitslice_mode(BIT VARYING[], INTEGER)",
    "unslice(BIT VARYING[])",
    "poisson_binomial(DOUBLE PRECISION[])",
    "pearson_bimodality(DOUBLE PRECISION[])",
    "largest_box(INTEGER, INTEGER)",
    "agreement_null(DOUBLE PRECISION[], DOUBLE PRECISION[])",
    "accuracies_match(DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION)",
    "regularized_beta(DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION)",
    "correlation_p_value(DOUBLE PRECISION, BIGINT)",
    "median_interval_rank(BIGINT, DOUBLE PRECISION)",
    "bitslice_tally(BIT VARYING[], INTEGER)",
    "tally_total(BIGINT[])",
    "tally_select(BIGINT[], BIGINT)",
    "tally_percentile(BIGINT[], DOUBLE PRECISION)",
    "bitslice_masked_tally(BIT VARYING[], BIT VARYING[], INTEGER)",
    "bitslice_convergence(BIT VARYING[], INTEGER[], INTEGER)",
    "bitmap_of(INTEGER[], INTEGER)",
    "cross_consistency_of(TEXT, INTEGER, TEXT, INTEGER)",
    "forgetting_ranking(TEXT, TEXT)",
    "bitslice_constant(BIT VARYING, INTEGER, INTEGER)",
    "bitslice_of(INTEGER[])",
    "bitslice_total_of(BIT VARYING[], BIT VARYING)",
    "bitslice_votes(BIT VARYING[], BIT VARYING[], INTEGER)",
    "bitslice_plurality(BIT VARYING[], BIT VARYING[], BIT VARYING[], INTEGER)",
    "bitslice_entropy(BIT VARYING[], BIT VARYING[], INTEGER)",
    "cohen_kappa(BIGINT, BIGINT, BIGINT, BIGINT)",
    "dichotomous_difficulty(INTEGER, INTEGER, INTEGER)",
    "dichotomy_summary_at(TEXT, INTEGER)",
    "error_consistency_between(TEXT, TEXT, INTEGER, INTEGER, BOOLEAN)",
    "first_correct_last_mistake_by(TEXT, TEXT, INTEGER[])",
    "induced_class_at(TEXT, INTEGER)",
    "mean_share(INTEGER[], INTEGER[], INTEGER[])",
    "rows_mean(REAL[])",
    "rows_mean_apart(REAL[], BIT VARYING[])",
    "rows_deviation(REAL[], DOUBLE PRECISION[])",
    "label_error_score(DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION, DOUBLE PRECISION)",
    "difficulty_corner(DOUBLE PRECISION, DOUBLE PRECISION)",
    "example_block(TEXT, INTEGER)",
)
"""Functions and aggregates that had no comment before."""
# End of frozen.


def upgrade() -> None:
    run_scripts(revision, SCRIPTS, replacing=True)


def downgrade() -> None:
    for script, frozen_by in BEFORE.items():
        run_scripts(frozen_by, [script], replacing=True)
    op.execute("DROP FUNCTION dichotomy_refusal(INTEGER, INTEGER, INTEGER)")
    for routine in COMMENTED:
        op.execute(f"COMMENT ON ROUTINE {routine} IS NULL")
