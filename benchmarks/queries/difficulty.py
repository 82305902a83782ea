"""Questions about difficulty: what an ensemble says in the end, of classes, bands and pairs.

Rows in PostgreSQL are not asked: they take ten seconds and more for simpler questions.
"""

from benchmarks.queries.examples import DUCKDB_HISTORY, DUCKDB_LEARNING_ORDER
from benchmarks.queries.query import Form, Query

_TALLY = """
    SELECT
        example,
        evaluation,
        count(*) AS runs,
        count(*) FILTER (WHERE correct) AS runs_correct
    FROM outcome_row
    GROUP BY example, evaluation
"""

_DICHOTOMY_SUMMARY = f"""
    SELECT
        evaluation,
        count(*) FILTER (WHERE runs_correct = runs) AS trivial,
        count(*) FILTER (WHERE runs_correct BETWEEN 1 AND runs - 1) AS in_between,
        count(*) FILTER (WHERE runs_correct = 0) AS impossible
    FROM ({_TALLY}) AS tally
    GROUP BY evaluation
"""

_DICHOTOMY = f"""
    SELECT
        example,
        evaluation,
        runs_correct = runs AS trivial,
        runs_correct = 0 AS impossible
    FROM ({_TALLY}) AS tally
"""

# Of a tie the label wins, if it is among the tied, else the lowest class.
_MOST_VOTES = (
    "arg_max(predicted, votes * 1048576 + (predicted = label)::INTEGER * 262144 - predicted)"
)

_CONSENSUS = f"""
    SELECT
        example,
        {_MOST_VOTES} AS consensus_class,
        max(votes) / sum(votes) AS consensus_share,
        ln(sum(votes)) - sum(votes * ln(votes)) / sum(votes) AS prediction_entropy
    FROM (
        SELECT example, predicted, count(*) AS votes
        FROM outcome_row
        WHERE evaluation = {{last}}
        GROUP BY example, predicted
    ) AS vote
    INNER JOIN example_row USING (example)
    GROUP BY example
"""

_INDUCED = f"""
    SELECT
        example,
        {_MOST_VOTES} AS induced_class,
        max(votes) / sum(votes) AS induced_share
    FROM (
        SELECT example, predicted, count(*) AS votes
        FROM outcome_row
        GROUP BY example, predicted
    ) AS vote
    INNER JOIN example_row USING (example)
    GROUP BY example
"""

_CLASS_ORDER = """
    SELECT
        label AS class,
        evaluation,
        sum(runs_correct) / sum(runs) AS tp_agreement
    FROM (
        SELECT
            example,
            evaluation,
            count(*) AS runs,
            count(*) FILTER (WHERE correct) AS runs_correct
        FROM outcome_row
        GROUP BY example, evaluation
    ) AS tally
    INNER JOIN example_row USING (example)
    GROUP BY label, evaluation
"""

_CLASS_DIFFICULTY = f"""
    SELECT
        label AS class,
        count(*) AS examples,
        avg(accessibility) AS accessibility,
        avg(forgetting_events) AS forgetting_events
    FROM (
        SELECT
            example,
            sum(rights)::DOUBLE PRECISION / (count(*) * {{last}}) AS accessibility,
            avg(forgotten) AS forgetting_events
        FROM ({DUCKDB_HISTORY}) AS history
        GROUP BY example
    ) AS score
    INNER JOIN example_row USING (example)
    GROUP BY label
"""

_JOINED_CONVERGENCE = """
    SELECT example, avg(converged) AS mean_converged
    FROM (
        SELECT
            run,
            example,
            coalesce(
                max(outcome_row.evaluation) FILTER (WHERE outcome_row.predicted <> final.predicted)
                + 1,
                0
            ) AS converged
        FROM outcome_row
        INNER JOIN (
            SELECT run, example, predicted FROM outcome_row WHERE evaluation = {last}
        ) AS final USING (run, example)
        GROUP BY run, example
    ) AS settled
    GROUP BY example
"""

