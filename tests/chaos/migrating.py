"""`tracker db upgrade` and back, as a release with one more revision would do it.

    python -m tests.chaos.migrating up|down

In a process of its own: the command with the newest revision set one further.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

import migrations
from tests.chaos import revisions
from tracker.cli import database, main
from tracker.db import migrate
from tracker.db.engine import unchecked_engine
from tracker.settings import get_settings

NEWER = "9999"


def _config() -> Config:
    folders = (Path(migrations.__file__).parent / "versions", Path(revisions.__file__).parent)
    config = _of_the_release()
    config.set_main_option("version_locations", ":".join(map(str, folders)))
    return config


_of_the_release = migrate._config


def up() -> None:
    """What a user of that release types."""
    migrate.HEAD = database.HEAD = NEWER
    sys.argv = ["tracker", "db", "upgrade"]
    main()


def down() -> None:
    """Back to what the workers know; in the same way, but without a command."""
    engine = unchecked_engine(get_settings())
    config = _config()
    with engine.begin() as connection:
        lock = {"lock": migrate.MIGRATION_LOCK}
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), lock)
        config.attributes["connection"] = connection
        command.downgrade(config, revisions.RELEASE)
    engine.dispose()


if __name__ == "__main__":
    migrate._config = _config
    {"up": up, "down": down}[sys.argv[1]]()
