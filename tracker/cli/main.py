"""The commands by name, and how errors reach the user: one line, exit code 2 or 1."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from tracker import __version__
from tracker.cli import (
    analyze,
    catalog,
    compare,
    curriculum,
    database,
    doctor,
    enqueue,
    imports,
    query,
    runs,
    servers,
    show,
    status,
    transfer,
    types,
    upkeep,
    worker,
)
from tracker.cli.help import flow
from tracker.cli.output import complain
from tracker.errors import TrackerError, UsageError, printable
from tracker.masking import without_secrets

NEXT_STEPS = {
    "42501": "TRACKER_DATABASE_URL names a role without this right: `tracker db roles` lists them",
    "53100": "the database's disk is full: make room on it, nothing of this command was kept",
}
"""What to do about an error of the database, by its SQLSTATE."""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("enqueue")(enqueue.enqueue)
app.command("worker")(worker.worker)
app.command("status")(status.status)
app.command("runs")(runs.runs)
app.command("show")(show.show)
app.command("compare")(compare.compare)
app.command("plot")(show.plot)
app.command("types")(types.types)
app.command("list")(show.list_ensembles)
app.command("query")(query.query)
app.command("analyze")(analyze.analyze)
app.command("cancel")(status.cancel)
app.command("retry")(status.retry)
app.command("export")(transfer.export)
app.command("import")(imports.import_files)
app.command("verify")(upkeep.verify)
app.command("delete")(upkeep.delete)
app.command("doctor")(doctor.doctor)
app.command("psql")(database.psql)
app.command("up")(servers.up)
app.command("down")(servers.down)
app.command("datasets")(catalog.datasets)
app.command("archs")(catalog.archs)
app.add_typer(curriculum.app, name="curriculum")
app.add_typer(database.app, name="db")
flow(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tracker {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show and exit."),
    ] = False,
) -> None:
    """How each training example is learned: train ensembles, ask in SQL, reorder training."""
    if debug:
        os.environ["TRACKER_DEBUG"] = "1"


def main() -> None:
    """Run the command line; every error is one line on standard error."""
    try:
        _check_arguments(sys.argv[1:])
        code = app(standalone_mode=False)
    except TyperException as error:
        code = _report(error, error.exit_code)
    except UsageError as error:
        code = _report(error, 2)
    except TrackerError as error:
        code = _report(error, 1)
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        # The reader (`tracker ... | head`) has had enough; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # a defect, or a server that went away in the middle
        code = _report(error, 1)
    sys.exit(code if isinstance(code, int) else 0)


def _check_arguments(arguments: Sequence[str]) -> None:
    """Refuse what neither PostgreSQL nor a terminal can hold, before anything is made of it.

    Bytes that are not UTF-8 are surrogates here.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(f"argument {ascii(argument)[:80]} is not UTF-8 text") from None
        if "\0" in argument:
            raise UsageError(f"argument {ascii(argument)[:80]} has a NUL character")


def _report(error: Exception, code: int) -> int:
    if os.environ.get("TRACKER_DEBUG"):
        print(without_secrets("".join(traceback.format_exception(error))), file=sys.stderr, end="")
        return 1
    message = error.format_message() if isinstance(error, TyperException) else str(error)
    if isinstance(error, OSError) and error.filename is not None:
        message = f"{str(error.filename)[:200]!r} cannot be used: {error.strerror}"
    elif not isinstance(error, TyperException | TrackerError):
        first_line = message.strip().partition("\n")[0]
        message = f"{type(error).__name__}: {first_line} ({_next_step(error)})"
    # Typer ends a bare `tracker db` with an empty message, after printing the help.
    if message:
        complain(_in_one_line(message + _given(error) + _passed_on(error)))
    return code


def _in_one_line(message: str) -> str:
    """A message without line breaks, nor anything else that would steer a terminal."""
    return printable(" ".join(without_secrets(message).split()))


def _next_step(error: Exception) -> str:
    """What to do about an error that the code did not expect."""
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return NEXT_STEPS.get(str(state), "`tracker --debug ...` shows where")


def _given(error: Exception) -> str:
    """The value of the option that Typer complains of: its own message leaves it out."""
    for option in getattr(getattr(error, "param", None), "opts", ()):
        for argument, following in zip(sys.argv, [*sys.argv[1:], ""], strict=True):
            if argument == option:
                return f", got {following!r}"
            if argument.startswith(f"{option}="):
                return f", got {argument.removeprefix(f'{option}=')!r}"
    return ""


def _passed_on(error: Exception) -> str:
    """How an option is given to the program behind a command, of one that the command lacks."""
    command = getattr(getattr(error, "ctx", None), "info_name", None)
    # Typer has no public name for the error of an unknown option.
    is_unknown = hasattr(error, "option_name") and hasattr(error, "possibilities")
    if command != "psql" or not is_unknown:
        return ""
    return "; psql's own options come after --: `tracker psql -- -At -c 'SELECT 1'`"
