"""Runs of tens of thousands of evaluations, and ensembles of as many runs.

Two ordinals, or two counts, then no longer fit into one integer. The rows are few and written at
once, by SQL: what is tested is the width of the numbers. In a database of their own, whose
statistics know of them: else PostgreSQL would look each of 40,000 rows up in all others.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from tests.support.ensembles import Recorded, record, story_of
from tests.support.views import VIEWS
from tracker.db.models import Base


def copied(connection: Connection, table: str, where: str, **changed: str) -> None:
    """Insert a table's rows `where` again for each `n` and run, with these columns `changed`."""
    columns = [column.name for column in Base.metadata.tables[table].columns]
    if table == "run":
        columns.remove("id")
    names = ", ".join(columns)
    chosen = ", ".join(changed.get(column, f"t.{column}") for column in columns)
    query = f"INSERT INTO {table} ({names}) SELECT {chosen} FROM {table} AS t {where}"
    connection.execute(text(query))


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction in a new database."""
    with engine.connect() as connection:
        yield connection


def ask(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(query))]


FORGETTING = (
    "SELECT label, forgetting_events, learning_events, first_correct, last_mistake, learned, "
    "never_learned, unforgettable FROM forgetting ORDER BY example_id"
)


@pytest.mark.parametrize("last", [32_766, 32_767, 32_768, 65_535, 1_000_000])
def test_forgetting_up_to_any_ordinal(connection: Connection, last: int) -> None:
    """Recorded at 1, last - 1 and last; 2 x 15 digits fit into one integer, 2 x 16 do not."""
    right = [[1, 1, 1], [0, 0, 1], [0, 1, 0], [0, 0, 0], [1, 0, 1]]
    recorded = record(connection, story_of([right], first=1))
    for after, before in ((last, 3), (last - 1, 2)):
        where = f"WHERE run_id = {recorded.run_ids[0]} AND evaluation = {before}"
        for table in ("evaluation", "outcome_block"):
            copied(connection, table, where, evaluation=str(after))
        connection.execute(text(f"DELETE FROM evaluation {where}"))
    assert ask(connection, FORGETTING) == [
        (0, 0, 0, 1, 0, 1, False, True),
        (1, 0, 1, last, last - 1, last, False, True),
        (2, 1, 1, last - 1, last, None, False, False),
        (0, 0, 0, None, last, None, True, False),
        (1, 1, 1, 1, last - 1, last, False, False),
    ]


def test_forgetting_with_the_most_classes_and_evaluations(connection: Connection) -> None:
    """The label alone has 16 digits."""
    story = story_of(
        [[[1, 0], [0, 1], [1, 1]]], first=1, labels=[65_535, 0, 32_768], num_classes=65_536
    )
    recorded = record(connection, story)
    query = "SELECT label, last_mistake, learned FROM forgetting ORDER BY example_id"
    assert ask(connection, query) == [(65_535, 2, None), (0, 1, 2), (32_768, 0, 1)]
    where = f"WHERE run_id = {recorded.run_ids[0]} AND evaluation = 2"
    for table in ("evaluation", "outcome_block"):
        copied(connection, table, where, evaluation="65535")
    assert ask(connection, query) == [(65_535, 65_535, None), (0, 1, 2), (32_768, 0, 1)]


INDUCED = "SELECT predictions, induced_share FROM induced_class ORDER BY example_id"
SHARES = (1, 20_001 / 40_001, 20_001 / 40_001, 1)


def test_a_run_that_was_scored_at_every_step(connection: Connection) -> None:
    """40,000 evaluations, every one recorded: right at all, at even ones, at odd ones, at none."""
    last = 40_000
    recorded = record(connection, story_of([[[1, 1], [1, 0], [0, 1], [0, 0]]], first=0))
    where = f", generate_series(2, {last}) AS n WHERE run_id = {recorded.run_ids[0]}"
    for table in ("evaluation", "outcome_block"):
        copied(connection, table, f"{where} AND evaluation = n % 2", evaluation="n")
    connection.execute(text("ANALYZE"))
    assert ask(connection, FORGETTING) == [
        (0, 0, 0, 0, 0, 0, False, True),
        (1, last // 2, last // 2, 0, last - 1, last, False, False),
        (2, last // 2, last // 2, 1, last, None, False, False),
        (0, 0, 0, None, last, None, True, False),
    ]
    # Votes of one class have 16 digits and, with a second run, 17.
    assert ask(connection, INDUCED) == [(last + 1, pytest.approx(share)) for share in SHARES]
    second = recorded.run_ids[0] + 1
    copied(connection, "run", f"WHERE t.id = {second - 1}", seed="t.seed + 1", id=str(second))
    for table in ("evaluation", "outcome_block"):
        copied(connection, table, f"WHERE run_id = {second - 1}", run_id=str(second))
    assert ask(connection, INDUCED) == [(2 * last + 2, pytest.approx(share)) for share in SHARES]
    connection.execute(text(f"DELETE FROM run WHERE id = {second}"))
    query = "SELECT accessibility, forgetting_events, learned_share FROM learning_order ORDER BY 1"
    assert ask(connection, query) == [
        (0, 0, 0),
        (pytest.approx(20_000 / 40_001), last // 2, 0),
        (pytest.approx(20_001 / 40_001), last // 2, 1),
        (1, 0, 1),
    ]


@pytest.fixture
def many_runs(connection: Connection, runs: int) -> Recorded:
    """Two kinds of runs, by turns; the first holds out examples 0 and 1, the second 1 and 2."""
    story = story_of(
        [[[1], [1], [0], [1]], [[0], [1], [1], [0]]],
        held_out=np.array([[1, 1, 0, 0], [0, 1, 1, 0]], dtype=bool),
    )
    recorded = record(connection, story)
    kinds = f"t.run_id = {recorded.run_ids[0]} + run.seed % 2 AND run.seed > 1"
    with_id = f"t.id = {recorded.run_ids[0]} + n % 2"
    copied(connection, "run", f", generate_series(2, {runs - 1}) AS n WHERE {with_id}", seed="n")
    for table in ("evaluation", "outcome_block", "run_block"):
        copied(connection, table, f", run WHERE {kinds}", run_id="run.id")
    connection.execute(text("ANALYZE"))
    return recorded


@pytest.mark.parametrize("runs", [2, 32_766, 32_768, 40_000])
def test_runs_that_held_an_example_out(
    connection: Connection, many_runs: Recorded, runs: int
) -> None:
    """Counts of 15 digits fit into one integer two by two, those of 16 do not."""
    half = runs // 2
    query = (
        "SELECT runs, runs_correct, runs_held_out, runs_correct_held_out, label "
        "FROM tp_agreement ORDER BY example_id"
    )
    assert ask(connection, query) == [
        (runs, half, half, half, 0),
        (runs, runs, runs, runs, 1),
        (runs, half, half, half, 2),
        (runs, half, 0, 0, 0),
    ]
    query = (
        "SELECT difficulty, difficulty_trained_on, difficulty_held_out "
        "FROM dichotomy ORDER BY example_id"
    )
    assert ask(connection, query) == [
        ("in between", "impossible", "trivial"),
        ("trivial", None, "trivial"),
        ("in between", "impossible", "trivial"),
        ("in between", "in between", None),
    ]


def rows_of_views(connection: Connection) -> dict[str, int]:
    """How many rows each view has."""
    return {view: len(ask(connection, f"SELECT * FROM {view}")) for view in VIEWS}


@pytest.mark.embedded_only
def test_every_view_takes_ordinals_of_16_digits(connection: Connection) -> None:
    """And has as many rows of them as of the lowest ones."""
    rng = np.random.default_rng(0)
    signal = rng.random((3, 6, 3)).astype(np.float32)
    story = story_of(
        rng.random((3, 6, 2)) < 0.6,
        first=1,
        sizes={"train": 4, "test": 2},
        held_out=np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], dtype=bool),
        signals=dict.fromkeys(("confidence", "margin", "el2n"), signal),
        depths=rng.integers(0, 4, (3, 6, 3)),
        probed=[2],
        votes_told=True,
    )
    record(connection, story)
    told = rows_of_views(connection)
    assert told["forgetting"] == 18
    probes = ("probed_evaluation", "depth_block", "probe_vote_block", "probe_accuracy")
    for table in ("evaluation", "outcome_block", "signal_block", *probes):
        copied(connection, table, "WHERE evaluation = 2", evaluation="32767")
    connection.execute(text("DELETE FROM evaluation WHERE evaluation = 2"))
    assert rows_of_views(connection) == told
