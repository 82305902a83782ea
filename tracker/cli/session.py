"""Opening the database for a command, and saying what had to be started for it."""

from collections.abc import Iterator, Sized
from contextlib import contextmanager

from sqlalchemy import Engine

from tracker.cli.output import note
from tracker.db import get_engine, get_reader_engine
from tracker.db.engine import unchecked_engine
from tracker.embedded import EmbeddedServers
from tracker.settings import Settings, get_settings


def open_engine(settings: Settings | None = None, *, broker: bool = False) -> Engine:
    """The engine of `tracker.db.get_engine`; embedded servers that it needs are started first.

    The servers stay up for the next command, so a note says how to stop them.

    Parameters
    ----------
    broker
        Whether the command sends or takes messages. Where neither server is configured, both are
        started whatever the command: they come up together, and the next one finds them.
    """
    settings = settings or get_settings()
    database_embedded, broker_embedded = settings.database_url is None, settings.broker_url is None
    if database_embedded or (broker and broker_embedded):
        started = EmbeddedServers(settings.home).ensure_running(
            database=database_embedded, broker=broker_embedded
        )
        if started:
            note(f"started {' and '.join(started)}; `tracker down` stops {them(started)}")
    if broker and database_embedded != broker_embedded:
        which = "database" if database_embedded else "broker"
        note(f"the {which} is the embedded one: only workers on this machine reach it")
    return get_engine(settings)


def them(servers: Sized) -> str:
    """The pronoun for one server or two."""
    return "it" if len(servers) == 1 else "them"


def open_reader(settings: Settings | None = None) -> Engine:
    """The engine of `tracker.db.get_reader_engine`, for commands that only ask."""
    settings = settings or get_settings()
    if settings.reader_database_url is None:
        return open_engine(settings)
    return get_reader_engine(settings)


@contextmanager
def unchecked() -> Iterator[Engine]:
    """The database at whatever revision it is, for one command."""
    engine = unchecked_engine(get_settings())
    try:
        yield engine
    finally:
        engine.dispose()
