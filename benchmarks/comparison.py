"""The first table: one content in tracker, as rows in PostgreSQL, in DuckDB and in MLflow."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from benchmarks import tables
from benchmarks.asking import Asked, agree, ask, ask_forms
from benchmarks.content import Content
from benchmarks.duck import Duck, Loaded
from benchmarks.mlflow_store import Logged, log_sample
from benchmarks.ours import Deletion, Ours, Written
from benchmarks.progress import say
from benchmarks.queries import QUERIES, SECOND_QUERIES, Query, parameters, suited
from benchmarks.queries.query import OTHER
from benchmarks.rows import Copied, Rows, Session
from benchmarks.servers import Server
from benchmarks.timing import Figure, Missing, Unanswered


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    repeats: int
    lookups: int
    """Examples whose history is looked up."""
    timeout: float
    """Seconds after which rows in PostgreSQL are given up."""
    mlflow_outcomes: int
    """Size of MLflow's sample; 0 leaves it out."""
    folder: Path | None
    """Where DuckDB's file goes."""


@dataclass
class Comparison:
    """All figures of one content."""

    content: Content
    ours: Written
    rows: Copied
    duck: Loaded
    mlflow: Logged | Missing
    asked: dict[str, tuple[Asked, Asked, Asked]] = field(default_factory=dict)
    """For each query: tracker, rows, DuckDB."""
    analysis: float = float("nan")
    """Seconds to compute ensemble agreement of the second ensemble."""
    compared: Figure | None = None
    """Seconds of what `tracker compare` asks of the two."""
    deletion: Deletion | None = None
    """What it took to delete the ensemble."""


@contextmanager
def duck_file(folder: Path | None, content: Content) -> Iterator[Duck]:
    """A new DuckDB file, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-duckdb-", dir=folder) as own:
        duck = Duck(Path(own), content)
        try:
            yield duck
        finally:
            duck.close()


def compare(server: Server, content: Content, effort: Effort) -> Comparison:
    """Write the content everywhere, then ask every question of every engine.

    Raises
    ------
    Disagreement
        If two engines answer differently.
    """
    with ExitStack() as stack:
        engine = stack.enter_context(server.tracker_database())
        ours = Ours(engine, content)
        rows = Rows(stack.enter_context(server.database()), content, effort.timeout)
        duck = stack.enter_context(duck_file(effort.folder, content))
        say("    writing: tracker, rows, DuckDB, MLflow")
        found = Comparison(
            content, ours.write(), rows.write(), duck.write(), _mlflow(server, content, effort)
        )
        fields = {**parameters(content), **ours.fields}
        session = stack.enter_context(rows.session())
        for query in (suited(query, content.classes) for query in QUERIES.values()):
            found.asked[query.name] = ask_all(query, ours, session, duck, fields, effort, content)
            tell(query, found.asked[query.name])
        _ask_of_two(found, engine, ours, duck, effort)
        found.deletion = ours.delete()
        say(f"    delete: {found.deletion}")
    return found


def _ask_of_two(found: Comparison, engine: Engine, ours: Ours, duck: Duck, effort: Effort) -> None:
    """Write a second ensemble, which records more, and ask about it and about the two."""
    others = found.content.others()
    say("    writing a second ensemble: tracker, DuckDB")
    second = Ours(engine, others, OTHER, recording=True)
    second.write()
    found.analysis = second.analyze()
    duck.write_second(others, second.scores())
    fields = {**parameters(found.content), **second.fields}
    for query in SECOND_QUERIES.values():
        found.asked[query.name] = ask_all(query, ours, None, duck, fields, effort, found.content)
        tell(query, found.asked[query.name])
    ours.compare(OTHER)
    found.compared = Figure.of([ours.compare(OTHER) for _ in range(effort.repeats)])


def _mlflow(server: Server, content: Content, effort: Effort) -> Logged | Missing:
    if effort.mlflow_outcomes == 0:
        return Missing("left out")
    try:
        with server.database() as url:
            return log_sample(url, content, effort.mlflow_outcomes)
    except Unanswered as reason:
        return Missing(str(reason))


def ask_all(
    query: Query,
    ours: Ours,
    rows: Session | None,
    duck: Duck,
    fields: Mapping[str, object],
    effort: Effort,
    content: Content,
) -> tuple[Asked, Asked, Asked]:
    """What the engines make of one question, checked against each other."""
    examples = example_sample(content, effort.lookups)
    mine = ask_ours(ours, query, fields, effort, content)
    row = Asked(Missing("not asked"))
    if rows is not None and query.rows is not None:
        row = ask(rows, query, query.rows, fields, effort.repeats, examples)
    theirs = ask_forms(
        query.duckdb, lambda sql: ask(duck, query, sql, fields, effort.repeats, examples)
    )
    for (one_name, one), (other_name, other) in (
        (("tracker", mine), ("DuckDB", theirs)),
        (("rows", row), ("DuckDB", theirs)),
    ):
        agree(f"{query.name}, {one_name} and {other_name}", one, other)
    return mine, row, theirs


def ask_ours(
    ours: Ours,
    query: Query,
    fields: Mapping[str, object],
    effort: Effort,
    content: Content,
) -> Asked:
    """What tracker makes of one question, and the memory that it takes to answer.

    On a connection of its own: a backend keeps memory that earlier queries needed.
    """
    examples = example_sample(content, effort.lookups)
    sql = query.timed(query.ours.format(**{**fields, "example": examples[0]}))
    with ours.session() as session:
        try:
            peak = session.peak_memory(sql)
        except Unanswered as reason:
            return Asked(Missing(str(reason)))
        asked = ask(session, query, query.ours, fields, effort.repeats, examples)
    asked.peak_bytes = peak
    return asked


def example_sample(content: Content, count: int) -> list[int]:
    """Random examples to look up, the same for every engine."""
    generator = np.random.default_rng([content.seed, 4])
    return [int(example) for example in generator.integers(0, content.examples, count)]


def tell(query: Query, asked: tuple[Asked, ...]) -> None:
    """A line a query for whoever waits."""
    told = ", ".join(tables.spread(one.figure, tables.seconds) for one in asked)
    say(f"    {query.name}: {told}")
