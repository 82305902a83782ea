"""Three roles: the owner of the schema, the writer for workers, the reader for everyone else.

Rights are given table by table, and given anew after every migration. The reader has none on any
table: it sees each through a view of the same name in the schema `reading`, which comes first on
its search path, so that queries are the same for all three. PostgreSQL checks the rights of views
against their owner.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql
from sqlalchemy import Connection, text

from tracker.db.administrator import become_member, check_asker, check_existing
from tracker.db.models import Base
from tracker.errors import TrackerError, UsageError

DEFAULT_PREFIX = "tracker"
READING = "reading"
KINDS = ("owner", "writer", "reader")
READER_SETTINGS = (
    "search_path = reading, public",
    "default_transaction_read_only = on",
    "statement_timeout = '10min'",
    # One that forgets to end its transaction keeps deleted rows from being cleaned up.
    "idle_in_transaction_session_timeout = '10min'",
)
"""What the reader's sessions begin with; a session may choose otherwise (SET)."""

INSERTED = (
    "run_event",
    "evaluation",
    "outcome_block",
    "signal_block",
    "signal_summary",
    "output_block",
    "run_block",
    "probed_evaluation",
    "depth_block",
    "probe_vote_block",
    "probe_accuracy",
    "score_block",
)
"""Tables that workers add rows to."""

UPDATED = {
    "run": (
        "state",
        "attempt",
        "max_attempts",
        "queued_at",
        "sent_at",
        "started_at",
        "heartbeat_at",
        "finished_at",
        "retry_at",
        "worker",
        "step",
        "examples_per_second",
        "error",
        "provenance",
    ),
    "score_block": ("version", "runs", "value"),
}
"""Columns that workers change: the state of runs, and scores that are computed anew."""

CALLED = (
    "forget_evaluations(INTEGER, INTEGER, INTEGER)",
    "forget_held_out(INTEGER)",
    "forget_summaries(INTEGER, TEXT[])",
)
"""Functions through which workers delete what their own attempt replaces."""

VERSION_TABLE = "alembic_version"


@dataclass(frozen=True)
class Roles:
    """Names of the three roles of an installation."""

    prefix: str

    @property
    def owner(self) -> str:
        """Owns the schema: migrates, queues, imports, deletes."""
        return f"{self.prefix}_owner"

    @property
    def writer(self) -> str:
        """What workers connect as."""
        return f"{self.prefix}_writer"

    @property
    def reader(self) -> str:
        """What reports, samplers and people who only ask connect as."""
        return f"{self.prefix}_reader"

    def __iter__(self) -> Iterator[str]:
        return iter((self.owner, self.writer, self.reader))


def check_prefix(prefix: str) -> str:
    """`prefix`, if the roles' names can begin with it.

    Raises
    ------
    UsageError
        If not.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", prefix):
        raise UsageError(
            f"--prefix {prefix!r}: a lower-case letter, then letters, digits or _ (50 at most)"
        )
    return prefix


def make_roles(
    connection: Connection, prefix: str, passwords: Mapping[str, str]
) -> tuple[Roles, list[str]]:
    """Make the roles, or bring them up to date; the names of those that are new come second.

    What is there of tracker's is given to the owner. Nothing is left to others: no right to make
    tables, temporary ones neither.

    Parameters
    ----------
    connection
        Of a superuser, or of a role that may make roles and that the database and what is in it
        belong to, as the administrator of a managed database is. The database may be empty, or at
        an earlier revision: its migration completes the rights.
    passwords
        By kind (`owner`, `writer`, `reader`); those not given stay as they are.

    Raises
    ------
    TrackerError
        If whoever asks may not do so, the database has tables of others, or a role of that name has
        rights beyond these or is another administrator's.
    """
    roles = Roles(check_prefix(prefix))
    check_asker(connection)
    # Waiting longer would block every worker behind the lock that is waited for.
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))
    _check_ours(connection)
    existing = check_existing(connection, roles)
    new = [name for name in roles if name not in existing]
    for name in new:
        _run(connection, "CREATE ROLE {} LOGIN", name)
    for kind, name in zip(KINDS, roles, strict=True):
        if kind in passwords:
            _set_password(connection, name, passwords[kind])
    _hand_over(connection, roles)
    _close_to_others(connection, roles)
    _configure_reader(connection, roles)
    grant(connection, roles)
    return roles, new


def find_roles(connection: Connection) -> Roles | None:
    """The roles of this database; None if they were never made."""
    owner = connection.scalar(
        text("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = :name"),
        {"name": READING},
    )
    return None if owner is None else Roles(owner.removesuffix("_owner"))


def clear_reading(connection: Connection, roles: Roles) -> None:
    """Take the reader's views away and go on as the owner: before a migration changes tables."""
    _run(connection, "SET LOCAL ROLE {}", roles.owner)
    for view in _names(connection, READING, "v"):
        _run(connection, "DROP VIEW {}.{}", READING, view)


