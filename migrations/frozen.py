"""Runs the SQL that a migration froze."""

from collections.abc import Iterable
from importlib import resources

from alembic import op


def run_scripts(revision: str, scripts: Iterable[str]) -> None:
    """Execute `migrations/sql/<revision>/<script>.sql` for each script, in order."""
    folder = resources.files("migrations") / "sql" / revision
    connection = op.get_bind().connection.driver_connection
    for script in scripts:
        # The driver runs the text as it is: SQLAlchemy would read `:name` as a parameter.
        connection.execute((folder / f"{script}.sql").read_text("utf-8"))
