"""Roles made by the administrator of a managed database: no superuser, but may make roles.

PostgreSQL 15 lets such a role do anything to other roles; from 16 on it has a say over those only
that it made itself, and may not act as them before it says so.
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import URL, Engine, text
from sqlalchemy.exc import DBAPIError

from tests.support.servers import Servers, connected, new_database
from tracker.datasets import load_dataset
from tracker.db.engine import libpq_url
from tracker.db.migrate import upgrade
from tracker.db.roles import find_roles, make_roles
from tracker.errors import TrackerError
from tracker.registry import register_dataset


@dataclass(frozen=True)
class Managed:
    """A database that belongs to an administrator."""

    name: str
    """The administrator's; the prefix of the roles."""
    url: URL
    """The database, as the server's superuser."""
    admin: Engine

    def engine(self, stack: ExitStack, role: str) -> Engine:
        return stack.enter_context(connected(self.url.set(username=role)))


@contextmanager
def managed(servers: Servers, rights: str = "CREATEROLE CREATEDB") -> Iterator[Managed]:
    name = f"test_{secrets.token_hex(4)}"
    with ExitStack() as stack:
        server = stack.enter_context(
            closing(psycopg.connect(libpq_url(servers.admin), autocommit=True))
        )

        def run(command: str, *names: str) -> None:
            server.execute(sql.SQL(command).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]

        run(f"CREATE ROLE {{}} LOGIN {rights}", name)
        for role in (f"{name}_owner", f"{name}_writer", f"{name}_reader", name):
            stack.callback(run, "DROP ROLE IF EXISTS {}", role)
        url = stack.enter_context(new_database(servers.admin))
        run("ALTER DATABASE {} OWNER TO {}", str(url.database), name)
        yield Managed(name, url, stack.enter_context(connected(url.set(username=name))))


@pytest.fixture
def database(servers: Servers) -> Iterator[Managed]:
    with managed(servers) as found:
        yield found


def allowed(engine: Engine, command: str) -> bool:
    with engine.connect() as connection:
        try:
            connection.execute(text(command))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in ("42501", "25006"):
                raise
            return False
    return True


def test_it_makes_them_brings_them_up_to_date_and_migrates(database: Managed) -> None:
    upgrade(database.admin)
    passwords = dict.fromkeys(("owner", "writer", "reader"), "hush")
    for times in range(2):
        with database.admin.begin() as connection:
            roles, new = make_roles(connection, database.name, passwords)
            assert find_roles(connection) == roles
        assert new == ([] if times else list(roles))
        # A migration afterwards, as either.
        upgrade(database.admin)
    with ExitStack() as stack:
        owner, writer, reader = (database.engine(stack, role) for role in roles)
        upgrade(owner)
        with owner.begin() as connection:
            register_dataset(connection, load_dataset("digits", examples=50))
        assert allowed(writer, "SELECT 1 FROM public.dataset")
        assert allowed(writer, "UPDATE run SET state = 'queued'")
        assert not allowed(writer, "DELETE FROM run")
        assert not allowed(writer, "CREATE TABLE mine (x int)")
        assert allowed(reader, "SELECT 1 FROM dataset")
        assert allowed(reader, "SELECT 1 FROM learning_order")
        assert not allowed(reader, "SELECT 1 FROM public.dataset")
        assert not allowed(reader, "CREATE TEMPORARY TABLE mine (x int)")
        assert allowed(owner, "ALTER TABLE run ADD COLUMN mine int")


def test_roles_of_an_empty_database_are_made_before_its_tables(database: Managed) -> None:
    with database.admin.begin() as connection:
        roles, _ = make_roles(connection, database.name, {})
    with ExitStack() as stack:
        upgrade(database.engine(stack, roles.owner))
        assert allowed(database.engine(stack, roles.reader), "SELECT 1 FROM learning_order")


def test_who_may_not_is_told_in_one_line(servers: Servers, database: Managed) -> None:
    with (
        managed(servers, "CREATEDB") as other,
        other.admin.connect() as connection,
        pytest.raises(TrackerError, match=f"role {other.name} may not make roles: .*CREATEROLE"),
    ):
        make_roles(connection, other.name, {})
    with (
        ExitStack() as stack,
        managed(servers) as stranger,
        stack.enter_context(
            connected(database.url.set(username=stranger.name))
        ).connect() as connection,
        pytest.raises(TrackerError, match=f"belongs to {database.name}.*{stranger.name}"),
    ):
        make_roles(connection, stranger.name, {})


def test_a_schema_of_somebody_else_is_told_of(database: Managed) -> None:
    """As in every database made before PostgreSQL 15."""
    with (
        connected(database.url) as server,
        server.begin() as connection,
    ):
        connection.execute(text("ALTER SCHEMA public OWNER TO CURRENT_USER"))
    with (
        database.admin.connect() as connection,
        pytest.raises(TrackerError, match=r"schema public of .* belongs to .*: connect as that"),
    ):
        make_roles(connection, database.name, {})


def test_roles_of_another_administrator_are_left_alone(servers: Servers, database: Managed) -> None:
    with closing(psycopg.connect(libpq_url(servers.admin), autocommit=True)) as server:
        server.execute(
            sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(f"{database.name}_writer"))
        )
        mine = server.info.server_version < 160000
    with database.admin.connect() as connection:
        if mine:  # whoever may make roles may change all of them
            assert len(make_roles(connection, database.name, {})[1]) == 2
            return
        with pytest.raises(TrackerError, match=f"{database.name}_writer .* another administrator"):
            make_roles(connection, database.name, {})


def test_rights_at_an_earlier_revision_are_completed_by_the_migration(database: Managed) -> None:
    upgrade(database.admin, "0006")
    with database.admin.begin() as connection:
        roles, _ = make_roles(connection, database.name, {})
    with ExitStack() as stack:
        writer = database.engine(stack, roles.writer)
        assert allowed(writer, "UPDATE run SET state = 'queued'")
        upgrade(database.engine(stack, roles.owner))
        assert allowed(writer, "UPDATE run SET retry_at = NULL")
        assert allowed(writer, "SELECT forget_held_out(1)")