_LISTED_CONVERGENCE = """
    SELECT example, avg(converged) AS mean_converged
    FROM (
        SELECT
            example,
            coalesce(
                list_max(
                    list_filter(
                        range(1, {last}), lambda e: predictions[e] <> predictions[{last}]
                    )
                ) + 1,
                0
            ) AS converged
        FROM (
            SELECT run, example, list(predicted ORDER BY evaluation) AS predictions
            FROM outcome_row
            GROUP BY run, example
        ) AS history
    ) AS settled
    GROUP BY example
"""

_BANDS = """
    SELECT example, ntile({bands}) OVER (ORDER BY rights {order}, example) AS band
    FROM (
        SELECT example, count(*) FILTER (WHERE correct) AS rights
        FROM outcome_row
        GROUP BY example
    ) AS score
"""

_CURVES = f"""
    SELECT
        band,
        evaluation,
        coalesce(sum(pairs) FILTER (WHERE first_correct <= evaluation), 0) / sum(pairs)
            AS first_correct,
        coalesce(sum(pairs) FILTER (WHERE last_mistake < evaluation), 0) / sum(pairs)
            AS last_mistake
    FROM (
        SELECT band, first_correct, last_mistake, count(*) AS pairs
        FROM ({DUCKDB_HISTORY}) AS history
        INNER JOIN ({_BANDS.format(bands=10, order="ASC")}) AS example_band USING (example)
        GROUP BY band, first_correct, last_mistake
    ) AS story
    CROSS JOIN (SELECT unnest(range(1, {{last}} + 1)) AS evaluation) AS point
    GROUP BY band, evaluation
"""

# A pair that is not learned counts as later than any.
_BY_BAND = f"""
    SELECT
        band,
        count(*) AS pairs,
        count(*) FILTER (WHERE last_mistake = {{last}}) AS pairs_not_learned,
        CASE
            WHEN median(last_mistake + 1) <= {{last}} THEN median(last_mistake + 1)
        END AS median_learned
    FROM ({DUCKDB_HISTORY}) AS history
    INNER JOIN ({_BANDS.format(bands=20, order="DESC")}) AS example_band USING (example)
    GROUP BY band
"""

_ENSEMBLE_ACCURACY = """
    SELECT evaluation, count(*) FILTER (WHERE correct)::DOUBLE PRECISION / count(*) AS accuracy
    FROM outcome_row
    GROUP BY evaluation
"""

_IN_BETWEEN = """
    SELECT
        run_a,
        run_b,
        CASE WHEN expected < 1 THEN (observed - expected) / (1 - expected) END AS kappa
    FROM (
        SELECT
            a.run AS run_a,
            b.run AS run_b,
            1 - bit_count(xor(a.bits, b.bits))::DOUBLE PRECISION / examples AS observed,
            (bit_count(a.bits & mask) / examples) * (bit_count(b.bits & mask) / examples)
            + (1 - bit_count(a.bits & mask) / examples)
            * (1 - bit_count(b.bits & mask) / examples) AS expected
        FROM answers AS a
        INNER JOIN answers AS b ON a.run < b.run
        CROSS JOIN (
            SELECT
                xor(bit_or(bits), bit_and(bits)) AS mask,
                bit_count(xor(bit_or(bits), bit_and(bits)))::DOUBLE PRECISION AS examples
            FROM answers
        ) AS extreme
    ) AS pair
"""

_DUCKDB_IN_BETWEEN = (
    """
    WITH answers AS MATERIALIZED (
        SELECT run, bitstring_agg(example, 0, {last_example}) FILTER (WHERE correct) AS bits
        FROM outcome_row
        WHERE evaluation = {last}
        GROUP BY run
    )
"""
    + _IN_BETWEEN
)

_EXAMPLE_DIFFICULTY = f"""
    SELECT *
    FROM ({DUCKDB_LEARNING_ORDER}) AS learned
    INNER JOIN ({_CONSENSUS}) AS consensus USING (example)
"""

# Without signals, the share of right answers stands for the belief in the label.
_SUSPECTED = f"""
    SELECT
        example,
        consensus_class,
        consensus_share,
        accessibility,
        consensus_share - accessibility AS score
    FROM ({_CONSENSUS}) AS consensus
    INNER JOIN (
        SELECT
            example, count(*) FILTER (WHERE correct)::DOUBLE PRECISION / count(*) AS accessibility
        FROM outcome_row
        GROUP BY example
    ) AS hit USING (example)
    INNER JOIN example_row USING (example)
    WHERE consensus_class <> label AND accessibility <= 0.1 + 1e-9 AND consensus_share > 0.5
"""


