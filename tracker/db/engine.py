"""Connections: one engine a process, to the configured database or to the embedded one."""

import atexit
import os
from functools import cache

from pydantic import SecretStr
from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from tracker.db.migrate import ensure_current
from tracker.embedded import EmbeddedServers
from tracker.errors import DatabaseUnavailableError, UsageError
from tracker.masking import SECRET_PARAMETERS
from tracker.settings import Settings, get_settings

# The views sort and hash bitmaps, which 4 MB would push to disk; and they are quick enough that
# compiling them costs more than it gains. Blocks are mostly in memory or on a solid-state disk: at
# the default of 4, made for turning disks, other ensembles' blocks are read to find one's own.
SESSION_OPTIONS = "-c work_mem=64MB -c jit=off -c random_page_cost=1.1"

# Notice within a minute or so that the other side has gone without a word.
KEEPALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def database_url(settings: Settings) -> URL:
    """Address of the database as SQLAlchemy takes it.

    Raises
    ------
    UsageError
        If TRACKER_DATABASE_URL is not the address of a PostgreSQL database.
    """
    if settings.database_url is None:
        return make_url(EmbeddedServers(settings.home).addresses.database_url)
    return _read_url(settings.database_url, "TRACKER_DATABASE_URL")


def reader_url(settings: Settings) -> URL:
    """Address for those who only read: TRACKER_READER_DATABASE_URL, else `database_url`."""
    if settings.reader_database_url is None:
        return database_url(settings)
    return _read_url(settings.reader_database_url, "TRACKER_READER_DATABASE_URL")


def _read_url(secret: SecretStr, variable: str) -> URL:
    try:
        url = make_url(secret.get_secret_value())
        readable = url.drivername in ("postgresql", "postgres", "postgresql+psycopg")
        readable = readable and bool(url.database) and not set("@/#") & set(url.host or "")
    except (ArgumentError, ValueError):
        readable = False
    if not readable:
        # No part of it is repeated: what looks like a host may be half of a password.
        raise UsageError(
            f"{variable} must read postgresql://user:password@host:port/database, with "
            "special characters of the password percent-encoded (@ is %40)"
        )
    for name in SECRET_PARAMETERS:
        if not isinstance(url.query.get(name, ""), str):
            raise UsageError(f"{variable} gives {name} twice")
    password = url.query.get("password")
    if password is not None:
        url = url.difference_update_query(["password"]).set(password=str(password))
    return url.set(drivername="postgresql+psycopg")


def libpq_url(url: URL) -> str:
    """The same address as psql and psycopg take it, password included."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def describe(url: URL) -> str:
    """Host, port and database for messages; never the password."""
    host = url.host or url.query.get("host", "local socket")
    return f"host {host}, port {url.port or 5432}, database {url.database}"


def make_engine(url: URL) -> Engine:
    """An engine whose sessions suit the views.

    A failed connection is a `DatabaseUnavailableError` that names host, port and database.
    """
    engine = create_engine(
        url,
        pool_pre_ping=True,
        connect_args={
            "options": SESSION_OPTIONS,
            "application_name": "tracker",
            "connect_timeout": 10,
            **KEEPALIVE,
        },
    )

    @event.listens_for(engine, "handle_error")
    def explain(context: ExceptionContext) -> None:
        if context.is_pre_ping:
            # Whatever says so when it is tried, the connection is of no use: another is made. Not
            # all that a server says when it goes counts as a disconnection by itself.
            context.is_disconnect = True
            return
        error = getattr(context, "sqlalchemy_exception", None)
        if isinstance(error, OperationalError) and getattr(context, "connection", None) is None:
            reason = str(error.orig).strip().splitlines()[-1]
            raise DatabaseUnavailableError(
                f"cannot connect to PostgreSQL at {describe(url)}: {reason}"
            ) from None

    return engine


def unchecked_engine(settings: Settings) -> Engine:
    """An engine on the configured or the embedded database, at whatever revision it is."""
    if settings.database_url is None:
        EmbeddedServers(settings.home).ensure_running(broker=settings.broker_url is None)
    return make_engine(database_url(settings))


def _close_at_exit(engine: Engine) -> None:
    """Close what is pooled when the process ends, or psycopg warns of connections left open."""
    maker = os.getpid()

    def close() -> None:
        # A forked child has its parent's connections, which are not its own to close.
        if os.getpid() == maker:
            engine.dispose()

    atexit.register(close)


@cache
def _engine(settings: Settings) -> Engine:
    engine = unchecked_engine(settings)
    _close_at_exit(engine)
    ensure_current(engine, migrate=settings.database_url is None)
    return engine


def get_engine(settings: Settings | None = None) -> Engine:
    """The process's engine, on a database whose schema is current.

    The embedded server is started and migrated when needed; a configured database is only checked.

    Raises
    ------
    DatabaseUnavailableError
        If no connection can be made.
    SchemaMismatchError
        If a configured database is at another revision than this code.
    """
    return _engine(settings or get_settings())


@cache
def _reader_engine(settings: Settings) -> Engine:
    engine = make_engine(reader_url(settings))
    _close_at_exit(engine)
    ensure_current(engine, migrate=False)
    return engine


def get_reader_engine(settings: Settings | None = None) -> Engine:
    """The engine of those who only read: `get_engine`'s, unless a reader is configured.

    Raises as `get_engine` does.
    """
    settings = settings or get_settings()
    if settings.reader_database_url is None:
        return get_engine(settings)
    return _reader_engine(settings)