def grant(connection: Connection, roles: Roles) -> None:
    """Give each role its rights on what there is now, and no others."""
    tables, views = _names(connection, "public", "r"), _names(connection, "public", "v")
    columns = _columns(connection)
    for name in (roles.writer, roles.reader):
        _run(connection, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}", name)
        _run(connection, "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM {}", name)
        _run(connection, "GRANT USAGE ON SCHEMA public TO {}", name)
    for relation in tables + views:
        _run(connection, "GRANT SELECT ON public.{} TO {}", relation, roles.writer)
    for table in [name for name in INSERTED if name in tables]:
        _run(connection, "GRANT INSERT ON public.{} TO {}", table, roles.writer)
    for table, changed in UPDATED.items():
        for column in [name for name in changed if name in columns.get(table, ())]:
            _run(connection, "GRANT UPDATE ({}) ON public.{} TO {}", column, table, roles.writer)
    for function in CALLED:
        known = connection.scalar(text("SELECT to_regprocedure(:name)"), {"name": function})
        if known is not None:
            _run(connection, "GRANT EXECUTE ON FUNCTION {} TO {}", sql.SQL(function), roles.writer)
    for table in tables:
        _run(
            connection, "CREATE OR REPLACE VIEW {}.{} AS SELECT * FROM public.{}",
            READING, table, table,
        )  # fmt: skip
        _run(connection, "ALTER VIEW {}.{} OWNER TO {}", READING, table, roles.owner)
        _run(connection, "GRANT SELECT ON {}.{} TO {}", READING, table, roles.reader)
    for view in views:
        _run(connection, "GRANT SELECT ON public.{} TO {}", view, roles.reader)


def _check_ours(connection: Connection) -> None:
    """Raise unless the database is tracker's alone: what is there is about to be given away."""
    tables = set(_names(connection, "public", "r"))
    others = sorted(tables - set(Base.metadata.tables) - {VERSION_TABLE})
    if others:
        raise TrackerError(
            f"the database has tables of others ({', '.join(others[:5])}): roles would change "
            "who owns them; give tracker a database of its own"
        )


def _set_password(connection: Connection, role: str, password: str) -> None:
    """Store a password as its hash, which is all that the server and its log get to see."""
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 (an open connection has one)
    secret = driver.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    command = sql.SQL("ALTER ROLE {} PASSWORD {}")
    driver.execute(command.format(sql.Identifier(role), sql.Literal(secret.decode())))


def _hand_over(connection: Connection, roles: Roles) -> None:
    """Give the owner all that is in the schema, so that it can migrate it and views may read it."""
    become_member(connection, roles.owner)
    _run(connection, "GRANT USAGE, CREATE ON SCHEMA public TO {}", roles.owner)
    for kind, command in (
        ("r", "ALTER TABLE public.{} OWNER TO {}"),
        ("v", "ALTER VIEW public.{} OWNER TO {}"),
    ):
        # Only what is another's: each waits until nobody uses the table.
        for name in _names(connection, "public", kind, but_of=roles.owner):
            _run(connection, command, name, roles.owner)
    functions = connection.scalars(
        text(
            "SELECT CAST(CAST(oid AS regprocedure) AS text) FROM pg_proc "
            "WHERE pronamespace = CAST('public' AS regnamespace) "
            "AND pg_get_userbyid(proowner) <> :owner AND NOT EXISTS (SELECT FROM "
            "pg_depend WHERE classid = CAST('pg_proc' AS regclass) AND objid = pg_proc.oid "
            "AND deptype = 'e')"
        ),
        {"owner": roles.owner},
    ).all()
    for function in functions:
        # As the catalog spells it, quotes and types of arguments included.
        _run(connection, "ALTER ROUTINE {} OWNER TO {}", sql.SQL(function), roles.owner)


def _close_to_others(connection: Connection, roles: Roles) -> None:
    database = str(connection.scalar(text("SELECT current_database()")))
    _run(connection, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    _run(connection, "REVOKE TEMPORARY, CREATE ON DATABASE {} FROM PUBLIC", database)
    for name in roles:
        _run(connection, "GRANT CONNECT ON DATABASE {} TO {}", database, name)


def _configure_reader(connection: Connection, roles: Roles) -> None:
    _run(connection, "CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}", READING, roles.owner)
    _run(connection, "ALTER SCHEMA {} OWNER TO {}", READING, roles.owner)
    _run(connection, "GRANT USAGE ON SCHEMA {} TO {}", READING, roles.reader)
    database = str(connection.scalar(text("SELECT current_database()")))
    for setting in READER_SETTINGS:
        command = "ALTER ROLE {} IN DATABASE {} SET {}"
        _run(connection, command, roles.reader, database, sql.SQL(setting))


def _names(connection: Connection, schema: str, kind: str, but_of: str = "") -> list[str]:
    """Relations of a schema (`r` tables, `v` views), but those of extensions and of a role."""
    query = text(
        "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE nspname = :schema AND CAST(relkind AS text) = :kind AND NOT EXISTS (SELECT FROM "
        "pg_depend WHERE classid = CAST('pg_class' AS regclass) AND objid = pg_class.oid "
        "AND deptype = 'e') AND pg_get_userbyid(relowner) <> :but_of ORDER BY relname"
    )
    return list(connection.scalars(query, {"schema": schema, "kind": kind, "but_of": but_of}))


def _columns(connection: Connection) -> dict[str, set[str]]:
    """Columns of each table, of those that workers change."""
    query = text(
        "SELECT relname, attname FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid "
        "WHERE relnamespace = CAST('public' AS regnamespace) AND relname = ANY(:tables) "
        "AND attnum > 0 AND NOT attisdropped"
    )
    found: dict[str, set[str]] = {}
    for row in connection.execute(query, {"tables": list(UPDATED)}):
        found.setdefault(row.relname, set()).add(row.attname)
    return found


def _run(connection: Connection, command: LiteralString, *parts: str | sql.SQL) -> None:
    """Run a command with names, or pieces of SQL, in the place of its `{}`."""
    names = [part if isinstance(part, sql.SQL) else sql.Identifier(part) for part in parts]
    connection.connection.cursor().execute(sql.SQL(command).format(*names))
