"""Opening the database for a command, and saying what had to be started for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from tracker.cli.output import note
from tracker.db import get_engine, get_reader_engine
from tracker.db.engine import unchecked_engine
from tracker.embedded import EmbeddedServers
from tracker.settings import Settings, get_settings


def open_engine(settings: Settings | None = None) -> Engine:
    """The engine of `tracker.db.get_engine`; embedded servers that it needs are started first.

    The servers stay up for the next command, so a note says how to stop them.
    """
    settings = settings or get_settings()
    configured = {"database": settings.database_url, "broker": settings.broker_url}
    embedded = [name for name, address in configured.items() if address is None]
    if embedded:
        started = EmbeddedServers(settings.home).ensure_running()
        if started:
            note(f"started {' and '.join(started)}; `tracker down` stops them")
        if len(embedded) == 1:
            note(f"the {embedded[0]} is the embedded one: only workers on this machine reach it")
    return get_engine(settings)


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
