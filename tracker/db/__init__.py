"""The database: models, connections, migrations, embedded servers."""

from tracker.db.engine import get_engine

__all__ = ["get_engine"]
