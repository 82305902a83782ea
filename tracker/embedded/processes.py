"""Locks, daemons and their remains: the part that knows about processes, not about servers."""

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tracker.embedded.account import Account
from tracker.errors import ServerError

_POLL_SECONDS = 0.01
_TELLING = re.compile(
    r"FATAL|PANIC|ERROR|HINT|DETAIL|fail|can't|denied|unrecognized|invalid", re.IGNORECASE
)
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] |^\d+:\w [^*#]*[*#] ")


class Lock:
    """An exclusive `flock` on a file.

    A daemon that inherits the descriptor holds the lock for as long as any of its processes
    lives, however it ends, so that a free lock proves that nothing of it is left. A pid file
    cannot: pids are used again, and mean nothing in another container or on another machine
    that shares the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def hold(self, seconds: float, account: Account | None = None) -> Iterator[int]:
        """Hold the lock, waiting up to `seconds` for it; gives the descriptor to inherit."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            if account is not None:
                account.own(self._path)
            if not wait_until(lambda: self._locks(descriptor), seconds):
                raise ServerError(
                    f"another process has held {self._path} for {seconds:g} s: wait for it to end"
                )
            yield descriptor
        finally:
            os.close(descriptor)

    def is_free(self) -> bool:
        """Whether nothing holds the lock."""
        try:
            descriptor = os.open(self._path, os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            return self._locks(descriptor)
        finally:
            os.close(descriptor)

    def _locks(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise ServerError(
                f"the file system of {self._path} does not lock files ({error.strerror}): set "
                "TRACKER_HOME to a folder on a local disk"
            ) from None
        return True


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether `condition` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def run(
    command: Sequence[str | Path],
    account: Account | None,
    *,
    inherit: Sequence[int] = (),
    text: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a program that may leave a daemon behind, which shares nothing with this process.

    Parameters
    ----------
    command
        Program and arguments.
    account
        Whom to run it as; None for the user of this process.
    inherit
        The only descriptors passed on.
    text
        Its standard input.

    Returns
    -------
    subprocess.CompletedProcess
        With output and errors together in `stdout`; failures are not raised.
    """
    # A session of its own keeps Ctrl-C away; the root folder pins no mount and is readable by
    # the account. PG* variables would change defaults (PGPORT) of server and tools alike.
    environment = {name: value for name, value in os.environ.items() if name[:2] != "PG"}
    return subprocess.run(
        command,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd="/",
        env=environment | {"LC_ALL": "C"},
        start_new_session=True,
        umask=0o077,
        pass_fds=inherit,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )


def processes_of(program: str, belongs: Callable[[bytes], bool]) -> list[int]:
    """Ids of the processes of a server; [] where there is no `/proc`.

    Parameters
    ----------
    program
        Their name.
    belongs
        Whether a process with this command line belongs to the server. Everyone can read that;
        the working folder of another user's process is hidden even from a container's root.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if process.joinpath("comm").read_text().strip() == program and belongs(
                process.joinpath("cmdline").read_bytes()
            ):
                found.append(int(process.name))
    return found


def is_impostor(pid: int, program: str, folder: Path) -> bool:
    """Whether the number `pid` is taken, but surely not by `program` at work in `folder`."""
    process = Path("/proc", str(pid))
    try:
        if process.joinpath("comm").read_text().strip() != program:
            return True
        # In a container whose first process does not wait for orphans, the dead stay on.
        if process.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        # Where this is hidden, nothing is sure.
        return process.joinpath("cwd").readlink() != folder
    except OSError:
        return False


def size_of(log: Path) -> int:
    """Bytes in a log, 0 if it is not there yet: where the next start's lines will begin."""
    return log.stat().st_size if log.exists() else 0


def last_lines(text: str) -> str:
    """The few lines of a log or of a program's output that say why it failed, as one line."""
    lines = [_STAMP.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)] or lines
    return "; ".join(telling[-3:])[-500:]


def last_lines_of(log: Path, start: int) -> str:
    """`last_lines` of what was written to `log` after its first `start` bytes."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(start)
        return last_lines(file.read().decode(errors="replace"))
