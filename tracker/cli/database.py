"""`tracker psql` and `tracker db ...`: the database as a database."""

import os
import shutil
import subprocess
import sys
from typing import Annotated

import typer

from tracker.cli.output import out
from tracker.cli.session import open_engine
from tracker.db.engine import SESSION_OPTIONS, database_url, unchecked_engine
from tracker.db.migrate import HEAD, current_revision, ensure_current
from tracker.db.migrate import upgrade as migrate
from tracker.embedded import EmbeddedServers
from tracker.errors import TrackerError
from tracker.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="The database: migrations and address.")


def psql(
    command: Annotated[
        str | None, typer.Option("-c", "--command", help="Run this SQL and leave.")
    ] = None,
) -> None:
    """Open psql on the database, or run one command."""
    settings = get_settings()
    open_engine(settings)
    program = shutil.which("psql") or str(EmbeddedServers(settings.home).bin_folder / "psql")
    url = database_url(settings)
    arguments = [program, url.set(drivername="postgresql", password=None).render_as_string()]
    if command is not None:
        arguments += ["-v", "ON_ERROR_STOP=1", "-c", command]
    environment = {**os.environ, "PGOPTIONS": SESSION_OPTIONS, "PGAPPNAME": "tracker psql"}
    if url.password is not None:
        # In the environment, where other users of the machine do not see it as in `ps`.
        environment["PGPASSWORD"] = str(url.password)
    sys.stdout.flush()
    # Ctrl-C belongs to psql, which cancels the query and goes on.
    with subprocess.Popen(arguments, env=environment) as process:
        while True:
            try:
                raise typer.Exit(process.wait())
            except KeyboardInterrupt:
                continue


@app.command()
def upgrade() -> None:
    """Bring the database to the revision that this version of tracker needs."""
    engine = unchecked_engine(get_settings())
    before = current_revision(engine)
    if before == HEAD:
        out.print(f"already at revision {HEAD}")
        return
    if before is not None and before > HEAD:
        ensure_current(engine, migrate=False)
    migrate(engine)
    out.print(f"upgraded from {before or 'nothing'} to {HEAD}")


@app.command()
def check() -> None:
    """Check that the database answers and is at the right revision."""
    engine = unchecked_engine(get_settings())
    ensure_current(engine, migrate=False)
    with engine.connect() as connection:
        version = connection.exec_driver_sql("SHOW server_version").scalar()
    if connection.dialect.server_version_info is not None and (
        connection.dialect.server_version_info < (14,)
    ):
        raise TrackerError(f"PostgreSQL {version} is too old: tracker needs 14 or later")
    out.print(f"PostgreSQL {version} at revision {HEAD}: in order")


@app.command()
def url(
    show_password: Annotated[bool, typer.Option(help="Print the password too.")] = False,
) -> None:
    """Print the database's address, as psql and other programs take it."""
    address = database_url(get_settings()).set(drivername="postgresql")
    typer.echo(address.render_as_string(hide_password=not show_password))
