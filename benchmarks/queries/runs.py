"""Questions about runs: accuracy, what changes in one, how far two err together."""

from benchmarks.queries.query import Form, Query

_RUN_ACCURACY = """
    SELECT
        run,
        evaluation,
        count(*) FILTER (WHERE correct)::DOUBLE PRECISION / count(*) AS accuracy
    FROM outcome_row
    GROUP BY run, evaluation
"""

_PAIRS = """
    SELECT
        run_a,
        run_b,
        CASE WHEN expected < 1 THEN (observed - expected) / (1 - expected) END AS kappa
    FROM (
        SELECT
            a.run AS run_a,
            b.run AS run_b,
            1 - {differing}::DOUBLE PRECISION / a.examples AS observed,
            a.p * b.p + (1 - a.p) * (1 - b.p) AS expected
        FROM answers AS a
        INNER JOIN answers AS b ON a.run < b.run
    ) AS pair
"""

# Both rivals can gather a run's answers into one bit string; joining rows takes far longer.
_DUCKDB_CONSISTENCY = """
    WITH answers AS (
        SELECT
            run,
            count(*) AS examples,
            count(*) FILTER (WHERE correct)::DOUBLE PRECISION / count(*) AS p,
            bitstring_agg(example, 0, {last_example}) FILTER (WHERE correct) AS bits
        FROM outcome_row
        WHERE evaluation = {last}
        GROUP BY run
    )
""" + _PAIRS.replace("{differing}", "bit_count(xor(a.bits, b.bits))")

_ROWS_CONSISTENCY = """
    WITH answers AS MATERIALIZED (
        SELECT
            run,
            count(*) AS examples,
            count(*) FILTER (WHERE correct)::DOUBLE PRECISION / count(*) AS p,
            string_agg(CASE WHEN correct THEN '1' ELSE '0' END, '' ORDER BY example)::VARBIT
                AS bits
        FROM outcome_row
        WHERE evaluation = {last}
        GROUP BY run
    )
""" + _PAIRS.replace("{differing}", "bit_count(a.bits # b.bits)")

_JOINED_CONSISTENCY = """
    WITH answers AS (
        SELECT
            run,
            count(*) AS examples,
            count(*) FILTER (WHERE correct)::DOUBLE PRECISION / count(*) AS p
        FROM outcome_row
        WHERE evaluation = {last}
        GROUP BY run
    ),
    difference AS (
        SELECT
            one.run AS run_a,
            other.run AS run_b,
            count(*) FILTER (WHERE one.correct <> other.correct) AS differing
        FROM outcome_row AS one
        INNER JOIN outcome_row AS other ON one.example = other.example AND one.run < other.run
        WHERE one.evaluation = {last} AND other.evaluation = {last}
        GROUP BY one.run, other.run
    )
""" + _PAIRS.replace("{differing}", "difference.differing").replace(
    "ON a.run < b.run",
    "ON a.run < b.run\n"
    "        INNER JOIN difference ON a.run = difference.run_a AND b.run = difference.run_b",
)

_DUCKDB_SWAPS = """
    SELECT
        run,
        evaluation,
        bit_count(xor(bits, lag(bits) OVER (PARTITION BY run ORDER BY evaluation)))
        / examples::DOUBLE PRECISION AS swaps
    FROM (
        SELECT
            run,
            evaluation,
            count(*) AS examples,
            bitstring_agg(example, 0, {last_example}) FILTER (WHERE correct) AS bits
        FROM outcome_row
        GROUP BY run, evaluation
    ) AS answers
    QUALIFY evaluation > 1
"""

_WINDOW_SWAPS = """
    SELECT run, evaluation, avg((correct <> before)::INTEGER) AS swaps
    FROM (
        SELECT
            run,
            evaluation,
            correct,
            lag(correct) OVER (PARTITION BY run, example ORDER BY evaluation) AS before
        FROM outcome_row
    ) AS step
    WHERE evaluation > 1
    GROUP BY run, evaluation
"""

# Bit e of `changed`: is the answer at e + 1 another than at e?
_ROWS_SWAPS = """
    SELECT
        run,
        change.place + 1 AS evaluation,
        change.examples::DOUBLE PRECISION / total.examples AS swaps
    FROM (
        SELECT run, count(*) AS examples, ARRAY[{changes}] AS changes
        FROM (
            SELECT run, mask # (mask >> 1) AS changed
            FROM (
                SELECT
                    run,
                    bit_or(CASE WHEN correct THEN 1::BIGINT << evaluation ELSE 0 END) AS mask
                FROM outcome_row
                GROUP BY run, example
            ) AS history
        ) AS step
        GROUP BY run
    ) AS total
    CROSS JOIN LATERAL unnest(total.changes) WITH ORDINALITY AS change (examples, place)
"""

RUN_QUERIES = (
    Query(
        name="error_consistency",
        title="error consistency of all pairs of runs, last evaluation",
        keys=("run_a", "run_b"),
        values=("kappa",),
        ours="""
            SELECT
                run_a - {first_run} AS run_a,
                run_b - {first_run} AS run_b,
                kappa
            FROM error_consistency
            WHERE ensemble = {ensemble} AND evaluation = {last}
        """,
        rows=_ROWS_CONSISTENCY,
        duckdb=(Form("bit strings", _DUCKDB_CONSISTENCY), Form("joined", _JOINED_CONSISTENCY)),
    ),
    Query(
        name="decision_swaps",
        title="decision swaps of each run between evaluations",
        keys=("run", "evaluation"),
        values=("swaps",),
        ours="""
            SELECT seed AS run, evaluation, swap_share AS swaps
            FROM decision_swaps
            WHERE ensemble = {ensemble}
        """,
        rows=_ROWS_SWAPS,
        duckdb=(Form("bit strings", _DUCKDB_SWAPS), Form("windows", _WINDOW_SWAPS)),
    ),
    Query(
        name="run_accuracy",
        title="accuracy of each run at each evaluation",
        keys=("run", "evaluation"),
        values=("accuracy",),
        ours="""
            SELECT seed AS run, evaluation, accuracy
            FROM run_accuracy
            WHERE ensemble = {ensemble}
        """,
        rows=_RUN_ACCURACY,
        duckdb=(Form("grouped", _RUN_ACCURACY),),
    ),
)
