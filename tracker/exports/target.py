"""The file that is written: whole, or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tracker.errors import UsageError


def check_target(path: Path, *, force: bool) -> None:
    """Raise `UsageError` unless a file can be made at `path`."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder: make it first, or choose another --out")
    if path.exists() and not force:
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
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        check_target(path, force=force)
        waiting.replace(path)
        _sync_folder(path.parent)
    finally:
        waiting.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a renaming last; not every file system can, and the file is whole either way."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
