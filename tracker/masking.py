"""Keeping passwords out of what is written down."""

import re
import shlex
import sys
from pathlib import Path

_IN_URL = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/]+(?=@)", re.IGNORECASE)
_IN_QUERY = re.compile(r"(?P<before>\bpass(?:word|wd)?=)[^\s&'\"]+", re.IGNORECASE)


def masked(text: str) -> str:
    """`text` with `***` in place of the passwords of addresses in it."""
    return _IN_QUERY.sub(r"\g<before>***", _IN_URL.sub(r"\g<before>***", text))


def command_line() -> str:
    """This process's command line, as it can be typed again, but for passwords."""
    program, *arguments = sys.argv
    return shlex.join([Path(program).name, *map(masked, arguments)])
