"""What both embedded servers have in common: one data folder, one socket, start, stop, status."""

import re
import signal
import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from os import kill
from pathlib import Path
from typing import ClassVar

from tracker.embedded.account import Account
from tracker.embedded.home import Home
from tracker.embedded.processes import (
    Lock,
    last_lines,
    last_lines_of,
    processes_of,
    run,
    size_of,
    wait_until,
)
from tracker.errors import ServerError

START_SECONDS = 60.0
"""Patience with a server that listens but is not ready: it recovers from a crash."""

STOP_SECONDS = 60.0
"""Patience with a server that was asked to stop: it writes its memory to disk."""

_SILENCE_SECONDS = 5.0
"""Patience with processes that hold a server's lock but no longer listen."""


@dataclass(frozen=True)
class ServerStatus:
    """What `tracker` can say of one embedded server.

    Attributes
    ----------
    name
        PostgreSQL or Valkey.
    version
        Of the installed program, which an upgrade makes newer than the running one.
    running
        Whether it answers on its socket.
    pid
        Its process, if it runs.
    data_folder
        Where its data are, whether or not they exist yet.
    """

    name: str
    version: str
    running: bool
    pid: int | None
    data_folder: Path


class Server(ABC):
    """One server of a home."""

    name: ClassVar[str]
    """As it is written in messages."""

    program: ClassVar[str]
    """Name of its processes."""

    ending: ClassVar[signal.Signals]
    """Signal that ends such a process at once without harm to the data."""

    def __init__(self, home: Home, folder: str, socket_file: str) -> None:
        self.home = home
        self.data = home.folder / folder
        self.log = home.logs / f"{folder}.log"
        self.socket_path = home.sockets / socket_file
        self._life = Lock(home.folder / f"{folder}.lock")

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server is ready for work; False while it starts or stops."""

    @abstractmethod
    def version(self) -> str:
        """Version of the installed program, such as `18.6`."""

    @abstractmethod
    def pid(self) -> int | None:
        """The main process of the running server."""

    @abstractmethod
    def _prepare(self, account: Account | None, descriptor: int) -> None:
        """Make ready what the daemon needs; programs run for that inherit `descriptor`."""

    @abstractmethod
    def _command(self) -> list[str | Path]:
        """The program that leaves the daemon behind and returns at once."""

    @abstractmethod
    def _ask_to_stop(self, account: Account | None) -> None:
        """Ask the running daemon to stop, without waiting for it."""

    @abstractmethod
    def _belongs(self, command_line: bytes) -> bool:
        """Whether a process with this command line is one of the server's."""

    def start(self, account: Account | None) -> bool:
        """Start the server unless it runs, and wait until it answers.

        Returns
        -------
        bool
            Whether this call started it.
        """
        if self.answers() or self._earlier_start_answers():
            return False
        before = size_of(self.log)
        with self._life.hold(1.0, account) as descriptor:
            self._prepare(account, descriptor)
            result = run(self._command(), account, inherit=[descriptor])
        wait_until(self._settled, START_SECONDS)
        if not self.answers():
            reason = last_lines_of(self.log, before) or last_lines(result.stdout) or "no message"
            raise ServerError(f"{self.name} did not start: {reason} (see {self.log})")
        return True

    def stop(self, account: Account | None) -> bool:
        """Stop the server if it runs, and wait until nothing of it is left.

        Returns
        -------
        bool
            Whether there was anything to stop.
        """
        if self._is_gone():
            return False
        self._ask_to_stop(account)
        if not wait_until(self._is_gone, STOP_SECONDS):
            raise ServerError(f"{self.name} has not stopped in {STOP_SECONDS:g} s: see {self.log}")
        return True

    def status(self) -> ServerStatus:
        """Name, version, process and data folder."""
        running = self.answers()
        pid = self.pid() if running else None
        return ServerStatus(self.name, self.version(), running, pid, self.data)

    def listens(self) -> bool:
        """Whether a process accepts connections on the socket, ready for work or not."""
        try:
            self._connect().close()
        except (BlockingIOError, TimeoutError):  # so busy that connections queue up
            return True
        except OSError:
            return False
        return True

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(1.0)
            connection.connect(str(self.socket_path))
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_gone(self) -> bool:
        # Whoever starts the server by hand does so without the lock.
        return self._life.is_free() and not self.listens()

    def _settled(self) -> bool:
        return self.answers() or self._is_gone()

    def _earlier_start_answers(self) -> bool:
        """Wait until an earlier start of the server answers (True) or is gone (False).

        It may be starting, stopping, killed with some processes left, or without its socket.
        """
        if not wait_until(self._settled, _SILENCE_SECONDS) and self.listens():
            wait_until(self._settled, START_SECONDS)
        if self.answers():
            return True
        if self.listens():
            raise ServerError(
                f"{self.name} is still starting after {START_SECONDS:g} s: see {self.log}"
            )
        if not self._life.is_free():
            self._end_processes()
        return False

    def _end_processes(self) -> None:
        """End what is left of the server, so that its lock becomes free."""
        for pid in processes_of(self.program, self._belongs):
            with suppress(ProcessLookupError):
                kill(pid, self.ending)
        if not wait_until(self._life.is_free, _SILENCE_SECONDS):
            raise ServerError(
                f"{self.name} of {self.home.folder} is in use by processes that cannot be reached "
                f"from here: stop it on the machine or in the container that runs it, or end its "
                f"{self.program} processes"
            )


def installed_version(program: Path, pattern: str) -> str:
    """The version that `program` prints of itself, found by a regular expression's group."""
    result = run([program, "--version"], None)
    match = re.search(pattern, result.stdout)
    if match is None:
        raise ServerError(
            f"{program} does not run on this machine: {last_lines(result.stdout) or 'no message'}"
        )
    return match[1]


def package_folder(package: str, variable: str) -> Path:
    """Folder of an installed wheel with a server's programs, found without importing it.

    Parameters
    ----------
    package
        Name of the Python package.
    variable
        Environment variable with which one does without it.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(
            f"the package {package} is not installed: run `pip install {package.replace('_', '-')}`"
            f" or set {variable} to a running server"
        )
    return Path(spec.submodule_search_locations[0])
