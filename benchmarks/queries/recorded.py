"""Questions to what runs record besides outcomes: signals, held-out examples, analysed scores.

They are asked of the second ensemble; rows in PostgreSQL are not asked. DuckDB has means and
deviations of the two summarised signals as rows (`summary_row`, signal 0 is confidence, 1 is
margin), the recorded one (`el2n_row`), who held what out (`held_out_row`), and the score that an
analysis task has computed (`score_row`).
"""

from benchmarks.queries.query import Form, Query

_DATA_MAP = """
    SELECT
        example,
        avg(mean::DOUBLE) AS confidence,
        avg(deviation::DOUBLE) AS variability,
        max(correctness) AS correctness
    FROM summary_row
    INNER JOIN (
        SELECT
            example, count(*) FILTER (WHERE correct)::DOUBLE PRECISION / count(*) AS correctness
        FROM other_row
        GROUP BY example
    ) AS hit USING (example)
    WHERE signal = 0
    GROUP BY example
"""

_AUM = """
    SELECT example, avg(mean::DOUBLE) AS aum, stddev_pop(mean::DOUBLE) AS deviation
    FROM summary_row
    WHERE signal = 1
    GROUP BY example
"""

_EL2N = """
    SELECT example, evaluation, avg(el2n::DOUBLE) AS el2n
    FROM el2n_row
    GROUP BY example, evaluation
"""

# Single precision would be too little to add up in.
_SUMMARIES = """
    SELECT run, example, signal, mean::DOUBLE AS mean, deviation::DOUBLE AS deviation
    FROM summary_row
"""

# Of a tie the label wins, if it is among the tied, else the lowest class.
_CONSISTENCY = """
    SELECT
        example,
        coalesce(voters, 0) AS runs_held_out,
        consistency,
        consensus_class,
        consensus_consistency,
        prediction_entropy
    FROM example_row
    LEFT JOIN (
        SELECT
            example,
            sum(votes) AS voters,
            coalesce(sum(votes) FILTER (WHERE predicted = label), 0) / sum(votes) AS consistency,
            arg_max(predicted, votes * 1048576 + (predicted = label)::INTEGER * 262144 - predicted)
                AS consensus_class,
            max(votes) / sum(votes) AS consensus_consistency,
            ln(sum(votes)) - sum(votes * ln(votes)) / sum(votes) AS prediction_entropy
        FROM (
            SELECT example, predicted, count(*) AS votes
            FROM other_row
            INNER JOIN held_out_row USING (run, example)
            WHERE evaluation = {last}
            GROUP BY example, predicted
        ) AS vote
        INNER JOIN example_row USING (example)
        GROUP BY example
    ) AS poll USING (example)
"""

_RANKED = """
    SELECT
        example,
        agreement::DOUBLE AS ensemble_agreement,
        ntile(10) OVER (ORDER BY agreement, example) AS decile
    FROM score_row
"""


def _question(
    view: str,
    title: str,
    keys: tuple[str, ...],
    values: tuple[str, ...],
    form: Form,
    named: str,
    written: str | None = None,
) -> Query:
    """A question to `view`; `named` and `written` say how its keys and values are called there."""
    columns = f"{named}, {written or ', '.join(values)}"
    return Query(
        name=view,
        title=title,
        keys=keys,
        values=values,
        ours=f"SELECT {columns} FROM {view} WHERE ensemble = {{other}}",
        rows=None,
        duckdb=(form,),
    )


RECORDED_QUERIES = (
    _question(
        "data_map",
        "data map of each example",
        ("example",),
        ("confidence", "variability", "correctness"),
        Form("grouped", _DATA_MAP),
        "example_id AS example",
    ),
    _question(
        "aum",
        "area under the margin of each example",
        ("example",),
        ("aum", "deviation"),
        Form("grouped", _AUM),
        "example_id AS example",
    ),
    _question(
        "el2n",
        "EL2N of each example at each evaluation",
        ("example", "evaluation"),
        ("el2n",),
        Form("grouped", _EL2N),
        "example_id AS example, evaluation",
    ),
    _question(
        "run_signal",
        "mean and deviation of two signals of each example in each run",
        ("run", "example", "signal"),
        ("mean", "deviation"),
        Form("as stored", _SUMMARIES),
        "seed AS run, example_id AS example, (signal = 'margin')::INTEGER AS signal",
        "mean::DOUBLE PRECISION AS mean, deviation::DOUBLE PRECISION AS deviation",
    ),
    _question(
        "consistency",
        "consistency score and consensus of each example over the runs that held it out",
        ("example",),
        (
            *("runs_held_out", "consistency", "consensus_class", "consensus_consistency"),
            "prediction_entropy",
        ),
        Form("votes grouped", _CONSISTENCY),
        "example_id AS example",
    ),
    _question(
        "ensemble_agreement",
        "ensemble agreement and its decile, computed beforehand",
        ("example",),
        ("ensemble_agreement", "decile"),
        Form("as stored", _RANKED),
        "example_id AS example",
    ),
)
