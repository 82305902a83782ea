"""Queries of some examples: the rows that SQL gives, of the blocks that hold them alone."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from tests.support.ensembles import Recorded, block_size, record, story_of
from tests.support.views import VIEWS
from tracker.exports.conditions import OPERATORS
from tracker.exports.query import Query, count_rows, query_rows

SIZES = {"train": 20, "test": 10}
OF_EXAMPLES = [view for view, told in VIEWS.items() if told.blocks and "example_id" in told.key]


def told(connection: Connection, size: int, **others: Any) -> Recorded:
    """Two runs on blocks of `size` examples at most."""
    rng = np.random.default_rng(0)
    right = rng.random((2, sum(SIZES.values()), 2)) < 0.5
    signals = {name: rng.random(right.shape) for name in ("confidence", "el2n", "margin")}
    with block_size(size):
        return record(connection, story_of(right, sizes=SIZES, signals=signals, **others))


def ask(connection: Connection, query: Query) -> list[tuple[Any, ...]]:
    """The rows by their keys, in order."""
    with query_rows(connection, query).stream() as batches:
        return keys(query.view, [row for batch in batches for row in batch.to_pylist()])


def sql_rows(connection: Connection, view: str, where: str) -> list[tuple[Any, ...]]:
    rows = connection.execute(text(f"SELECT * FROM {view} WHERE {where}"))
    return keys(view, rows.mappings().all())


def keys(view: str, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    key = VIEWS[view].key if view in VIEWS else ("example_id",)
    return sorted(tuple(row[column] for column in key) for row in rows)


def asked_blocks(connection: Connection, view: str, *where: str, **others: Any) -> str:
    """What the query says of blocks after the other conditions."""
    asked = query_rows(connection, Query(view, where, **others)).asked.as_string(None)
    return re.sub(r"(::\w+\[\])+", "", asked.partition(" AND block ")[2])


WHERES = [
    "example_id = 7",
    "example_id = 29",
    "position = 9 AND split = 'test'",
    "position >= 7 AND position < 9",
    "example_id > 18 AND example_id <= 20",
    "example_id = 30",
]


@pytest.mark.embedded_only
@pytest.mark.parametrize("view", OF_EXAMPLES)
def test_rows_are_those_of_sql(connection: Connection, view: str) -> None:
    recorded, _ = told(connection, 8), told(connection, 16)
    name = recorded.story.name
    for where in WHERES:
        conditions = tuple(where.replace("'", "").split(" AND "))
        expected = sql_rows(connection, view, where)
        assert ask(connection, Query(view, conditions)) == expected
        assert count_rows(connection, Query(view, conditions, limit=1), 60) == len(expected)
        assert asked_blocks(connection, view, *conditions)
        expected = sql_rows(connection, view, f"{where} AND ensemble = '{name}'")
        assert ask(connection, Query(view, conditions, ensemble=name)) == expected


def test_which_blocks_are_asked(connection: Connection) -> None:
    """Those of the ensemble where it is named, and none where no condition numbers examples."""
    eight, wide = told(connection, 8).story.name, told(connection, 16).story.name

    def blocks(*where: str, **others: Any) -> str:
        return asked_blocks(connection, "tp_agreement", *where, **others)

    assert blocks("example_id = 9", ensemble=eight) == "= 1"
    assert blocks("example_id = 29", f"ensemble = {eight}") == "= 4"
    assert blocks("example_id = 29", ensemble=wide) == "= 2"
    assert blocks("example_id = 29", f"ensemble != {wide}", "example_id is not null") == "= 4"
    assert blocks("position = 9", ensemble=eight) == "= ANY('{1,4}')"
    assert blocks("position = 9", "split = test", ensemble=eight) == "= 4"
    assert blocks("example_id < 9", ensemble=eight) == "= ANY('{0,1}')"
    assert blocks("example_id < 8", ensemble=eight) == "= 0"
    assert blocks("example_id >= 28", ensemble=eight) == "= 4"
    assert blocks("example_id > 27", ensemble=eight) == "= 4"
    assert blocks("example_id = 99", ensemble=eight) == "= ANY('{}')"
    assert blocks("example_id = 2147483647", ensemble=eight) == "= ANY('{}')"
    for nothing in ("example_id != 3", "label = 0", "split = test", "position is not null"):
        assert blocks(nothing, ensemble=eight) == ""
    assert asked_blocks(connection, "outcome", "example_id = 9", ensemble=eight) == ""


numbers = st.tuples(
    st.sampled_from(["example_id", "position"]),
    st.sampled_from([name for name in OPERATORS if "null" not in name]),
    st.integers(-1, 31),
)


@pytest.mark.embedded_only
@given(st.lists(numbers, min_size=1, max_size=3), st.sampled_from(["", "=", "!="]))
def test_no_row_is_lost(
    undone: Callable[[], Any], conditions: list[tuple[str, str, int]], split: str
) -> None:
    with undone() as connection:
        told(connection, 8), told(connection, 16)
        where = [f"{column} {operator} {value}" for column, operator, value in conditions]
        typed = (*where, *([f"split {split} train"] if split else []))
        where += [f"split {split} 'train'"] if split else []
        expected = sql_rows(connection, "learning_order", " AND ".join(where))
        assert ask(connection, Query("learning_order", typed)) == expected


def test_blocks_of_views_of_ones_own_are_something_else(connection: Connection) -> None:
    told(connection, 8)
    connection.execute(text("CREATE VIEW tower AS SELECT 7 AS example_id, 9 AS block"))
    assert len(ask(connection, Query("tower", ("example_id = 7",)))) == 1
