"""Pairs of servers to test on, and databases of one's own on them."""

import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import URL, Engine, make_url

from tracker.db.engine import libpq_url, make_engine
from tracker.db.migrate import upgrade
from tracker.embedded import EmbeddedServers

# Read when the tests are collected: a fixture clears the environment of TRACKER_* afterwards.
EXTERNAL_DATABASE = os.environ.get(
    "TRACKER_TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/test"
)
EXTERNAL_BROKER = os.environ.get("TRACKER_TEST_BROKER_URL", "redis://127.0.0.1:6379/5")


@dataclass(frozen=True)
class Addresses:
    """Where a running pair of servers is."""

    kind: str
    """`embedded` or `external`."""
    admin: URL
    """A database to connect to while others are made."""
    broker_url: str
    """As Celery takes it."""
    redis_url: str
    """As redis-py takes it."""


@dataclass(frozen=True)
class Servers(Addresses):
    """A running pair of servers, with a migrated database to copy."""

    template: str
    """Name of a database at the newest revision, without rows."""


@contextmanager
def embedded(folder: Path) -> Iterator[Addresses]:
    """PostgreSQL and Valkey from wheels, with their data in `folder`."""
    servers = EmbeddedServers(folder)
    try:
        servers.ensure_running()
        where = servers.addresses
        yield Addresses("embedded", make_url(where.database_url), where.broker_url, where.redis_url)
    finally:
        servers.stop()


@contextmanager
def external() -> Iterator[Addresses]:
    """The servers that run already; without them tests are skipped, or fail where CI is set."""
    try:
        psycopg.connect(EXTERNAL_DATABASE, connect_timeout=3).close()
        with redis.Redis.from_url(EXTERNAL_BROKER, socket_connect_timeout=3) as client:
            client.ping()
    except (psycopg.OperationalError, redis.ConnectionError) as error:
        reason = f"no external servers: {str(error).strip().splitlines()[0]}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    admin = make_url(EXTERNAL_DATABASE).set(drivername="postgresql+psycopg")
    yield Addresses("external", admin, EXTERNAL_BROKER, EXTERNAL_BROKER)


@contextmanager
def with_template(where: Addresses) -> Iterator[Servers]:
    """The servers with a database migrated as users migrate theirs."""
    with new_database(where.admin) as url:
        with connected(url) as engine:
            upgrade(engine)
        yield Servers(where.kind, where.admin, where.broker_url, where.redis_url, str(url.database))


@contextmanager
def new_database(admin: URL, template: str = "template0") -> Iterator[URL]:
    """A database of its own, dropped afterwards whoever is still connected."""
    name = f"tracker_test_{secrets.token_hex(6)}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _run(admin, create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield admin.set(database=name)
    finally:
        _run(admin, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _run(admin: URL, command: sql.Composed) -> None:
    with closing(psycopg.connect(libpq_url(admin), autocommit=True)) as connection:
        connection.execute(command)


@contextmanager
def connected(url: URL) -> Iterator[Engine]:
    """An engine as the product makes it, whose connections are closed afterwards."""
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()
