"""Questions about two ensembles of the same examples; rows in PostgreSQL are not asked."""

from benchmarks.queries.query import Form, Query

_WHERE = "WHERE ensemble_a = {ensemble} AND ensemble_b = {other}"

_ACCURACIES = """
    SELECT evaluation, count(*) FILTER (WHERE correct)::DOUBLE PRECISION / count(*) AS accuracy
    FROM {table}
    GROUP BY evaluation
"""

_MATCHED = f"""
    SELECT
        one.evaluation AS evaluation_a,
        other.evaluation AS evaluation_b,
        one.accuracy AS accuracy_a,
        other.accuracy AS accuracy_b
    FROM ({_ACCURACIES.format(table="outcome_row")}) AS one
    INNER JOIN ({_ACCURACIES.format(table="other_row")}) AS other
        ON abs(one.accuracy - other.accuracy) <= 0.01 + 1e-12
"""

# A tie goes to the label.
_MAJORITY = """
    SELECT
        evaluation,
        bitstring_agg(example, 0, {{last_example}}) FILTER (WHERE majority_right) AS bits
    FROM (
        SELECT
            example,
            evaluation,
            coalesce(max(votes) FILTER (WHERE predicted = label), 0) = max(votes) AS majority_right
        FROM (
            SELECT example, evaluation, predicted, count(*) AS votes
            FROM {table}
            GROUP BY example, evaluation, predicted
        ) AS vote
        INNER JOIN example_row USING (example)
        GROUP BY example, evaluation
    ) AS verdict
    GROUP BY evaluation
"""

_BOTH_OR_ONLY = f"""
    SELECT
        evaluation_a,
        evaluation_b,
        bit_count(a.bits & b.bits) AS both_right,
        bit_count(a.bits) - bit_count(a.bits & b.bits) AS only_a,
        bit_count(b.bits) - bit_count(a.bits & b.bits) AS only_b
    FROM ({_MATCHED}) AS matched
    INNER JOIN ({_MAJORITY.format(table="outcome_row")}) AS a ON evaluation_a = a.evaluation
    INNER JOIN ({_MAJORITY.format(table="other_row")}) AS b ON evaluation_b = b.evaluation
"""

_TALLY = """
    SELECT
        example,
        evaluation,
        count(*) AS runs,
        count(*) FILTER (WHERE correct) AS runs_correct
    FROM {table}
    GROUP BY example, evaluation
"""

_CROSS = f"""
    SELECT
        evaluation_a,
        evaluation_b,
        mean AS cross_consistency,
        CASE WHEN m2 > 1e-12 THEN m4 / (m2 * m2) - m3 * m3 / (m2 * m2 * m2) - 1 END AS bimodality
    FROM (
        SELECT
            evaluation_a,
            evaluation_b,
            max(mean) AS mean,
            sum(examples * power(tp - mean, 2)) / sum(examples) AS m2,
            sum(examples * power(tp - mean, 3)) / sum(examples) AS m3,
            sum(examples * power(tp - mean, 4)) / sum(examples) AS m4
        FROM (
            SELECT *, sum(examples * tp) OVER pair / sum(examples) OVER pair AS mean
            FROM (
                SELECT
                    evaluation_a,
                    evaluation_b,
                    (a.runs_correct + b.runs_correct)::DOUBLE PRECISION / (a.runs + b.runs) AS tp,
                    count(*)::DOUBLE PRECISION AS examples
                FROM ({_MATCHED}) AS matched
                INNER JOIN ({_TALLY.format(table="outcome_row")}) AS a
                    ON evaluation_a = a.evaluation
                INNER JOIN ({_TALLY.format(table="other_row")}) AS b
                    ON evaluation_b = b.evaluation AND a.example = b.example
                GROUP BY evaluation_a, evaluation_b, tp
            ) AS bar
            WINDOW pair AS (PARTITION BY evaluation_a, evaluation_b)
        ) AS moment
        GROUP BY evaluation_a, evaluation_b
    ) AS bimodal
"""

_ORDER = """
    SELECT corr(a, b) AS pearson, corr(rank_a, rank_b) AS spearman
    FROM (
        SELECT
            a,
            b,
            (rank() OVER (ORDER BY a) + count(*) OVER (ORDER BY a)) / 2 AS rank_a,
            (rank() OVER (ORDER BY b) + count(*) OVER (ORDER BY b)) / 2 AS rank_b
        FROM (
            SELECT example, count(*) FILTER (WHERE correct) AS a FROM outcome_row GROUP BY example
        ) AS one
        INNER JOIN (
            SELECT example, count(*) FILTER (WHERE correct) AS b FROM other_row GROUP BY example
        ) AS other USING (example)
    ) AS ranked
"""

_EASIEST = f"""
    SELECT
        evaluation,
        bitstring_agg(example, 0, {{{{last_example}}}}) FILTER (WHERE 10 * runs_correct > 9 * runs)
            AS bits
    FROM ({_TALLY}) AS tally
    GROUP BY evaluation
"""

_OVERLAP = f"""
    SELECT
        a.evaluation AS evaluation_a,
        b.evaluation AS evaluation_b,
        coalesce(bit_count(a.bits), 0) AS easiest_a,
        coalesce(bit_count(b.bits), 0) AS easiest_b,
        coalesce(bit_count(a.bits & b.bits), 0) AS shared
    FROM ({_EASIEST.format(table="outcome_row")}) AS a
    CROSS JOIN ({_EASIEST.format(table="other_row")}) AS b
"""

_EVALUATIONS = ("evaluation_a", "evaluation_b")


def _question(
    view: str, title: str, keys: tuple[str, ...], values: tuple[str, ...], form: Form
) -> Query:
    return Query(
        name=view,
        title=title,
        keys=keys,
        values=values,
        ours=f"SELECT {', '.join((*keys, *values))} FROM {view} {_WHERE}",
        rows=None,
        duckdb=(form,),
    )


PAIR_QUERIES = (
    _question(
        "matched_evaluations",
        "two ensembles: matched evaluations",
        _EVALUATIONS,
        ("accuracy_a", "accuracy_b"),
        Form("grouped", _MATCHED),
    ),
    _question(
        "both_or_only",
        "two ensembles: majority right in both or in one, where matched",
        _EVALUATIONS,
        ("both_right", "only_a", "only_b"),
        Form("votes grouped, bit strings", _BOTH_OR_ONLY),
    ),
    _question(
        "cross_consistency",
        "two ensembles: Tp-agreement of the merged runs, where matched",
        _EVALUATIONS,
        ("cross_consistency", "bimodality"),
        Form("joined", _CROSS),
    ),
    _question(
        "order_correlation",
        "two ensembles: correlation of accessibility",
        (),
        ("pearson", "spearman"),
        Form("ranked", _ORDER),
    ),
    _question(
        "easiest_overlap",
        "two ensembles: overlap of the easiest examples, all pairs of evaluations",
        _EVALUATIONS,
        ("easiest_a", "easiest_b", "shared"),
        Form("bit strings", _OVERLAP),
    ),
)
