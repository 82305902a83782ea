"""The database: models, connections, migrations, roles, embedded servers."""

from tracker.db.engine import get_engine, get_reader_engine

__all__ = ["get_engine", "get_reader_engine"]
