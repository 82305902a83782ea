"""One question to every engine, and the sums that stand for its answer."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.content import Content

ENSEMBLE = "store"
"""Name of the benchmark's ensemble."""

OTHER = "other"
"""Name of a second one on the same examples, whose runs record signals and outputs as well."""

MOST_EVALUATIONS = 45
"""Rivals that keep a history in the bits of one integer find its highest bit by a logarithm."""


@dataclass(frozen=True)
class Form:
    """One way of asking a rival; the fastest counts."""

    name: str
    sql: str


@dataclass(frozen=True)
class Query:
    """One question; the SQL of every engine gives the same columns, in any order of rows.

    Attributes
    ----------
    keys
        Whole numbers that tell rows apart.
    values
        Numbers to agree on; those of `flags` are booleans.
    ours, rows, duckdb
        SQL with the fields of `parameters` in braces. Without `rows`, PostgreSQL is not asked.
    lookup
        Asked of many examples, {example}, rather than again and again.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    values: tuple[str, ...]
    ours: str
    rows: str | None
    duckdb: tuple[Form, ...]
    flags: tuple[str, ...] = ()
    lookup: bool = False

    def _number(self, column: str) -> str:
        return f"{column}::INTEGER" if column in self.flags else column

    def timed(self, sql: str) -> str:
        """`sql` with every column summed by the server."""
        sums = [f"sum({self._number(column)})" for column in (*self.keys, *self.values)]
        return _over(["count(*)", *sums], sql)

    def checked(self, sql: str) -> str:
        """`sql` with every value counted, and summed with a weight that depends on its row."""
        row = " + ".join(
            f"{key}::BIGINT * {prime}"
            for key, prime in zip(self.keys, (7919, 104_729, 1_299_709), strict=False)
        )
        weight = f"(1 + ({row or 0}) % 9973)"
        columns = ["count(*)"]
        for value in self.values:
            columns.append(f"count({value})")
            columns.append(f"sum({self._number(value)}::DOUBLE PRECISION * {weight})")
        return _over(columns, sql)


def _over(columns: list[str], sql: str) -> str:
    body = textwrap.indent(textwrap.dedent(sql).strip(), "    ")
    return f"SELECT {', '.join(columns)}\nFROM (\n{body}\n) AS answer"


def parameters(content: Content) -> Mapping[str, object]:
    """What stands for the fields in the queries' SQL."""
    every = range(1, content.evaluations + 1)
    return {
        "ensemble": f"'{ENSEMBLE}'",
        "other": f"'{OTHER}'",
        "runs": content.runs,
        "last": content.evaluations,
        "last_example": content.examples - 1,
        "every_evaluation": sum(1 << evaluation for evaluation in every),
        "all_but_last": sum(1 << evaluation for evaluation in every[:-1]),
        "changes": ", ".join(f"sum((changed >> {before} & 1)::INTEGER)" for before in every[:-1]),
        "votes_of_each_class": ", ".join(
            f"count(*) FILTER (WHERE predicted = {index})" for index in range(content.classes)
        ),
    }
