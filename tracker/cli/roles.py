"""`tracker db roles`: an owner, a writer for workers, a reader for everyone else."""

import getpass
import os
import sys
from typing import Annotated

import typer
from sqlalchemy import URL

from tracker.cli.output import note, out
from tracker.cli.session import open_engine, unchecked
from tracker.db.engine import database_url
from tracker.db.migrate import HEAD, current_revision, ensure_current
from tracker.db.roles import DEFAULT_PREFIX, KINDS, Roles, check_prefix, make_roles
from tracker.errors import UsageError
from tracker.masking import public
from tracker.settings import Settings, get_settings

PURPOSES = {
    "owner": "migrates, queues, imports, deletes: `tracker db upgrade`, `tracker enqueue`, ...",
    "writer": "trains: `tracker worker`",
    "reader": "asks: `tracker show`, `query`, `status`, `export`, `psql --reader`, samplers",
}
VARIABLES = {
    "owner": "TRACKER_DATABASE_URL",
    "writer": "TRACKER_DATABASE_URL",
    "reader": "TRACKER_READER_DATABASE_URL",
}


def roles(
    prefix: Annotated[
        str, typer.Option(help="Names begin with it: PREFIX_owner, PREFIX_writer, PREFIX_reader.")
    ] = DEFAULT_PREFIX,
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin",
            help="Read three lines, passwords of owner, writer and reader; an empty one changes "
            "nothing.",
        ),
    ] = False,
) -> None:
    """Make three roles, or bring their rights up to date: owner, writer and reader.

    Passwords come from TRACKER_OWNER_PASSWORD, TRACKER_WRITER_PASSWORD and TRACKER_READER_PASSWORD,
    from standard input, or are asked for on a terminal. Run it as a superuser, or as a role that
    may make roles and owns the database.
    """
    check_prefix(prefix)
    settings = get_settings()
    if settings.database_url is None:
        # The embedded server's sockets are its owner's alone, and ask for no password.
        with open_engine(settings).begin() as connection:
            _tell(settings, *make_roles(connection, prefix, {}), {})
        return
    # It may still be empty, or at the revision before: the owner migrates it.
    with unchecked() as engine:
        revision = current_revision(engine)
        if revision is not None and revision > HEAD:
            ensure_current(engine, migrate=False)
        passwords = _passwords(password_stdin)
        with engine.begin() as connection:
            made, new = make_roles(connection, prefix, passwords)
    _tell(settings, made, new, passwords)
    if revision != HEAD:
        note(f"next: `tracker db upgrade` as {made.owner} brings the database up to date")


def _passwords(from_stdin: bool) -> dict[str, str]:
    """Passwords by kind; those not given are left out."""
    if from_stdin:
        lines = sys.stdin.read().split("\n")
        given = dict(zip(KINDS, [line.removesuffix("\r") for line in lines], strict=False))
        if len(lines) < len(KINDS):
            raise UsageError(
                f"--password-stdin wants three lines (owner, writer, reader), got {len(lines)}"
            )
    else:
        given = {kind: os.environ.get(f"TRACKER_{kind.upper()}_PASSWORD", "") for kind in KINDS}
        if not any(given.values()) and sys.stdin.isatty():
            given = {
                kind: getpass.getpass(f"password of the {kind} (empty: as it is): ")
                for kind in KINDS
            }
    return {kind: password for kind, password in given.items() if password}


def _tell(settings: Settings, made: Roles, new: list[str], passwords: dict[str, str]) -> None:
    address = database_url(settings)
    for kind, name in zip(KINDS, made, strict=True):
        state = "made" if name in new else "brought up to date"
        secret = ", with a new password" if kind in passwords else ""
        out.print(f"{name}: {state}{secret}; {PURPOSES[kind]}")
        out.print(f"  {VARIABLES[kind]}={_template(address, name)}")
    known = {name for kind, name in zip(KINDS, made, strict=True) if kind in passwords}
    without = [name for name in new if name not in known]
    if settings.database_url is None:
        note("the embedded server asks for no password; `tracker psql --reader` asks as the reader")
    elif without:
        note(
            f"without a password: {', '.join(without)}; where the server asks for one, run this "
            "again with --password-stdin"
        )


def _template(address: URL, role: str) -> str:
    """The address for a role, with a word in place of its password."""
    url = public(address).set(drivername="postgresql", username=role)
    if address.host:
        url = url.set(password="PASSWORD")  # noqa: S106 (a placeholder)
    return url.render_as_string(hide_password=False)
