"""The embedded servers themselves: start, stop, crash, and what they refuse."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from kombu.connection import Connection as BrokerConnection
from sqlalchemy import create_engine

from tests.acceptance.conftest import descendants
from tracker.embedded import EmbeddedServers
from tracker.errors import ServerError

BOTH = ["PostgreSQL", "Valkey"]
START = """
import sys
import tempfile
from pathlib import Path
from tracker.embedded import EmbeddedServers
print(*EmbeddedServers(Path(sys.argv[1])).ensure_running(), flush=True)
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@contextmanager
def stopped_afterwards(home: Path) -> Iterator[EmbeddedServers]:
    servers = EmbeddedServers(home)
    try:
        yield servers
    finally:
        servers.stop()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Not pytest's: when root starts a second session, that closes the folder of all sessions."""
    with tempfile.TemporaryDirectory(prefix="tracker-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder / "a home's"


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def _initialised(home: Path) -> Iterator[None]:
    with stopped_afterwards(home) as servers:
        assert servers.ensure_running() == BOTH
        yield


@pytest.fixture
def embedded(_initialised: None, home: Path) -> EmbeddedServers:
    """Running servers of one home, whatever the test before did to them."""
    servers = EmbeddedServers(home)
    servers.ensure_running()
    return servers


def sql(servers: EmbeddedServers, query: str) -> Any:
    """The first value of the first row."""
    url = servers.addresses.database_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def valkey(servers: EmbeddedServers, act: Callable[[redis.Redis], Any]) -> Any:
    with redis.Redis.from_url(servers.addresses.redis_url, decode_responses=True) as client:
        return act(client)


def pids(servers: EmbeddedServers) -> list[int]:
    return [status.pid for status in servers.status() if status.pid is not None]


def leave_a_mark(servers: EmbeddedServers) -> None:
    sql(servers, "CREATE TABLE IF NOT EXISTS mark (x int)")
    sql(servers, "TRUNCATE mark")
    sql(servers, "INSERT INTO mark VALUES (42)")
    valkey(servers, lambda client: client.set("mark", "42"))


def marks(servers: EmbeddedServers) -> tuple[int, str]:
    return sql(servers, "SELECT x FROM mark"), valkey(servers, lambda client: client.get("mark"))


def test_nothing_to_start_is_quick(embedded: EmbeddedServers) -> None:
    start = time.perf_counter()
    assert embedded.ensure_running() == []
    assert time.perf_counter() - start < 0.1


def test_status_names_the_processes(embedded: EmbeddedServers, home: Path) -> None:
    postgres, broker = embedded.status()
    assert [postgres.name, broker.name] == BOTH
    assert postgres.running
    assert broker.running
    assert postgres.version.startswith("18.")
    assert postgres.version in sql(embedded, "SELECT version()")
    assert broker.version == valkey(embedded, lambda client: client.info()["valkey_version"])
    assert postgres.data_folder == home / "postgres"
    assert broker.pid == valkey(embedded, lambda client: client.info()["process_id"])
    assert (home / "valkey" / "valkey.pid").read_text().strip() == str(broker.pid)


def test_servers_are_daemons(embedded: EmbeddedServers) -> None:
    for pid in pids(embedded):
        assert os.getsid(pid) != os.getsid(0)
        with suppress(PermissionError):  # a container's root may not look
            opened = {os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)}
            assert all(path == "/dev/null" or path.endswith(".log") for path in opened)


def test_only_owner_only_sockets(embedded: EmbeddedServers, home: Path) -> None:
    assert sql(embedded, "SHOW listen_addresses") == ""
    assert valkey(embedded, lambda client: client.config_get("port")) == {"port": "0"}
    for name in ("run", "log", "postgres", "valkey"):
        assert (home / name).stat().st_mode & 0o777 == 0o700
    for name in (".s.PGSQL.5432", "valkey.sock"):
        assert (home / "run" / name).stat().st_mode & 0o777 == 0o700


def listening_sockets() -> dict[str, int]:
    """Inodes of all listening sockets on TCP, and the user of each."""
    found = {}
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                found[fields[9]] = int(fields[7])
    return found


