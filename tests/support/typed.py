"""The command line in this process: a command takes milliseconds, without Python's own start."""

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

import pytest

from tracker.cli import main


def typed(line: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command, in this process."""
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
