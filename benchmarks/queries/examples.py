"""Questions about examples: when each is learned, how often it is forgotten."""

from benchmarks.queries.query import Form, Query

# A run's history as the bits of one integer, bit e for evaluation e: one pass, no sorting.
_MASKS = """
    SELECT
        run,
        example,
        bit_or(CASE WHEN correct THEN 1::BIGINT << evaluation ELSE 0 END) AS mask
    FROM outcome_row
    GROUP BY run, example
"""

DUCKDB_HISTORY = f"""
    SELECT
        run,
        example,
        bit_count(mask) AS rights,
        bit_count(mask & ~(mask >> 1) & {{all_but_last}}) AS forgotten,
        bit_count(~mask & (mask >> 1) & {{every_evaluation}}) AS acquired,
        CASE WHEN mask > 0 THEN log2(mask & -mask)::INTEGER END AS first_correct,
        CASE
            WHEN mask = {{every_evaluation}} THEN 0
            ELSE floor(log2(~mask & {{every_evaluation}}))::INTEGER
        END AS last_mistake
    FROM ({_MASKS}) AS history
"""

_ROWS_HISTORY = f"""
    SELECT
        run,
        example,
        bit_count(mask::BIT(64))::INTEGER AS rights,
        bit_count((mask & ~(mask >> 1) & {{all_but_last}})::BIT(64))::INTEGER AS forgotten,
        bit_count((~mask & (mask >> 1) & {{every_evaluation}})::BIT(64))::INTEGER AS acquired,
        CASE WHEN mask > 0 THEN round(ln(mask & -mask) / ln(2.0::FLOAT8))::INTEGER END
            AS first_correct,
        CASE
            WHEN mask = {{every_evaluation}} THEN 0
            ELSE floor(ln((~mask & {{every_evaluation}}) + 0.5::FLOAT8) / ln(2.0::FLOAT8))::INTEGER
        END AS last_mistake
    FROM ({_MASKS}) AS history
"""

# The same as one writes it without tricks, for any number of evaluations.
_WINDOW_HISTORY = """
    SELECT
        run,
        example,
        count(*) FILTER (WHERE correct) AS rights,
        count(*) FILTER (WHERE before AND NOT correct) AS forgotten,
        count(*) FILTER (WHERE NOT before AND correct) AS acquired,
        min(evaluation) FILTER (WHERE correct) AS first_correct,
        coalesce(max(evaluation) FILTER (WHERE NOT correct), 0) AS last_mistake
    FROM (
        SELECT
            *,
            lag(correct) OVER (PARTITION BY run, example ORDER BY evaluation) AS before
        FROM outcome_row
    ) AS step
    GROUP BY run, example
"""


def _learning_order(history: str, median: str) -> str:
    return f"""
    SELECT
        example,
        sum(rights)::DOUBLE PRECISION / (count(*) * {{last}}) AS accessibility,
        avg(last_mistake + 1) FILTER (WHERE last_mistake < {{last}}) AS mean_learned,
        CASE
            WHEN 2 * count(*) FILTER (WHERE last_mistake < {{last}}) > count(*) THEN {median}
        END AS median_learned,
        avg(first_correct) AS first_correct,
        avg(last_mistake) AS last_mistake,
        avg(forgotten) AS forgetting_events,
        avg(CASE WHEN rights = 0 THEN 1.0 ELSE 0.0 END) AS never_learned_share
    FROM ({history}) AS run_history
    GROUP BY example
    """


def _forgetting(history: str) -> str:
    return f"""
    SELECT
        run,
        example,
        forgotten AS forgetting_events,
        acquired AS learning_events,
        first_correct,
        last_mistake,
        CASE WHEN last_mistake < {{last}} THEN last_mistake + 1 END AS learned
    FROM ({history}) AS run_history
    """


# Runs that have not learned the example count as later than any: {last} + 1.
_DUCKDB_MEDIAN = "median(last_mistake + 1)"
_ROWS_MEDIAN = "percentile_cont(0.5) WITHIN GROUP (ORDER BY last_mistake + 1)"

DUCKDB_LEARNING_ORDER = _learning_order(DUCKDB_HISTORY, _DUCKDB_MEDIAN)

_ACCESSIBILITY = """
    SELECT example, count(*) FILTER (WHERE correct)::DOUBLE PRECISION / count(*) AS accessibility
    FROM outcome_row
    GROUP BY example
"""

_HISTORY = """
    SELECT run, evaluation, correct, predicted
    FROM outcome_row
    WHERE example = {example}
"""

_FULL = "SELECT count(*) FILTER (WHERE correct) AS correct FROM outcome_row"

EXAMPLE_QUERIES = (
    Query(
        name="accessibility",
        title="accessibility of each example",
        keys=("example",),
        values=("accessibility",),
        ours="""
            SELECT example_id AS example, accessibility
            FROM accessibility
            WHERE ensemble = {ensemble}
        """,
        rows=_ACCESSIBILITY,
        duckdb=(Form("grouped", _ACCESSIBILITY),),
    ),
    Query(
        name="learning_order",
        title="learning order: seven scores of each example",
        keys=("example",),
        values=(
            "accessibility",
            "mean_learned",
            "median_learned",
            "first_correct",
            "last_mistake",
            "forgetting_events",
            "never_learned_share",
        ),
        ours="""
            SELECT
                example_id AS example, accessibility, mean_learned, median_learned, first_correct,
                last_mistake, forgetting_events, never_learned_share
            FROM learning_order
            WHERE ensemble = {ensemble}
        """,
        rows=_learning_order(_ROWS_HISTORY, _ROWS_MEDIAN),
        duckdb=(
            Form("bit masks", DUCKDB_LEARNING_ORDER),
            Form("windows", _learning_order(_WINDOW_HISTORY, _DUCKDB_MEDIAN)),
        ),
    ),
    Query(
        name="forgetting",
        title="forgetting of each example by each run",
        keys=("run", "example"),
        values=(
            "forgetting_events",
            "learning_events",
            "first_correct",
            "last_mistake",
            "learned",
        ),
        ours="""
            SELECT
                seed AS run, example_id AS example, forgetting_events, learning_events,
                first_correct, last_mistake, learned
            FROM forgetting
            WHERE ensemble = {ensemble}
        """,
        rows=_forgetting(_ROWS_HISTORY),
        duckdb=(
            Form("bit masks", _forgetting(DUCKDB_HISTORY)),
            Form("windows", _forgetting(_WINDOW_HISTORY)),
        ),
    ),
    Query(
        name="history",
        title="one example's whole history",
        keys=("run", "evaluation"),
        values=("correct", "predicted"),
        flags=("correct",),
        lookup=True,
        ours="""
            SELECT seed AS run, evaluation, correct, predicted
            FROM outcome
            WHERE ensemble = {ensemble} AND example_id = {example}
        """,
        rows=_HISTORY,
        duckdb=(Form("zone maps", _HISTORY),),
    ),
    Query(
        name="full_aggregate",
        title="right answers among all outcomes, row by row",
        keys=(),
        values=("correct",),
        ours="""
            SELECT count(*) FILTER (WHERE correct) AS correct
            FROM outcome
            WHERE ensemble = {ensemble}
        """,
        rows=_FULL,
        duckdb=(Form("counted", _FULL),),
    ),
)
