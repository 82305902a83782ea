"""Questions about evaluations: how far the runs agree at each."""

from dataclasses import replace

from benchmarks.queries.query import Form, Query

_TP_AGREEMENT = """
    SELECT
        example,
        evaluation,
        count(*) FILTER (WHERE correct)::DOUBLE PRECISION / count(*) AS tp_agreement
    FROM outcome_row
    GROUP BY example, evaluation
"""

_TP_HISTOGRAM = """
    SELECT evaluation, runs_correct, count(*) AS examples
    FROM (
        SELECT example, evaluation, count(*) FILTER (WHERE correct) AS runs_correct
        FROM outcome_row
        GROUP BY example, evaluation
    ) AS tally
    GROUP BY evaluation, runs_correct
"""


def _bimodality(mean: str, bars: str) -> str:
    """Moments of the histogram `bars`: a handful of rows after the one pass over the outcomes."""
    return f"""
    SELECT
        evaluation,
        mean AS {mean},
        CASE WHEN m2 > 1e-12 THEN m4 / (m2 * m2) - m3 * m3 / (m2 * m2 * m2) - 1 END AS bimodality
    FROM (
        SELECT
            evaluation,
            mean,
            sum(examples * power(share - mean, 2)) / sum(examples) AS m2,
            sum(examples * power(share - mean, 3)) / sum(examples) AS m3,
            sum(examples * power(share - mean, 4)) / sum(examples) AS m4
        FROM (
            SELECT
                evaluation,
                examples,
                share,
                sum(examples * share) OVER (PARTITION BY evaluation)
                / sum(examples) OVER (PARTITION BY evaluation) AS mean
            FROM ({bars}) AS bar
        ) AS centred
        GROUP BY evaluation, mean
    ) AS moment
"""


_BIMODALITY = _bimodality(
    "tp_agreement",
    """
    SELECT
        evaluation,
        runs_correct::DOUBLE PRECISION / runs AS share,
        count(*)::DOUBLE PRECISION AS examples
    FROM (
        SELECT
            example,
            evaluation,
            count(*) FILTER (WHERE correct) AS runs_correct,
            count(*) AS runs
        FROM outcome_row
        GROUP BY example, evaluation
    ) AS tally
    GROUP BY evaluation, runs_correct, runs
""",
)

_AGREEMENT_OF_EXAMPLES = """
    SELECT evaluation, example, max(votes) AS runs_agreeing
    FROM (
        SELECT evaluation, example, predicted, count(*) AS votes
        FROM outcome_row
        GROUP BY evaluation, example, predicted
    ) AS vote
    GROUP BY evaluation, example
"""

_AGREEMENT_OF_EXAMPLES_BY_CLASS = """
    SELECT evaluation, example, greatest({votes_of_each_class}) AS runs_agreeing
    FROM outcome_row
    GROUP BY evaluation, example
"""


def _histogram(tally: str) -> str:
    return f"""
    SELECT evaluation, runs_agreeing, count(*) AS examples
    FROM ({tally}) AS tally
    GROUP BY evaluation, runs_agreeing
    """


_AGREEMENT = _histogram(_AGREEMENT_OF_EXAMPLES)
_AGREEMENT_BY_CLASS = _histogram(_AGREEMENT_OF_EXAMPLES_BY_CLASS)

_AGREEMENT_BIMODALITY = _bimodality(
    "agreement",
    f"""
    SELECT
        evaluation,
        runs_agreeing::DOUBLE PRECISION / {{runs}} AS share,
        count(*)::DOUBLE PRECISION AS examples
    FROM ({_AGREEMENT_OF_EXAMPLES}) AS tally
    GROUP BY evaluation, runs_agreeing
""",
)

AGREEMENT_HISTOGRAM = Query(
    name="agreement_histogram",
    title="agreement histogram of each evaluation",
    keys=("evaluation", "runs_agreeing"),
    values=("examples",),
    ours="""
        SELECT evaluation, runs_agreeing, examples
        FROM agreement_histogram
        WHERE ensemble = {ensemble} AND examples > 0
    """,
    rows=_AGREEMENT_BY_CLASS,
    duckdb=(Form("votes grouped", _AGREEMENT), Form("column a class", _AGREEMENT_BY_CLASS)),
)

MOST_COLUMNS = 16
"""Classes up to which rivals are also asked with a column a class."""


def suited(query: Query, classes: int) -> Query:
    """`query` without the forms that many classes rule out."""
    if classes <= MOST_COLUMNS:
        return query
    if query.name == AGREEMENT_HISTOGRAM.name:
        return replace(query, rows=_AGREEMENT, duckdb=query.duckdb[:1])
    of_agreement = query.name in ("agreement", "one_agreement")
    return replace(query, duckdb=query.duckdb[:1]) if of_agreement else query


EVALUATION_QUERIES = (
    Query(
        name="tp_agreement",
        title="Tp-agreement of each example at each evaluation",
        keys=("example", "evaluation"),
        values=("tp_agreement",),
        ours="""
            SELECT example_id AS example, evaluation, tp_agreement
            FROM tp_agreement
            WHERE ensemble = {ensemble}
        """,
        rows=_TP_AGREEMENT,
        duckdb=(Form("grouped", _TP_AGREEMENT),),
    ),
    Query(
        name="tp_agreement_histogram",
        title="Tp-agreement histogram of each evaluation",
        keys=("evaluation", "runs_correct"),
        values=("examples",),
        ours="""
            SELECT evaluation, runs_correct, examples
            FROM tp_agreement_histogram
            WHERE ensemble = {ensemble} AND examples > 0
        """,
        rows=_TP_HISTOGRAM,
        duckdb=(Form("grouped", _TP_HISTOGRAM),),
    ),
    Query(
        name="bimodality",
        title="bimodality of each evaluation",
        keys=("evaluation",),
        values=("tp_agreement", "bimodality"),
        ours="""
            SELECT evaluation, tp_agreement, bimodality
            FROM bimodality
            WHERE ensemble = {ensemble}
        """,
        rows=_BIMODALITY,
        duckdb=(Form("grouped", _BIMODALITY),),
    ),
    Query(
        name="agreement",
        title="agreement of each example at each evaluation",
        keys=("example", "evaluation"),
        values=("runs_agreeing",),
        ours="""
            SELECT example_id AS example, evaluation, runs_agreeing
            FROM agreement
            WHERE ensemble = {ensemble}
        """,
        rows=None,
        duckdb=(
            Form("votes grouped", _AGREEMENT_OF_EXAMPLES),
            Form("column a class", _AGREEMENT_OF_EXAMPLES_BY_CLASS),
        ),
    ),
    AGREEMENT_HISTOGRAM,
    Query(
        name="agreement_bimodality",
        title="bimodality of agreement at each evaluation",
        keys=("evaluation",),
        values=("agreement", "bimodality"),
        ours="""
            SELECT evaluation, agreement, bimodality
            FROM agreement_bimodality
            WHERE ensemble = {ensemble}
        """,
        rows=None,
        duckdb=(Form("votes grouped", _AGREEMENT_BIMODALITY),),
    ),
)
