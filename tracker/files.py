"""The file that is written: whole, or not at all."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tracker.errors import UsageError

SHOWN = 200
"""Characters of a path that a message repeats."""


def check_target(path: Path, *, force: bool) -> None:
    """Raise `UsageError` unless a file can be made at `path`."""
    # Of os.path, which takes a name that is too long for one that is not there.
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder: name a file in it")
    if not os.path.isdir(path.parent):
        raise UsageError(f"no folder {path.parent}: make it first, or choose another --out")
    if os.path.lexists(path):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
            raise UsageError(f"{path} is a device, a socket or a pipe: choose another --out")
        if not force:
            raise UsageError(f"{path} exists: --force replaces it, or choose another --out")


@contextmanager
def whole_file(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A new file that becomes `path` when the block ends well, and is removed when it does not.

    Raises
    ------
    UsageError
        If `path` cannot be written, or exists and is not to be replaced.
    """
    check_target(path, force=force)
    # Beside the target: only within one file system is a renaming one step.
    waiting = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        file = waiting.open("xb")
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        check_target(path, force=force)
        waiting.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        waiting.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{str(path)[:SHOWN]} cannot be written: {error.strerror or error}")


def _sync_folder(folder: Path) -> None:
    """Make a renaming last; not every file system can, and the file is whole either way."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
