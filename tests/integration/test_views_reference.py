"""Every view against the slow reference, on ensembles of every shape."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from tests.support.ensembles import Story, block_size, record, with_changes
from tests.support.strategies import stories
from tests.support.views import VIEWS, assert_rows, check, read


@contextmanager
def undone(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


@pytest.mark.embedded_only
@settings(max_examples=100)
@given(story=stories(), size=st.sampled_from([8, 16]))
def test_every_view_says_what_the_definitions_say(
    shared_engine: Engine, story: Story, size: int
) -> None:
    with undone(shared_engine) as connection, block_size(size):
        recorded = record(connection, story)
        for view in VIEWS:
            check(connection, view, recorded)
