"""`tracker psql`: what psql is started with, and what is said of options that are psql's own."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.support.typed import typed
from tracker.cli import database


@pytest.fixture
def _psql(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A psql that prints what it is given but for the address, one a line."""
    program = tmp_path / "psql"
    program.write_text(f'#!/bin/sh\nshift\nprintf "%s\\n" "$@" > {tmp_path}/given\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    url = make_url("postgresql+psycopg://user@127.0.0.1:9/things")
    monkeypatch.setattr(database, "_owner", lambda _: url)


@pytest.mark.usefixtures("_psql")
@pytest.mark.parametrize(
    ("line", "given"),
    [
        (["--", "-At", "-c", "SELECT 1"], ["-At", "-c", "SELECT 1"]),
        (["-c", "SELECT 1", "--", "--csv"], ["--csv", "-v", "ON_ERROR_STOP=1", "-c", "SELECT 1"]),
    ],
    ids=str,
)
def test_psqls_own_options_come_after_two_dashes(
    line: list[str], given: list[str], tmp_path: Path
) -> None:
    code, _, error = typed(["psql", *line])
    assert (code, error) == (0, "")
    assert (tmp_path / "given").read_text().splitlines() == given


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["-At", "-c", "SELECT 1"], "No such option: -A; psql's own options come after --: `tra"),
        (["--tuples-only"], "No such option: --tuples-only; psql's own options come after --"),
        (["SELECT 1"], "unexpected 'SELECT 1': SQL is given with -c, psql's own options after --"),
    ],
    ids=str,
)
def test_what_is_psqls_own_is_said(line: list[str], said: str) -> None:
    code, out, error = typed(["psql", *line])
    assert (code, out) == (2, "")
    assert said in error


def test_of_other_commands_it_is_not_said() -> None:
    code, _, error = typed(["list", "-A"])
    assert code == 2
    assert "psql" not in error
