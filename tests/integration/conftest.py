"""A database that many tests share, because each undoes what it did; and an ensemble to train."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import Connection, Engine

from tests.support.ensembles import Recorded, add_ensemble, story_of
from tests.support.servers import Servers, connected, new_database

Undone = Callable[[], AbstractContextManager[Connection]]


@pytest.fixture(scope="session")
def shared_engine(servers: Servers) -> Iterator[Engine]:
    """Connections to one database at the newest revision; nobody commits to it."""
    with new_database(servers.admin, servers.template) as url, connected(url) as engine:
        yield engine


@pytest.fixture(scope="session")
def undone(shared_engine: Engine) -> Undone:
    """Makes transactions as `connection` is one: for every example of hypothesis anew."""

    @contextmanager
    def transaction() -> Iterator[Connection]:
        with shared_engine.connect() as connection:
            yield connection
            connection.rollback()

    return transaction


@pytest.fixture
def connection(undone: Undone) -> Iterator[Connection]:
    """A transaction on an empty schema, rolled back afterwards."""
    with undone() as connection:
        yield connection


@pytest.fixture
def ensemble(engine: Engine) -> Recorded:
    """Four queued runs."""
    with engine.begin() as connection:
        return add_ensemble(connection, story_of([[[1, 0, 1]] * 3] * 4, name="demo"))


@pytest.fixture
def run_id(ensemble: Recorded) -> int:
    return ensemble.run_ids[0]
