"""Where the checkpoints of runs lie: on a disk, a shared folder or an object store.

A folder for each run, named by its uid, with the last two; what is in them is the workers' affair.
"""

import os
import re
from contextlib import suppress
from uuid import UUID

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tracker.errors import UsageError
from tracker.masking import without_secrets

KEPT = 2
"""Checkpoints of a run that stay: should the newest be damaged, there is one before it."""

NAME_PATTERN = re.compile(r"\d{8}\.checkpoint")
UNFINISHED = ".unfinished"


class CheckpointFolder:
    """The checkpoints of all runs under one address.

    Parameters
    ----------
    url
        As fsspec takes it: a path, `s3://bucket/folder`, ...

    Raises
    ------
    UsageError
        If fsspec knows no such address, or needs a package that is not installed.
    """

    def __init__(self, url: str) -> None:
        try:
            self._files, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise UsageError(f"TRACKER_CHECKPOINT_URL: {without_secrets(str(error))}") from None
        self._root = str(root).rstrip("/")

    def names(self, run: UUID) -> list[str]:
        """Names of a run's checkpoints, the newest first."""
        return sorted(filter(NAME_PATTERN.fullmatch, self._listed(self._folder(run))), reverse=True)

    def read(self, run: UUID, name: str) -> bytes:
        """Content of one checkpoint. Raises OSError or what the file system raises."""
        if not NAME_PATTERN.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a checkpoint")
        content: bytes = self._files.cat_file(self._inside(f"{self._folder(run)}/{name}"))
        return content

    def write(self, run: UUID, evaluation: int, content: bytes) -> None:
        """Keep a checkpoint of an evaluation: whole or not at all, also if the power fails.

        Written aside, brought to the disk and then renamed; older ones than the last two go.
        """
        folder = self._folder(run)
        path = f"{folder}/{evaluation:08d}.checkpoint"
        self._files.makedirs(self._inside(folder), exist_ok=True)
        try:
            with self._files.open(self._inside(path + UNFINISHED), "wb") as file:
                file.write(content)
                file.flush()
                if isinstance(self._files, LocalFileSystem):
                    os.fsync(file.fileno())
        except BaseException:
            with suppress(Exception):  # what is left of it takes up a place, no more
                self._files.rm_file(path + UNFINISHED)
            raise
        self._files.mv(path + UNFINISHED, self._inside(path))
        if isinstance(self._files, LocalFileSystem):
            _sync_folder(folder)
        for name in self.names(run)[KEPT:]:
            self._files.rm_file(f"{folder}/{name}")

    def delete(self, run: UUID) -> None:
        """Delete all checkpoints of a run, if there are any."""
        with suppress(FileNotFoundError):
            self._files.rm(self._inside(self._folder(run)), recursive=True)

    def runs(self) -> list[UUID]:
        """The runs of which there are checkpoints."""
        found = []
        for name in self._listed(self._root):
            with suppress(ValueError):  # whatever else lies there is none of ours
                found.append(UUID(name))
        return found

    def _inside(self, path: str) -> str:
        """The path, unless a link on it leads elsewhere: others may write into a shared folder.

        Raises
        ------
        OSError
            If one does.
        """
        if isinstance(self._files, LocalFileSystem):
            place = os.path.relpath(path, self._root)
            if os.path.realpath(path) != os.path.join(os.path.realpath(self._root), place):
                raise OSError(f"{path} is a link, or in one: none of ours is")
        return path

    def _folder(self, run: UUID) -> str:
        return f"{self._root}/{run}"

    def _listed(self, folder: str) -> list[str]:
        """Last parts of the paths in a folder."""
        self._files.invalidate_cache()
        try:
            paths = self._files.ls(folder, detail=False)
        except FileNotFoundError:
            return []
        return [str(path).rstrip("/").rpartition("/")[2] for path in paths]


def _sync_folder(folder: str) -> None:
    """Bring a renaming in `folder` to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
