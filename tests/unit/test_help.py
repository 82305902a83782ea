"""What `--help` looks like: prose that fills the terminal, whatever its width."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from typer.testing import CliRunner

from tracker.cli.main import app


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
