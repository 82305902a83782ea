"""PostgreSQL and Valkey out of wheels: what `tracker` runs on when no address is configured.

Both are daemons that listen on unix sockets only, outlive the command that started them, and
belong to one folder (`TRACKER_HOME`). Any number of processes may start them at once.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path

from tracker.embedded.account import Account, server_account
from tracker.embedded.home import Addresses, Home, check_private
from tracker.embedded.postgres import Postgres
from tracker.embedded.processes import Lock
from tracker.embedded.server import Server, ServerStatus
from tracker.embedded.valkey import Valkey
from tracker.errors import ServerError

__all__ = ["Addresses", "EmbeddedServers", "ServerStatus"]

_PATIENCE_SECONDS = 120.0
"""How long to wait for another process that is starting or stopping the servers."""


class EmbeddedServers:
    """The embedded servers of one home.

    Parameters
    ----------
    home
        Folder of their data, sockets and logs (`settings.home`); made when they start.

    Raises
    ------
    UsageError
        The folder's name cannot be used.
    """

    def __init__(self, home: Path) -> None:
        self._home = Home.at(home)
        self._postgres = Postgres(self._home)
        self._valkey = Valkey(self._home)
        self._servers: list[Server] = [self._postgres, self._valkey]

    @property
    def addresses(self) -> Addresses:
        """URLs of the servers, running or not."""
        return self._home.addresses

    @property
    def bin_folder(self) -> Path:
        """Folder of PostgreSQL's programs, for where there is no `psql` on PATH."""
        return self._postgres.bin_folder

    def ensure_running(self, *, database: bool = True, broker: bool = True) -> list[str]:
        """Start those of the servers that are wanted and do not run; wait until they answer.

        Returns
        -------
        list of str
            Names of those that this call started.

        Raises
        ------
        ServerError
            One could not be started.
        """
        with self._explained():
            self._check_sockets()
            wanted = [*([self._postgres] if database else []), *([self._valkey] if broker else [])]
            if all(server.answers() for server in wanted):
                return []
            self._home.folder.mkdir(parents=True, exist_ok=True)
            return self._each(wanted, lambda server, account: server.start(account), prepare=True)

    def stop(self) -> list[str]:
        """Stop the servers that run, and wait until they are gone.

        Returns
        -------
        list of str
            Names of those that this call stopped.

        Raises
        ------
        ServerError
            One could not be stopped.
        """
        with self._explained():
            self._check_sockets()
            if not self._home.folder.exists():
                return []
            return self._each(
                self._servers, lambda server, account: server.stop(account), prepare=False
            )

    def status(self) -> list[ServerStatus]:
        """What runs, where, and as which process; starts nothing."""
        with self._explained():
            self._check_sockets()
            return [server.status() for server in self._servers]

    def _each(
        self,
        servers: Iterable[Server],
        act: Callable[[Server, Account | None], bool],
        *,
        prepare: bool,
    ) -> list[str]:
        """Names of the servers for which `act` did something, one process at a time."""
        account = server_account(self._home.folder)
        with Lock(self._home.folder / "servers.lock").hold(_PATIENCE_SECONDS, account):
            if prepare:
                self._make_folders(account)
            return [server.name for server in servers if act(server, account)]

    def _make_folders(self, account: Account | None) -> None:
        folders = [self._home.logs, self._home.sockets, self._home.folder / "valkey"]
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
            if account is not None and folder.lstat().st_uid == 0:
                account.own(folder)
        if account is not None:
            for folder in folders:
                account.open_way_to(folder)
        self._check_sockets()

    def _check_sockets(self) -> None:
        """Refuse sockets that may be someone else's, before any connection is made."""
        if self._home.sockets.exists():
            account = server_account(self._home.folder)
            owners = {os.geteuid()} if account is None else {os.geteuid(), account.uid}
            check_private(self._home.sockets, owners)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename or self._home.folder
            step = "set TRACKER_HOME to a folder that you can write to"
            if error.errno == ENOSPC:
                step = "make room there, or set TRACKER_HOME to a larger disk"
            raise ServerError(
                f"the servers' folder {self._home.folder} cannot be used: {error.strerror or error}"
                f" ({where}); {step}"
            ) from error