def sockets_of(pid: int) -> set[str]:
    """Inodes of a process's sockets."""
    found = set()
    for file in Path("/proc", str(pid), "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            link = os.readlink(file)
            if link.startswith("socket:["):
                found.add(link[8:-1])
    return found


def test_nothing_listens_on_tcp(embedded: EmbeddedServers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        assert str(os.fstat(own.fileno()).st_ino) in listening_sockets()
        assert sockets_of(os.getpid()) & listening_sockets().keys()
    listening = listening_sockets()
    for pid in pids(embedded):
        for process in (pid, *descendants(pid)):
            with suppress(PermissionError, FileNotFoundError):  # a container's root may not look
                assert not sockets_of(process) & listening.keys()
        user = os.stat(f"/proc/{pid}").st_uid
        if user != os.geteuid():
            assert user not in listening.values()


def test_killed_clients_take_nothing_along(embedded: EmbeddedServers, home: Path) -> None:
    leave_a_mark(embedded)
    before = pids(embedded)
    addresses = embedded.addresses
    code = """
import sys, psycopg, redis
from pathlib import Path
from tracker.embedded import EmbeddedServers
assert EmbeddedServers(Path(sys.argv[1])).ensure_running() == []
database = psycopg.connect(sys.argv[2])
database.execute("DELETE FROM mark")
broker = redis.Redis.from_url(sys.argv[3])
broker.ping()
print("in the middle", flush=True)
broker.blpop("nothing")
"""
    command = [sys.executable, "-c", code, str(home)]
    command += [addresses.database_url.replace("+psycopg", ""), addresses.redis_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"in the middle\n"
        os.killpg(client.pid, signal.SIGKILL)
    assert embedded.ensure_running() == []
    assert pids(embedded) == before
    assert marks(embedded) == (42, "42")


def test_killed_starter_leaves_servers_that_run(folder: Path) -> None:
    with stopped_afterwards(folder) as servers:
        command = [sys.executable, "-c", START + "input()", str(folder)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) as starter:
            assert starter.stdout is not None
            assert starter.stdout.readline().split() == [name.encode() for name in BOTH]
            os.killpg(starter.pid, signal.SIGKILL)
        assert servers.ensure_running() == []
        assert sql(servers, "SELECT 1") == 1


@contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[int], None]]:
    """A disk of its own at `folder`; what it yields changes its size to so many megabytes."""

    def resize(megabytes: int, *more: str) -> None:
        options = ",".join([f"size={megabytes}m", "mode=711", *more])
        command = ["mount", "-t", "tmpfs", "-o", options, "tracker-test", folder]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")

    resize(16)
    try:
        yield lambda megabytes: resize(megabytes, "remount")
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("ab", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(4096)):
            pass


@needs_root
def test_a_full_disk_is_said_and_loses_nothing(folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    folder.chmod(0o711)
    with small_disk(disk) as resize, stopped_afterwards(disk / "home") as servers:
        with pytest.raises(ServerError, match=r"could not make a database in .*No space left"):
            servers.ensure_running()
        assert not list((disk / "home").glob("postgres*/*")), "nothing half made is left"
        resize(100)
        assert servers.ensure_running() == BOTH
        leave_a_mark(servers)
        fill(disk)
        with pytest.raises(psycopg.OperationalError, match="No space left"):
            sql(servers, "CREATE TABLE more AS SELECT generate_series(1, 1000000)")
        servers.stop()
        fill(disk)
        with pytest.raises(ServerError, match=r"No space left on device.*; make room") as refused:
            servers.ensure_running()
        assert "\n" not in str(refused.value)
        (disk / "filler").unlink()
        assert servers.ensure_running()
        assert marks(servers) == (42, "42")


def test_settings_are_in_force(embedded: EmbeddedServers) -> None:
    for name, value in {"work_mem": "64MB", "jit": "off", "fsync": "on"}.items():
        assert sql(embedded, f"SHOW {name}") == value
    assert sql(embedded, "SHOW data_checksums") == "on"
    assert sql(embedded, "SELECT upper('é')") == "É"
    expected = {"appendonly": "yes", "appendfsync": "everysec", "save": ""}
    expected["maxmemory-policy"] = "noeviction"
    assert valkey(embedded, lambda client: client.config_get(*expected)) == expected


def test_every_library_understands_its_address(embedded: EmbeddedServers) -> None:
    engine = create_engine(embedded.addresses.database_url)
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT current_user, current_database()").one()
    engine.dispose()
    assert tuple(row) == ("tracker", "tracker")
    untyped: Any = BrokerConnection
    with untyped(embedded.addresses.broker_url) as broker:
        queue = broker.SimpleQueue("test")
        queue.put({"run": 1})
        message = queue.get(timeout=5)
        message.ack()
        queue.close()
    assert message.payload == {"run": 1}
    psql = [
        str(embedded.bin_folder / "psql"),
        embedded.addresses.database_url.replace("+psycopg", ""),
    ]
    assert subprocess.check_output([*psql, "-XAtc", "SELECT 1"], text=True) == "1\n"


def test_restart_keeps_data_and_renews_settings(embedded: EmbeddedServers, home: Path) -> None:
    leave_a_mark(embedded)
    assert embedded.stop() == BOTH
    assert embedded.stop() == []
    assert [status.running for status in embedded.status()] == [False, False]
    (home / "postgres" / "tracker.conf").write_text("work_mem = '1MB'\n")
    assert embedded.ensure_running() == BOTH
    assert marks(embedded) == (42, "42")
    assert sql(embedded, "SHOW work_mem") == "64MB"


def test_one_missing_server_is_started_alone(embedded: EmbeddedServers) -> None:
    with suppress(redis.ConnectionError):
        valkey(embedded, lambda client: client.shutdown())
    assert embedded.ensure_running() == ["Valkey"]


def test_one_server_may_be_all_that_is_wanted(embedded: EmbeddedServers) -> None:
    embedded.stop()
    assert embedded.ensure_running(broker=False) == ["PostgreSQL"]
    assert [status.running for status in embedded.status()] == [True, False]
    assert embedded.stop() == ["PostgreSQL"]
    assert embedded.ensure_running(database=False) == ["Valkey"]
    assert embedded.ensure_running() == ["PostgreSQL"]


def test_killed_servers_come_back_with_their_data(
    embedded: EmbeddedServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.embedded.server._SILENCE_SECONDS", 0.5)
    leave_a_mark(embedded)
    time.sleep(1.1)  # Valkey's file is synced every second
    # A query that never looks up keeps its process alive after the postmaster's end.
    url = embedded.addresses.database_url.replace("+psycopg", "")
    loop = "DO $$ BEGIN WHILE clock_timestamp() < now() + '9 s'::interval LOOP END LOOP; END $$"
    psql = [str(embedded.bin_folder / "psql"), url, "-XAtc", loop]
    with subprocess.Popen(psql, stderr=subprocess.DEVNULL):
        while not sql(embedded, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %'"):
            time.sleep(0.01)
        for pid in pids(embedded):
            os.kill(pid, signal.SIGKILL)
        while any(status.running for status in embedded.status()):
            time.sleep(0.01)  # the kernel takes a moment to close a dead process's socket
        assert embedded.ensure_running() == BOTH
    assert marks(embedded) == (42, "42")


def test_lost_sockets_are_made_again(
    embedded: EmbeddedServers, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.embedded.server._SILENCE_SECONDS", 0.5)
    leave_a_mark(embedded)
    for path in (home / "run").iterdir():
        path.unlink()
    assert embedded.ensure_running() == BOTH
    assert marks(embedded) == (42, "42")


def test_pid_that_now_is_another_process_does_not_matter(
    embedded: EmbeddedServers, home: Path
) -> None:
    leave_a_mark(embedded)
    embedded.stop()
    data, run = home / "postgres", home / "run"
    with subprocess.Popen(["sleep", "60"], user=data.stat().st_uid) as other:
        text = f"{other.pid}\n{data}\n1700000000\n5432\n{run}\n\n\nready   \n"
        for file in (data / "postmaster.pid", run / ".s.PGSQL.5432.lock"):
            file.write_text(text)
            os.chown(file, data.stat().st_uid, -1)
        (home / "valkey" / "valkey.pid").write_text(f"{other.pid}\n")
        assert embedded.stop() == []
        assert embedded.ensure_running() == BOTH
        assert other.poll() is None
        other.kill()
    assert marks(embedded) == (42, "42")


def test_failed_start_says_why(embedded: EmbeddedServers, home: Path) -> None:
    embedded.stop()
    settings = home / "postgres" / "postgresql.conf"
    before = settings.read_text()
    try:
        settings.write_text(f"{before}\nno_such_setting = 1\n")
        with pytest.raises(ServerError, match=r"PostgreSQL did not start: .*no_such_setting") as e:
            embedded.ensure_running()
    finally:
        settings.write_text(before)
    assert "\n" not in str(e.value)
    assert embedded.ensure_running() == BOTH


def test_other_major_version_is_refused(embedded: EmbeddedServers, home: Path) -> None:
    embedded.stop()
    version = home / "postgres" / "PG_VERSION"
    try:
        version.write_text("17\n")
        with pytest.raises(ServerError, match=r"PostgreSQL 17.*pg_dump.*pg_restore"):
            embedded.ensure_running()
    finally:
        version.write_text("18\n")


def test_folder_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.tex").touch()
    with pytest.raises(ServerError, match="not a PostgreSQL data folder"):
        EmbeddedServers(tmp_path).ensure_running()
    assert (tmp_path / "postgres" / "thesis.tex").exists()


def test_open_socket_folder_is_refused(embedded: EmbeddedServers, home: Path) -> None:
    try:
        (home / "run").chmod(0o755)
        with pytest.raises(ServerError, match="open to other users"):
            embedded.ensure_running()
    finally:
        (home / "run").chmod(0o700)


def test_home_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerError, match="set TRACKER_HOME"):
        EmbeddedServers(tmp_path / "file" / "home").ensure_running()


def test_simultaneous_first_starts_from_piped_commands(folder: Path) -> None:
    (folder / "postgres-new-1").mkdir()  # an interrupted first start
    with stopped_afterwards(folder) as servers:
        command = [sys.executable, "-c", START, str(folder)]
        starters = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for _ in range(2)
        ]
        # Ends only when no daemon has kept the pipe open.
        outputs = [starter.communicate(timeout=30)[0].split() for starter in starters]
        assert sorted(outputs) == [[], BOTH]
        assert sql(servers, "SELECT 1") == 1
        assert not list(folder.glob("postgres-new-*"))


def test_long_home(folder: Path) -> None:
    with stopped_afterwards(folder / ("long" * 30)) as servers:
        assert servers.ensure_running() == BOTH
        assert sql(servers, "SELECT 1") == 1
        assert valkey(servers, lambda client: client.ping())
        socket_folder = Path(sql(servers, "SHOW unix_socket_directories").strip('"'))
    assert socket_folder.stat().st_mode & 0o777 == 0o700
    for file in socket_folder.iterdir():
        file.unlink()
    socket_folder.rmdir()


@needs_root
def test_an_ordinary_user_runs_the_servers_as_himself(
    embedded: EmbeddedServers, folder: Path
) -> None:
    # A fork, because another user may be unable to read this Python. Root's own servers have
    # opened the way to the programs.
    nobody = 65534
    os.chown(folder, nobody, nobody)
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(nobody)
        os.setuid(nobody)
        ok = False
        with suppress(BaseException), stopped_afterwards(folder / "home") as own:
            own.ensure_running()
            ok = all(os.stat(f"/proc/{pid}").st_uid == nobody for pid in pids(own))
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (folder / "home" / "postgres").stat().st_uid == nobody


@needs_root
def test_root_runs_no_server(embedded: EmbeddedServers) -> None:
    assert all(os.stat(f"/proc/{pid}").st_uid != 0 for pid in pids(embedded))
