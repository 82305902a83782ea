"""Where the embedded servers keep data, logs, locks and sockets: all computed from one folder."""

import hashlib
import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from tracker.errors import ServerError, UsageError

PORT = 5432
"""Only names PostgreSQL's socket file: nothing listens on TCP."""

_LONGEST_SOCKET_PATH = 103
"""Bytes of `sockaddr_un.sun_path` without its final NUL on macOS; Linux has four more."""

_SHARED_TEMP = Path("/tmp")  # noqa: S108 (its owner and mode are checked before any use)
"""Not `tempfile.gettempdir()`: a process with another TMPDIR must find the same sockets."""

_UNQUOTABLE = '"$`\\\n'
"""`pg_ctl` hands paths to a shell inside double quotes."""


@dataclass(frozen=True)
class Addresses:
    """URLs of the embedded servers, for each library that connects to them.

    Attributes
    ----------
    database_url
        For SQLAlchemy; without `+psycopg` also for `psql`, `pg_dump` and psycopg.
    broker_url
        For Celery and kombu, as broker or as result backend.
    redis_url
        For `redis.Redis.from_url`, which has another spelling of unix sockets than kombu.
    """

    database_url: str
    broker_url: str
    redis_url: str


@dataclass(frozen=True)
class Home:
    """The folders and files of one installation's embedded servers.

    Parameters
    ----------
    folder
        Absolute and without symbolic links, so that every process computes the same names.
    """

    folder: Path

    @classmethod
    def at(cls, path: Path) -> "Home":
        """The home at `path`, which need not exist yet."""
        folder = path.expanduser().resolve()
        if any(character in str(folder) for character in _UNQUOTABLE):
            raise UsageError(
                f"TRACKER_HOME {str(folder)!r} contains a quote, dollar sign, backslash or line "
                "break: choose a folder without them"
            )
        return cls(folder)

    @property
    def logs(self) -> Path:
        """Folder of the servers' logs."""
        return self.folder / "log"

    @cached_property
    def tag(self) -> str:
        """Short name of the folder, to tell its processes and sockets from another home's."""
        return f"tracker-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]}"

    @cached_property
    def sockets(self) -> Path:
        """Folder of both sockets: `run` in the home, or a short path if that is too long."""
        inside = self.folder / "run"
        if len(os.fsencode(inside / f".s.PGSQL.{PORT}")) <= _LONGEST_SOCKET_PATH:
            return inside
        return _SHARED_TEMP / self.tag

    @property
    def addresses(self) -> Addresses:
        """URLs of both servers, running or not."""
        # The port is spelled out because PGPORT in a client's environment would win otherwise.
        database = f"tracker@/tracker?host={quote(str(self.sockets))}&port={PORT}"
        broker = quote(str(self.sockets / "valkey.sock"))
        return Addresses(
            database_url=f"postgresql+psycopg://{database}",
            broker_url=f"redis+socket://{broker}?virtual_host=0",
            redis_url=f"unix://{broker}?db=0",
        )


def check_private(folder: Path, owners: set[int]) -> None:
    """Refuse a socket folder that another user could have made, or could reach into.

    Parameters
    ----------
    folder
        An existing folder.
    owners
        User ids that may own it.

    Raises
    ------
    ServerError
        It is a link or a file, belongs to someone else, or is open to others.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise ServerError(f"{folder} is not a folder: remove it, the servers' sockets go there")
    if found.st_uid not in owners:
        raise ServerError(
            f"{folder} belongs to user id {found.st_uid}: the servers' sockets would not be safe "
            "there; remove it or set TRACKER_HOME to another folder"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise ServerError(
            f"{folder} is open to other users (mode {stat.S_IMODE(found.st_mode):o}): remove it, "
            "or `chmod 700` it if you trust what is in it"
        )
