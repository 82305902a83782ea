"""Runs the SQL that a migration froze."""

from collections.abc import Iterable
from importlib import resources

from alembic import op


def run_scripts(revision: str, scripts: Iterable[str], *, replacing: bool = False) -> None:
    """Execute `migrations/sql/<revision>/<script>.sql` for each script, in order.

    With `replacing`, views take the place of those of their name, whose columns they begin with,
    and functions of those of their name and arguments: what reads them stays.
    """
    folder = resources.files("migrations") / "sql" / revision
    connection = op.get_bind().connection.driver_connection
    for script in scripts:
        text = (folder / f"{script}.sql").read_text("utf-8")
        if replacing:
            for kind in ("VIEW", "FUNCTION"):
                text = text.replace(f"\nCREATE {kind}", f"\nCREATE OR REPLACE {kind}")
        # The driver runs the text as it is: SQLAlchemy would read `:name` as a parameter.
        connection.execute(text)
