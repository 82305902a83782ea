"""The system user that runs the servers when `tracker` itself runs as root.

PostgreSQL refuses to run as root. Run by anyone else, the servers belong to that user and
nothing here applies.
"""

import logging
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracker.errors import ServerError

NAME = "tracker"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """User and group ids under which the servers run."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Make `path`, and everything below it, belong to this account.

        Only where the owner differs, which is when root made it or when a rebuilt container gave
        the account another number. Links are not followed: root must not be led elsewhere.
        """
        if path.lstat().st_uid == self.uid:
            return
        for entry in _tree(path):
            os.chown(entry, self.uid, self.gid, follow_symlinks=False)

    def open_way_to(self, path: Path) -> None:
        """Let this account traverse (never list or read) the parents of `path` that forbid it."""
        for parent in {*path.parents, *path.resolve().parents}:
            found = parent.stat()
            if found.st_uid != self.uid and not found.st_mode & stat.S_IXOTH:
                _log.info("chmod o+x %s: the servers' user has to pass through it", parent)
                parent.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)

    def open_programs(self, folder: Path) -> None:
        """Let this account read and run an installed package, even one installed with umask 077."""
        self.open_way_to(folder)
        if self.uid == folder.stat().st_uid or folder.stat().st_mode & stat.S_IROTH:
            return
        for entry in _tree(folder):
            if not entry.is_symlink():
                mode = stat.S_IMODE(entry.stat().st_mode)
                entry.chmod(mode | (mode & (stat.S_IRUSR | stat.S_IXUSR)) >> 6)


def server_account(home: Path) -> Account | None:
    """The account to run the servers of `home` under, or None to run them as oneself.

    That is the owner of the home if it is not root's (so that `sudo tracker` does not take a
    user's data away), otherwise the system user `tracker`, made if missing, otherwise `nobody`.
    """
    if os.geteuid() != 0:
        return None
    entry = _owner(home) or _named(NAME) or _made(NAME) or _named("nobody")
    if entry is None:
        raise ServerError(
            f"PostgreSQL does not run as root and the user {NAME!r} could not be made: run "
            f"`useradd --system {NAME}`, or run tracker as another user"
        )
    return Account(entry.pw_uid, entry.pw_gid)


def _owner(home: Path) -> pwd.struct_passwd | None:
    """The user, other than root, to whom the home belongs."""
    try:
        uid = home.stat().st_uid
        return pwd.getpwuid(uid) if uid else None
    except (FileNotFoundError, KeyError):
        return None


def _named(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made(name: str) -> pwd.struct_passwd | None:
    """The system user `name`, now made; None where that is not possible."""
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is not None:
        # A failure is judged by its result: another process may have made the user just now.
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return _named(name)


def _tree(path: Path) -> Iterator[Path]:
    """`path` and everything below it."""
    yield path
    if path.is_dir() and not path.is_symlink():
        for folder, folders, files in os.walk(path):
            yield from (Path(folder, name) for name in folders + files)
