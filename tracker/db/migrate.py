"""Bringing a database to the revision of this code, and telling whether it is there."""

from typing import TYPE_CHECKING

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from tracker.errors import SchemaMismatchError, TrackerError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0015"
"""Newest revision; a constant so that commands need not load the migrations. Tested."""

LOCK_TIMEOUT = "10s"
"""How long a migration waits for a table that others use."""

# Any 64-bit number does, as long as every version of tracker uses the same one.
MIGRATION_LOCK = 0x7472_6163_6B65_7201


def _config() -> "Config":
    # Alembic is only loaded to migrate: every command checks the revision, few migrate.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "migrations:")
    config.set_main_option("path_separator", "os")
    return config


def script_head() -> str | None:
    """Newest revision among the migration files."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config()).get_current_head()


def current_revision(engine: Engine) -> str | None:
    """Revision of the database; None if it has no tables of tracker."""
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate to `revision` in one transaction; two at once wait for each other.

    Where there are roles (`tracker.db.roles`), what is new belongs to the owner, and each gets its
    rights on it.

    Raises
    ------
    TrackerError
        If a table is in use for longer than a migration waits, or a migration and a reader wait for
        each other; nothing is changed then.
    """
    try:
        _upgrade(engine, revision)
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable | DeadlockDetected):
            raise
        reason = str(error.orig).partition("\n")[0]
        raise TrackerError(
            f"the database is in use ({reason}): nothing is changed, try again when no long query "
            "runs; workers may go on"
        ) from None


def limit_waiting(connection: Connection) -> None:
    """Give up on a lock after a while: every worker queues behind one that is waited for."""
    limit = text("SELECT set_config('lock_timeout', :limit, true)")
    connection.execute(limit, {"limit": LOCK_TIMEOUT})


def _upgrade(engine: Engine, revision: str) -> None:
    from alembic import command

    from tracker.db import roles

    config = _config()
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        limit_waiting(connection)
        found = roles.find_roles(connection)
        if found is not None:
            roles.clear_reading(connection, found)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        if found is not None:
            roles.grant(connection, found)


def ensure_current(engine: Engine, *, migrate: bool) -> None:
    """Check that the database is at this code's revision, migrating it first if `migrate`.

    Raises
    ------
    SchemaMismatchError
        If it is at another revision, naming both and the command to run.
    """
    revision = current_revision(engine)
    if revision == HEAD:
        return
    if migrate and (revision is None or revision < HEAD):
        upgrade(engine)
        return
    if revision is not None and revision > HEAD:
        raise SchemaMismatchError(
            f"the database is at revision {revision}, newer than this tracker's {HEAD}: "
            "install the newer version"
        )
    raise SchemaMismatchError(
        f"the database is at revision {revision or 'none'}, this tracker needs {HEAD}: "
        "run `tracker db upgrade`"
    )
