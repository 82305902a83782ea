"""`tracker psql` and `tracker db ...`: the database as a database."""

import os
import shutil
import subprocess
import sys
from typing import Annotated

import typer
from sqlalchemy import URL

from tracker.cli import roles
from tracker.cli.output import out
from tracker.cli.session import open_engine, open_reader, unchecked
from tracker.db.client import client_address
from tracker.db.engine import SESSION_OPTIONS, database_url, reader_url
from tracker.db.migrate import HEAD, current_revision, ensure_current
from tracker.db.migrate import upgrade as migrate
from tracker.db.roles import DEFAULT_PREFIX, find_roles, make_roles
from tracker.embedded import EmbeddedServers
from tracker.errors import TrackerError, UsageError
from tracker.masking import HIDDEN, public
from tracker.settings import Settings, get_settings

app = typer.Typer(no_args_is_help=True, help="The database: migrations, roles and address.")
app.command("roles")(roles.roles)


def psql(
    command: Annotated[
        str | None, typer.Option("-c", "--command", help="Run this SQL and leave.")
    ] = None,
    reader: Annotated[bool, typer.Option("--reader", help="As the role that only reads.")] = False,
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="PSQL_OPTIONS", help="psql's own options, after --."),
    ] = None,
) -> None:
    """Open psql on the database, or run one command.

    Options of psql itself are given after --: `tracker psql -- -At -c 'SELECT count(*) FROM run'`.
    """
    own = options or []
    if own and not own[0].startswith("-"):
        raise UsageError(
            f"unexpected {own[0][:80]!r}: SQL is given with -c, psql's own options after --"
        )
    settings = get_settings()
    url = _reader(settings) if reader else _owner(settings)
    program = shutil.which("psql") or str(EmbeddedServers(settings.home).bin_folder / "psql")
    asked = [] if command is None else ["-v", "ON_ERROR_STOP=1", "-c", command]
    environment = {**os.environ, "PGOPTIONS": SESSION_OPTIONS, "PGAPPNAME": "tracker psql"}
    sys.stdout.flush()
    with (
        client_address(url) as (address, secrets),
        subprocess.Popen([program, address, *own, *asked], env=environment | secrets) as process,
    ):
        # Ctrl-C belongs to psql, which cancels the query and goes on.
        while True:
            try:
                raise typer.Exit(process.wait())
            except KeyboardInterrupt:
                continue


def _owner(settings: Settings) -> URL:
    open_engine(settings)
    return database_url(settings)


def _reader(settings: Settings) -> URL:
    if settings.reader_database_url is not None:
        open_reader(settings)
        return reader_url(settings)
    engine = open_engine(settings)
    if settings.database_url is not None:
        raise UsageError(
            "--reader needs TRACKER_READER_DATABASE_URL: `tracker db roles` makes the role and "
            "says what to set"
        )
    with engine.begin() as connection:
        found = find_roles(connection) or make_roles(connection, DEFAULT_PREFIX, {})[0]
    return database_url(settings).set(username=found.reader)


@app.command()
def upgrade() -> None:
    """Bring the database to the revision that this version of tracker needs."""
    with unchecked() as engine:
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
    with unchecked() as engine:
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
    if show_password:
        typer.echo(address.render_as_string(hide_password=False))
        return
    hidden = public(address).set(password=None if address.password is None else HIDDEN)
    typer.echo(hidden.render_as_string())
