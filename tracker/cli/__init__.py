"""The command line: `tracker ...`."""

from tracker.cli.main import main

__all__ = ["main"]
