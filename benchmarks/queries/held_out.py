"""Questions that tell the runs that trained on an example from those that held it out.

They are asked of the second ensemble, whose runs hold out a tenth each (`held_out_row`); rows in
PostgreSQL are not asked. Column `side` is 1 of runs that held the example out.
"""

from benchmarks.queries.query import Form, Query

_SIDE = "held_out::INTEGER AS side"

_SIDES = """
    LEFT JOIN (SELECT run, example, 1 AS side FROM held_out_row) AS held USING (run, example)
"""

_ACCESSIBILITY = f"""
    SELECT
        example,
        avg(correct::INTEGER) FILTER (WHERE side IS NULL) AS accessibility_trained_on,
        avg(correct::INTEGER) FILTER (WHERE side = 1) AS accessibility_held_out
    FROM other_row {_SIDES}
    GROUP BY example
"""

_TP_AGREEMENT = f"""
    SELECT
        example,
        evaluation,
        avg(correct::INTEGER) FILTER (WHERE side IS NULL) AS tp_agreement_trained_on,
        avg(correct::INTEGER) FILTER (WHERE side = 1) AS tp_agreement_held_out
    FROM other_row {_SIDES}
    GROUP BY example, evaluation
"""

# Learned from the evaluation after the last mistake on, if there is one.
_LEARNING = f"""
    SELECT
        example,
        coalesce(side, 0) AS side,
        count(*) AS runs,
        avg(accessibility) AS accessibility,
        avg(last_mistake + 1) FILTER (WHERE last_mistake < {{last}}) AS mean_learned,
        avg((last_mistake < {{last}})::INTEGER) AS learned_share,
        avg(first_correct) AS first_correct,
        avg(last_mistake) AS last_mistake,
        avg((first_correct IS NULL)::INTEGER) AS never_learned_share
    FROM (
        SELECT
            run,
            example,
            avg(correct::INTEGER) AS accessibility,
            min(evaluation) FILTER (WHERE correct) AS first_correct,
            coalesce(max(evaluation) FILTER (WHERE NOT correct), 0) AS last_mistake
        FROM other_row
        GROUP BY run, example
    ) AS history {_SIDES}
    GROUP BY example, side
"""

_AGREEMENT = f"""
    SELECT example, evaluation, side, max(votes) / sum(votes) AS agreement
    FROM (
        SELECT example, evaluation, coalesce(side, 0) AS side, count(*)::DOUBLE AS votes
        FROM other_row {_SIDES}
        GROUP BY example, evaluation, side, predicted
    ) AS vote
    GROUP BY example, evaluation, side
"""

_SIGNALS = f"""
    SELECT
        example,
        signal,
        coalesce(side, 0) AS side,
        avg(mean::DOUBLE) AS mean,
        avg(deviation::DOUBLE) AS deviation
    FROM summary_row {_SIDES}
    GROUP BY example, signal, side
"""

_EL2N = f"""
    SELECT example, evaluation, coalesce(side, 0) AS side, avg(el2n::DOUBLE) AS el2n
    FROM el2n_row {_SIDES}
    GROUP BY example, evaluation, side
"""


def _question(
    view: str,
    title: str,
    keys: tuple[str, ...],
    values: tuple[str, ...],
    duckdb: str,
    columns: str,
) -> Query:
    return Query(
        name=view if view.endswith("held_out") else f"{view}_held_out",
        title=f"{title}, trained on and held out",
        keys=keys,
        values=values,
        ours=f"SELECT {columns}, {', '.join(values)} FROM {view} WHERE ensemble = {{other}}",
        rows=None,
        duckdb=(Form("grouped", duckdb),),
    )


HELD_OUT_QUERIES = (
    _question(
        "accessibility",
        "accessibility",
        ("example",),
        ("accessibility_trained_on", "accessibility_held_out"),
        _ACCESSIBILITY,
        "example_id AS example",
    ),
    _question(
        "tp_agreement",
        "Tp-agreement at each evaluation",
        ("example", "evaluation"),
        ("tp_agreement_trained_on", "tp_agreement_held_out"),
        _TP_AGREEMENT,
        "example_id AS example, evaluation",
    ),
    _question(
        "learning_by_held_out",
        "learning order",
        ("example", "side"),
        (
            *("runs", "accessibility", "mean_learned", "learned_share", "first_correct"),
            *("last_mistake", "never_learned_share"),
        ),
        _LEARNING,
        f"example_id AS example, {_SIDE}",
    ),
    _question(
        "agreement_by_held_out",
        "agreement at each evaluation",
        ("example", "evaluation", "side"),
        ("agreement",),
        _AGREEMENT,
        f"example_id AS example, evaluation, {_SIDE}",
    ),
    _question(
        "signal_by_held_out",
        "data map and area under the margin",
        ("example", "signal", "side"),
        ("mean", "deviation"),
        _SIGNALS,
        f"example_id AS example, (signal = 'margin')::INTEGER AS signal, {_SIDE}",
    ),
    _question(
        "el2n_by_held_out",
        "EL2N at each evaluation",
        ("example", "evaluation", "side"),
        ("el2n",),
        _EL2N,
        f"example_id AS example, evaluation, {_SIDE}",
    ),
)
