"""Every view explains itself, in psql (`\\d+`) and in its file."""

import re

import pytest
from sqlalchemy import Connection, text

from tests.support.views import PAIR_VIEWS, VIEWS
from tracker.db.schema import sql_text

BUILDING_BLOCKS = {"counted_run"}
"""Views that others are made of: their files explain their columns."""

PLAIN = {
    *("ensemble", "ensemble_id", "dataset_id", "run_id", "seed"),
    *("split", "example_id", "position", "label"),
    *("state", "error", "started_at", "heartbeat_at", "finished_at"),
}
"""Columns whose names say all, or that say the same everywhere; explained with the tables."""


@pytest.mark.embedded_only
def test_every_view_has_a_comment(connection: Connection) -> None:
    for view in VIEWS | PAIR_VIEWS:
        comment = connection.scalar(
            text("SELECT obj_description(CAST(:view AS regclass), 'pg_class')"), {"view": view}
        )
        assert comment, view
        assert comment.endswith("."), f"{view}: not a sentence: {comment}"


@pytest.mark.embedded_only
def test_every_column_that_needs_it_has_a_comment(connection: Connection) -> None:
    missing = []
    for view, told in (VIEWS | PAIR_VIEWS).items():
        if view in BUILDING_BLOCKS:
            continue
        columns = connection.execute(
            text(
                "SELECT attname, col_description(attrelid, attnum) AS comment FROM pg_attribute "
                "WHERE attrelid = CAST(:view AS regclass) AND attnum > 0"
            ),
            {"view": view},
        )
        exempt = PLAIN | set(told.key)
        missing += [
            f"{view}.{column}"
            for column, comment in columns
            if not comment and column not in exempt
        ]
    assert sorted(missing) == []


@pytest.mark.parametrize("view", VIEWS | PAIR_VIEWS)
def test_file_opens_with_title_and_grain(view: str) -> None:
    lines = sql_text("views", view).splitlines()
    assert re.fullmatch(rf"-- {view}: \S.*", lines[0])
    assert re.match(r"-- Grain: one row per ", lines[1])


@pytest.mark.parametrize(
    "view",
    [
        "agreement_bimodality",
        "bimodality",
        "convergence",
        "cross_consistency",
        "easiest_overlap",
        "learning_by_band",
        "order_correlation",
        "ensemble_evaluation",
        "error_consistency",
        "forgetting",
        "learning_order",
        "outcome",
        "run_history",
        "run_progress",
    ],
)
def test_file_says_what_null_means(view: str) -> None:
    header, _, _ = sql_text("views", view).partition("CREATE VIEW")
    assert "NULL" in header
