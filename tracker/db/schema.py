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
    "bitslice_histogram",
    "bitslice_value",
    "bitslice_history",
    "bitslice_mode",
    "unslice",
    "poisson_binomial",
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
    "bimodality",
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
    "error_consistency",
    "decision_swaps",
    "signal",
    "run_signal",
)


def sql_text(kind: str, name: str) -> str:
    """Text of `tracker/sql/<kind>/<name>.sql`; `kind` is `functions` or `views`."""
    return (resources.files("tracker") / "sql" / kind / f"{name}.sql").read_text("utf-8")


def schema_scripts() -> list[str]:
    """Every function and then every view, each the text of one file."""
    return [sql_text("functions", name) for name in FUNCTIONS] + [
        sql_text("views", name) for name in VIEWS
    ]
