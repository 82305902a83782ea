"""A database that many tests share, because each undoes what it did."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from tests.support.servers import Servers, connected, new_database


@pytest.fixture(scope="session")
def shared_engine(servers: Servers) -> Iterator[Engine]:
    """Connections to one database at the newest revision; nobody commits to it."""
    with new_database(servers.admin, servers.template) as url, connected(url) as engine:
        yield engine


@pytest.fixture
def connection(shared_engine: Engine) -> Iterator[Connection]:
    """A transaction on an empty schema, rolled back afterwards."""
    with shared_engine.connect() as connection:
        yield connection
        connection.rollback()
