"""The store at scale: rows that fill their page, checksums, signals, faster sums, more views.

Revision: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.frozen import run_scripts

revision = "0002"
down_revision = "0001"

OLD_VIEWS = (
    "counted_run",
    "ensemble_evaluation",
    "outcome",
    "run_accuracy",
    "run_progress",
    "block_history",
    "forgetting",
    "learning_block",
    "learning_order",
    "tp_block",
    "tp_agreement",
    "tp_agreement_histogram",
    "bimodality",
)
OLD_FUNCTIONS = (
    "bitslice_sum",
    "bitslice_at_least",
    "bitslice_histogram",
    "bitslice_value",
    "unslice",
    "poisson_binomial",
)
# Frozen.
SCRIPTS = (
    "functions/bitslice_count",
    "functions/bitslice_sum",
    "functions/bitslice_subtract",
    "functions/bitslice_total",
    "functions/bitslice_max",
    "functions/bitslice_mask",
    "functions/bitslice_at_least",
    "functions/bitslice_select",
    "functions/bitslice_groups",
    "functions/bitslice_histogram",
    "functions/bitslice_value",
    "functions/bitslice_history",
    "functions/bitslice_mode",
    "functions/unslice",
    "functions/poisson_binomial",
    "functions/pearson_bimodality",
    "functions/agreement_null",
    "functions/accuracies_match",
    "functions/regularized_beta",
    "functions/bitslice_tally",
    "functions/tally_select",
    "functions/bitslice_masked_tally",
    "functions/bitslice_convergence",
    "functions/bitmap_of",
    "functions/cross_consistency_of",
    "functions/forgetting_ranking",
    "functions/bitslice_constant",
    "functions/bitslice_of",
    "functions/bitslice_total_of",
    "functions/bitslice_votes",
    "functions/bitslice_plurality",
    "functions/bitslice_entropy",
    "functions/cohen_kappa",
    "functions/dichotomous_difficulty",
    "functions/dichotomy_summary_at",
    "functions/error_consistency_between",
    "functions/first_correct_last_mistake_by",
    "functions/induced_class_at",
    "functions/rows_mean",
    "functions/rows_deviation",
    "functions/label_error_score",
    "views/counted_run",
    "views/ensemble_evaluation",
    "views/outcome",
    "views/run_accuracy",
    "views/run_progress",
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
    "views/agreement_bimodality",
    "views/bimodality",
    "views/run_pair",
    "views/error_consistency",
    "views/decision_swaps",
    "views/final_block",
    "views/consensus_block",
    "views/consensus",
    "views/consistency",
    "views/dichotomy",
    "views/dichotomy_summary",
    "views/first_correct_last_mistake",
    "views/error_consistency_in_between",
    "views/class_difficulty",
    "views/class_order",
    "views/class_vote_part",
    "views/class_vote_block",
    "views/induced_class",
    "views/convergence_part",
    "views/convergence_block",
    "views/convergence",
    "views/learning_by_band",
    "views/ensemble_accuracy",
    "views/comparison_block",
    "views/majority_part",
    "views/majority_block",
    "views/matched_evaluations",
    "views/order_correlation",
    "views/majority_pair",
    "views/both_or_only",
    "views/easiest_overlap",
    "views/cross_consistency_histogram",
    "views/cross_consistency",
    "views/signal",
    "views/run_signal",
    "views/correctness_block",
    "views/signal_mean_part",
    "views/signal_mean_block",
    "views/data_map",
    "views/aum",
    "views/el2n",
    "views/example_difficulty",
    "views/suspected_label_errors",
)
VIEWS = (
    "counted_run",
    "ensemble_evaluation",
    "outcome",
    "run_accuracy",
    "run_progress",
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
    "run_pair",
    "error_consistency",
    "decision_swaps",
    "final_block",
    "consensus_block",
    "consensus",
    "consistency",
    "dichotomy",
    "dichotomy_summary",
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
    "ensemble_accuracy",
    "comparison_block",
    "majority_part",
    "majority_block",
    "matched_evaluations",
    "order_correlation",
    "majority_pair",
    "both_or_only",
    "easiest_overlap",
    "cross_consistency_histogram",
    "cross_consistency",
    "signal",
    "run_signal",
    "correctness_block",
    "signal_mean_part",
    "signal_mean_block",
    "data_map",
    "aum",
    "el2n",
    "example_difficulty",
    "suspected_label_errors",
)
DROPS = (
    "AGGREGATE bitslice_sum(varbit)",
    "AGGREGATE bitslice_sum(varbit [])",
    "AGGREGATE bitslice_sum(varbit, integer)",
    "AGGREGATE bitslice_greatest(varbit [])",
    "FUNCTION label_error_score(double precision, double precision, double precision, double precision)",
    "FUNCTION rows_deviation(real[], double precision[])",
    "FUNCTION rows_mean(real[])",
    "FUNCTION induced_class_at(text, integer)",
    "FUNCTION first_correct_last_mistake_by(text, text, integer[])",
    "FUNCTION error_consistency_between(text, text, integer, integer, boolean)",
    "FUNCTION dichotomy_summary_at(text, integer)",
    "FUNCTION dichotomous_difficulty(integer, integer, integer)",
    "FUNCTION cohen_kappa(bigint, bigint, bigint, bigint)",
    "FUNCTION bitslice_entropy(bit varying[], bit varying[], integer)",
    "FUNCTION bitslice_plurality(bit varying[], bit varying[], bit varying[], integer)",
    "FUNCTION bitslice_winner(bit varying[], integer)",
    "FUNCTION bitslice_claim(bit varying[], bit varying[], bit varying[])",
    "FUNCTION bitslice_votes(bit varying[], bit varying[], integer)",
    "FUNCTION bitslice_votes_by_run(bit varying[], bit varying[])",
    "FUNCTION bitslice_votes_by_class(bit varying[], bit varying[], integer)",
    "FUNCTION bitslice_votes_in_range(bit varying[], bit varying[], bit varying[], integer, integer, integer)",
    "FUNCTION bitslice_total_of(bit varying[], bit varying)",
    "FUNCTION bitslice_of(integer[])",
    "FUNCTION bitslice_constant(bit varying, integer, integer)",
    "FUNCTION forgetting_ranking(text, text)",
    "FUNCTION cross_consistency_of(text, integer, text, integer)",
    "FUNCTION bitmap_of(integer[], integer)",
    "FUNCTION bitslice_convergence(bit varying[], integer[], integer)",
    "FUNCTION bitslice_masked_tally(bit varying[], bit varying[], integer)",
    "FUNCTION tally_percentile(bigint[], double precision)",
    "FUNCTION tally_select(bigint[], bigint)",
    "FUNCTION tally_total(bigint[])",
    "FUNCTION bitslice_tally(bit varying[], integer)",
    "FUNCTION median_interval_rank(bigint, double precision)",
    "FUNCTION correlation_p_value(double precision, bigint)",
    "FUNCTION regularized_beta(double precision, double precision, double precision)",
    "FUNCTION log_beta(double precision, double precision)",
    "FUNCTION log_of_one_plus(double precision)",
    "FUNCTION accuracies_match(double precision, double precision, double precision)",
    "FUNCTION agreement_null(double precision[], double precision[])",
    "FUNCTION largest_box(integer, integer)",
    "FUNCTION pearson_bimodality(double precision[])",
    "FUNCTION poisson_binomial(double precision[])",
    "FUNCTION unslice(bit varying[])",
    "FUNCTION unslice_digits(bit varying, bit varying, bit varying)",
    "FUNCTION bitslice_mode(bit varying[], integer)",
    "FUNCTION bitslice_mode_by_run(bit varying[])",
    "FUNCTION bitslice_mode_by_class(bit varying[], bit varying[], bit varying[], integer, integer, integer)",
    "FUNCTION bitslice_history(bit varying[], integer[], integer, out bit varying[], out bit varying[], out bit varying[], out bit varying[], out bit varying, out bit varying, out bit varying)",
    "FUNCTION bitslice_value(bit varying[], integer)",
    "FUNCTION bitslice_histogram(bit varying[])",
    "FUNCTION bitslice_groups(bit varying[])",
    "FUNCTION bitslice_select(bit varying[], integer)",
    "FUNCTION bitslice_at_least(bit varying[], integer)",
    "FUNCTION bitslice_mask(bit varying[], bit varying)",
    "FUNCTION bitslice_max(bit varying[], bit varying[])",
    "FUNCTION bitslice_not_below(bit varying[], bit varying[])",
    "FUNCTION bitslice_total(bit varying[])",
    "FUNCTION bitslice_subtract(bit varying[], bit varying[])",
    "FUNCTION bitslice_merge(bit varying[], bit varying[])",
    "FUNCTION bitslice_settle(bit varying[])",
    "FUNCTION bitslice_accumulate(bit varying[], bit varying)",
    "FUNCTION bitslice_add(bit varying[], bit varying, integer)",
    "FUNCTION bitslice_add(bit varying[], bit varying[])",
    "FUNCTION bitslice_count(bit varying[])",
)
# End of frozen.


def _drop_old() -> None:
    for name in reversed(OLD_VIEWS):
        op.execute(f"DROP VIEW {name}")
    for argument in ("bit varying", "bit varying[]", "bit varying, integer"):
        op.execute(f"DROP AGGREGATE bitslice_sum({argument})")
    for name in (
        "bitslice_add(bit varying[], bit varying)",
        "bitslice_add(bit varying[], bit varying[])",
        "bitslice_add(bit varying[], bit varying, integer)",
        "bitslice_at_least",
        "bitslice_histogram",
        "bitslice_value",
        "unslice",
        "poisson_binomial",
    ):
        op.execute(f"DROP FUNCTION {name}")


def upgrade() -> None:
    _drop_old()
    op.add_column(
        "evaluation",
        sa.Column(
            "checksum",
            sa.LargeBinary(),
            nullable=True,
            comment="BLAKE2b-128 of all its bitmaps; NULL where recorded before revision 0002.",
        ),
    )
    op.alter_column(
        "outcome_block",
        "predicted",
        nullable=True,
        comment="Predicted class as bit planes, least significant first; NULL where only right "
        "and wrong are known (some imported ensembles).",
    )
    op.execute("ALTER TABLE outcome_block SET (toast_tuple_target = 8160)")
    op.create_table(
        "signal_block",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column(
            "signal", sa.Text(), nullable=False, comment="confidence, margin, loss or el2n."
        ),
        sa.Column("evaluation", sa.Integer(), nullable=False),
        sa.Column(
            "value",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="One number an example.",
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "evaluation"],
            ["evaluation.run_id", "evaluation.evaluation"],
            name=op.f("signal_block_run_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "block", "signal", "evaluation", name=op.f("signal_block_pkey")
        ),
        comment="One signal of a run for one block of examples at one evaluation.",
    )
    op.create_table(
        "signal_summary",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column(
            "signal", sa.Text(), nullable=False, comment="confidence, margin, loss or el2n."
        ),
        sa.Column(
            "evaluations", sa.Integer(), nullable=False, comment="Evaluations that it covers."
        ),
        sa.Column(
            "mean", postgresql.ARRAY(sa.REAL()), nullable=False, comment="One number an example."
        ),
        sa.Column(
            "deviation",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="Population standard deviation; one number an example.",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("signal_summary_run_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "block", "signal", name=op.f("signal_summary_pkey")),
        comment="Mean and standard deviation of a signal over the evaluations of one run, "
        "for one block of examples.",
    )
    for table, column in (
        ("signal_block", "value"),
        ("signal_summary", "mean"),
        ("signal_summary", "deviation"),
    ):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")
    run_scripts(revision, SCRIPTS)


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    for statement in DROPS:
        op.execute(f"DROP {statement}")
    op.drop_table("signal_summary")
    op.drop_table("signal_block")
    op.execute("ALTER TABLE outcome_block RESET (toast_tuple_target)")
    # Outcomes without classes had no place before: their ensembles go.
    op.execute(
        "DELETE FROM ensemble WHERE id IN (SELECT run.ensemble_id FROM outcome_block "
        "INNER JOIN run ON run.id = outcome_block.run_id WHERE outcome_block.predicted IS NULL)"
    )
    op.alter_column(
        "outcome_block",
        "predicted",
        nullable=False,
        comment="Predicted class as bit planes, least significant first.",
    )
    op.drop_column("evaluation", "checksum")
    run_scripts("0001", [f"functions/{name}" for name in OLD_FUNCTIONS])
    run_scripts("0001", [f"views/{name}" for name in OLD_VIEWS])
