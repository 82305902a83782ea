"""What `--help` looks like: prose that fills the terminal, whatever its width."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from typer.testing import CliRunner

from tracker.cli.main import app
from tracker.errors import UsageError


def commands() -> Iterator[tuple[str, ...]]:
    for command in app.registered_commands:
        yield (str(command.name),)
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            yield str(group.name), command.name or str(command.callback.__name__)  # type: ignore[union-attr]


def prose(command: tuple[str, ...], width: int) -> list[str]:
    """The lines between usage and options."""
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": str(width)})
    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines()]
    [usage] = [number for number, line in enumerate(lines) if line.startswith("Usage:")]
    end = next(number for number, line in enumerate(lines) if line.startswith("╭"))
    return lines[usage + 1 : end]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_lines_break_where_the_terminal_ends(command: tuple[str, ...], width: int) -> None:
    lines = prose(command, width)
    assert any(lines)
    for line, following in pairwise(lines):
        if line and following:
            word = following.split()[0]
            # A space on either side of the text.
            assert len(line) + 1 + len(word) > width - 2, (line, following)


def test_paragraphs_stay_apart() -> None:
    lines = prose(("verify",), 120)
    assert [bool(line) for line in lines].count(False) >= 3
    assert "Lengths, missing blocks and evaluations" in " ".join(lines)


@pytest.mark.parametrize("command", [(), ("curriculum",), ("db",), *commands()], ids=" ".join)
def test_flags_take_no_value(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "120"})
    assert result.exit_code == 0
    assert "--help" in result.stdout
    assert "<bool>" not in result.stdout


@pytest.mark.parametrize(
    "command",
    [
        (
            *[
                "enqueue",
                "--arch",
                "mlp",
                "--dataset",
                "digits",
                "--seeds",
                "1",
                "--curriculum",
                "easy-first",
            ],
        ),
        ("curriculum", "preview", "nobody"),
        ("curriculum", "compare"),
    ],
    ids=" ".join,
)
def test_pacing_functions_are_those_of_the_error(command: tuple[str, ...]) -> None:
    error = CliRunner().invoke(app, [*command, "--pacing", "rooot"]).exception
    assert isinstance(error, UsageError)
    said, _, names = str(error).partition(": choose one of ")
    assert said == "unknown pacing 'rooot'"
    # No option gives the lengths that this one needs.
    assert "varied-exponential" not in names
    named = command[:2] if command[0] == "curriculum" else command[:1]
    shown = CliRunner().invoke(app, [*named, "--help"], env={"COLUMNS": "400"}).stdout
    assert f"How the pool grows: {names}." in shown
