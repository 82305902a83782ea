"""Passwords of addresses do not get into logs, command lines and provenance."""

import json
import logging
import sys

import pytest

from tracker.logs import HumanFormatter, JsonFormatter
from tracker.masking import command_line, masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:hush@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("redis://:hush@host/0 is away", "redis://:***@host/0 is away"),
        ("s3://key:h@sh@bucket/x", "s3://key:***@bucket/x"),
        ("host=h password=hush dbname=d", "host=h password=*** dbname=d"),
        ("postgresql://host/db?password=hush&x=1", "postgresql://host/db?password=***&x=1"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("at 12:30 mail me@host", "at 12:30 mail me@host"),
    ],
)
def test_passwords_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_a_command_line_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/bin/tracker", "psql", "redis://:hush@h/0", "a b"])
    assert command_line() == "tracker psql 'redis://:***@h/0' 'a b'"


def test_a_log_has_none_in_whatever_part() -> None:
    try:
        raise ValueError("redis://:hush@h/0")
    except ValueError:
        told = (sys.exc_info(), {"event": "failed", "error": "redis://:hush@h/0"})
    record = logging.makeLogRecord(
        {"msg": "at %s", "args": ("redis://:hush@h/0",), "exc_info": told[0], "told": told[1]}
    )
    line = JsonFormatter().format(record)
    assert "hush" not in line + HumanFormatter().format(record)
    assert json.loads(line)["error"] == "redis://:***@h/0"
    assert "ValueError: redis://:***@h/0" in json.loads(line)["traceback"]