def _question(
    view: str,
    title: str,
    keys: tuple[str, ...],
    values: tuple[str, ...],
    *forms: Form,
    where: str = "",
    flags: tuple[str, ...] = (),
    written: str | None = None,
) -> Query:
    """A question to `view`, of columns that are called as in it but for the keys."""
    named = {
        "example": "example_id AS example",
        "run_a": "run_a - {first_run} AS run_a",
        "run_b": "run_b - {first_run} AS run_b",
    }
    columns = ", ".join([named.get(key, key) for key in keys] + [written or ", ".join(values)])
    return Query(
        name=view,
        title=title,
        keys=keys,
        values=values,
        flags=flags,
        ours=f"SELECT {columns} FROM {view} WHERE ensemble = {{ensemble}}{where}",
        rows=None,
        duckdb=forms,
    )


DIFFICULTY_QUERIES = (
    _question(
        "consensus",
        "consensus class, its share and the entropy of each example in the end",
        ("example",),
        ("consensus_class", "consensus_share", "prediction_entropy"),
        Form("votes grouped", _CONSENSUS),
    ),
    _question(
        "dichotomy",
        "dichotomy of each example at each evaluation",
        ("example", "evaluation"),
        ("trivial", "impossible"),
        Form("grouped", _DICHOTOMY),
        flags=("trivial", "impossible"),
        written="difficulty = 'trivial' AS trivial, difficulty = 'impossible' AS impossible",
    ),
    _question(
        "dichotomy_summary",
        "dichotomy at each evaluation",
        ("evaluation",),
        ("trivial", "in_between", "impossible"),
        Form("grouped", _DICHOTOMY_SUMMARY),
    ),
    _question(
        "first_correct_last_mistake",
        "first-correct and last-mistake curves of ten bands",
        ("band", "evaluation"),
        ("first_correct", "last_mistake"),
        Form("bit masks", _CURVES),
        where=" AND band > 0",
    ),
    _question(
        "learning_by_band",
        "median evaluation learned of twenty bands",
        ("band",),
        ("pairs", "pairs_not_learned", "median_learned"),
        Form("bit masks", _BY_BAND),
    ),
    _question(
        "error_consistency_in_between",
        "the same on the examples in between",
        ("run_a", "run_b"),
        ("kappa",),
        Form("bit strings", _DUCKDB_IN_BETWEEN),
        where=" AND evaluation = {last}",
    ),
    _question(
        "class_difficulty",
        "difficulty of each class",
        ("class",),
        ("examples", "accessibility", "forgetting_events"),
        Form("bit masks", _CLASS_DIFFICULTY),
    ),
    _question(
        "class_order",
        "Tp-agreement of each class at each evaluation",
        ("class", "evaluation"),
        ("tp_agreement",),
        Form("grouped", _CLASS_ORDER),
    ),
    _question(
        "induced_class",
        "most frequent class of each example over all of training",
        ("example",),
        ("induced_class", "induced_share"),
        Form("votes grouped", _INDUCED),
    ),
    _question(
        "convergence",
        "evaluation from which on the predictions of each example stay",
        ("example",),
        ("mean_converged",),
        Form("joined", _JOINED_CONVERGENCE),
        Form("lists", _LISTED_CONVERGENCE),
    ),
    _question(
        "ensemble_accuracy",
        "mean accuracy at each evaluation",
        ("evaluation",),
        ("accuracy",),
        Form("grouped", _ENSEMBLE_ACCURACY),
    ),
    _question(
        "example_difficulty",
        "every score of each example that outcomes determine",
        ("example",),
        (
            *("accessibility", "mean_learned", "median_learned", "first_correct", "last_mistake"),
            *("forgetting_events", "never_learned_share"),
            *("consensus_class", "consensus_share", "prediction_entropy"),
        ),
        Form("bit masks and votes", _EXAMPLE_DIFFICULTY),
    ),
    _question(
        "suspected_label_errors",
        "examples whose label looks wrong",
        ("example",),
        ("consensus_class", "consensus_share", "accessibility", "score"),
        Form("joined", _SUSPECTED),
    ),
)
