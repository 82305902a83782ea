"""Questions about one example: those about all of them, with a filter on it.

tracker is told the example's block too, as users tell it: its views make the rows of that block.
The rivals' filters go down to their rows by themselves.
"""

from dataclasses import replace

from benchmarks.queries.query import Form, Query


def of_one(query: Query, title: str) -> Query:
    """`query`, whose SQL of ours ends with a filter on the ensemble, of one {example} only."""
    [ensemble] = {"{ensemble}", "{other}"} & set(query.ours.split())
    block = f"block = example_block({ensemble}, {{example}})"
    return replace(
        query,
        name=f"one_{query.name}",
        title=title,
        ours=f"{query.ours.rstrip()} AND example_id = {{example}} AND {block}",
        rows=None if query.rows is None else _filtered(query.rows),
        duckdb=tuple(Form(form.name, _filtered(form.sql)) for form in query.duckdb),
        lookup=True,
    )


def _filtered(sql: str) -> str:
    return f"SELECT * FROM ({sql}) AS every_example WHERE example = {{example}}"
