"""Lines for whoever waits; what is measured goes to standard output."""

import sys
import time

_BEGAN = time.monotonic()


def say(line: str) -> None:
    """Write one line to standard error, with the seconds since the start."""
    print(f"{time.monotonic() - _BEGAN:6.1f} s  {line}", file=sys.stderr, flush=True)
