"""The command line in this process: a command takes milliseconds, without Python's own start."""

import io
import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest
from sqlalchemy import Engine

from tracker.cli import main
from tracker.db import engine as engines
from tracker.settings import get_settings


def typed(line: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command, in this process."""
    with logging_restored():
        return _typed(line)


def _typed(line: Sequence[str]) -> tuple[int, str, str]:
    out, error = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(error):
        patch.setenv("TRACKER_DEBUG", "")  # --debug sets it for good
        patch.setattr(sys, "argv", ["tracker", *line])
        patch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main()
    out.flush()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out.buffer.getvalue().decode(), error.getvalue()  # type: ignore[attr-defined]


@contextmanager
def installed(environment: Mapping[str, str]) -> Iterator[None]:
    """Commands that are typed within are of an installation with these settings."""
    made: list[Engine] = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        # The connections of a command's own process end with it.
        patch.setattr(engines, "_close_at_exit", made.append)
        get_settings.cache_clear()
        try:
            yield
        finally:
            for cached in (engines._engine, engines._reader_engine):
                cached.cache_clear()
            for engine in made:
                engine.dispose()
    get_settings.cache_clear()


@contextmanager
def logging_restored() -> Iterator[None]:
    """Undo what a command does to this process's log (`tracker.logs.configure`)."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook
    levels = {name: logging.getLogger(name).level for name in ("tracker", "workers")}
    try:
        yield
    finally:
        for handler in root.handlers:
            if handler not in handlers:
                handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, own in levels.items():
            logging.getLogger(name).setLevel(own)
        sys.excepthook, threading.excepthook = hooks
        logging.captureWarnings(False)
