"""What is asked: of the views of tracker, of rows in PostgreSQL and of rows in DuckDB.

A question is one `Query` of `QUERIES`. Its SQL is what a user types; it is timed inside a
`SELECT count(*), sum(...)` over all of its columns, so that every value is computed and none
crosses the connection. Before that, sums weighted by row are compared between the engines.
"""

from benchmarks.queries.difficulty import DIFFICULTY_QUERIES
from benchmarks.queries.evaluations import EVALUATION_QUERIES, suited
from benchmarks.queries.examples import EXAMPLE_QUERIES
from benchmarks.queries.held_out import HELD_OUT_QUERIES
from benchmarks.queries.one_example import of_one
from benchmarks.queries.pairs import PAIR_QUERIES
from benchmarks.queries.query import Form, Query, parameters
from benchmarks.queries.recorded import RECORDED_QUERIES
from benchmarks.queries.runs import RUN_QUERIES

QUERIES: dict[str, Query] = {
    query.name: query
    for query in (*EXAMPLE_QUERIES, *EVALUATION_QUERIES, *RUN_QUERIES, *DIFFICULTY_QUERIES)
}

SECOND_QUERIES: dict[str, Query] = {
    query.name: query for query in (*RECORDED_QUERIES, *HELD_OUT_QUERIES, *PAIR_QUERIES)
}
"""What is asked once there is a second ensemble, which records more than outcomes."""

ONE_EXAMPLE = {
    "forgetting": "one example's forgetting by each run",
    "tp_agreement": "one example's Tp-agreement at each evaluation",
    "agreement": "one example's agreement at each evaluation",
    "consensus": "one example's consensus class, its share and the entropy in the end",
    "data_map": "one example's place in the data map",
    "el2n": "one example's EL2N at each evaluation",
    "run_signal": "one example's mean and deviation of two signals in each run",
}
"""Questions that are asked of one example too, and what they are called."""


def _of_one(queries: dict[str, Query]) -> dict[str, Query]:
    asked = [of_one(queries[name], title) for name, title in ONE_EXAMPLE.items() if name in queries]
    return {query.name: query for query in asked}


QUERIES |= _of_one(QUERIES)
SECOND_QUERIES |= _of_one(SECOND_QUERIES)
ALL_QUERIES = QUERIES | SECOND_QUERIES

__all__ = ["ALL_QUERIES", "QUERIES", "SECOND_QUERIES", "Form", "Query", "parameters", "suited"]
