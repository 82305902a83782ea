"""What is asked: of the views of tracker, of rows in PostgreSQL and of rows in DuckDB.

A question is one `Query` of `QUERIES`. Its SQL is what a user types; it is timed inside a
`SELECT count(*), sum(...)` over all of its columns, so that every value is computed and none
crosses the connection. Before that, sums weighted by row are compared between the engines.
"""

from benchmarks.queries.difficulty import DIFFICULTY_QUERIES
from benchmarks.queries.evaluations import EVALUATION_QUERIES, suited
from benchmarks.queries.examples import EXAMPLE_QUERIES
from benchmarks.queries.pairs import PAIR_QUERIES
from benchmarks.queries.query import Form, Query, parameters
from benchmarks.queries.recorded import RECORDED_QUERIES
from benchmarks.queries.runs import RUN_QUERIES

QUERIES: dict[str, Query] = {
    query.name: query
    for query in (*EXAMPLE_QUERIES, *EVALUATION_QUERIES, *RUN_QUERIES, *DIFFICULTY_QUERIES)
}

SECOND_QUERIES: dict[str, Query] = {
    query.name: query for query in (*RECORDED_QUERIES, *PAIR_QUERIES)
}
"""What is asked once there is a second ensemble, which records more than outcomes."""

ALL_QUERIES = QUERIES | SECOND_QUERIES

__all__ = ["ALL_QUERIES", "QUERIES", "SECOND_QUERIES", "Form", "Query", "parameters", "suited"]
