"""The SQL of the functions and views, in the order in which they depend on each other.

The files in `tracker/sql` are the definition. Migrations run frozen copies of them, and a test
proves that migrating gives what these files say.
"""

from importlib import resources

FUNCTIONS = (
    "bitslice_count",
    "bitslice_sum",
    "bitslice_subtract",
    "bitslice_total",
    "bitslice_max",
    "bitslice_at_least",
    "bitslice_select",
    "bitslice_groups",
    "bitslice_histogram",
    "bitslice_value",
    "bitslice_history",
    "bitslice_mode",
    "unslice",
    "poisson_binomial",
    "pearson_bimodality",
    "agreement_null",
    "accuracies_match",
    "regularized_beta",
    "bitslice_tally",
    "tally_select",
    "bitslice_masked_tally",
    "bitslice_convergence",
    "bitmap_of",
    "cross_consistency_of",
    "forgetting_ranking",
    "bitslice_constant",
    "bitslice_of",
    "bitslice_total_of",
    "bitslice_votes",
    "bitslice_plurality",
    "bitslice_entropy",
    "cohen_kappa",
    "dichotomous_difficulty",
    "dichotomy_summary_at",
    "error_consistency_between",
    "first_correct_last_mistake_by",
    "induced_class_at",
    "rows_mean",
    "rows_deviation",
    "label_error_score",
)

VIEWS = (
    "counted_run",
    "ensemble_evaluation",
    "outcome",
    "example_label",
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
    "output_version",
    "ensemble_agreement",
    "example_difficulty",
    "suspected_label_errors",
)


def sql_text(kind: str, name: str) -> str:
    """Text of `tracker/sql/<kind>/<name>.sql`; `kind` is `functions` or `views`."""
    return (resources.files("tracker") / "sql" / kind / f"{name}.sql").read_text("utf-8")


def schema_scripts() -> list[str]:
    """Every function and then every view, each the text of one file."""
    return [sql_text("functions", name) for name in FUNCTIONS] + [
        sql_text("views", name) for name in VIEWS
    ]
