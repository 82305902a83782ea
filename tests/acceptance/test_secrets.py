"""Distinctive passwords in every setting, every kind of output provoked: none shows one."""

import secrets
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql
from sqlalchemy import Engine, inspect, text

from tests.acceptance.conftest import Tracker, wait_until
from tests.support.servers import Servers
from tests.support.typed import installed, typed
from tracker.db.engine import libpq_url
from tracker.embedded.home import Home
from tracker.embedded.valkey import Valkey
from tracker.settings import Settings

pytestmark = pytest.mark.embedded_only

WORD = "hush"
"""In every secret, and nowhere else."""

OWNER, READER, BROKER = f"{WORD}-owner-é 1", f"{WORD}-reader#2", f"{WORD}-broker-3"
KEYS, STORE, PARAMETER, WRONG = (f"{WORD}-{n}" for n in ("keys-4", "store-5", "key-6", "wrong-7"))


@dataclass
class Installation:
    """An installation whose servers ask for passwords."""

    environment: dict[str, str]
    folder: Path
    shown: list[str]
    """All that anything has printed."""

    def run(self, *line: str, ends: int, **changed: str) -> str:
        """What one command prints; the changed settings by name."""
        with pytest.MonkeyPatch.context() as patch, installed(self.environment | changed):
            patch.setattr(tempfile, "tempdir", str(self.folder))
            code, out, error = typed(line)
        self.shown.append(out + error)
        assert code == ends, (line, out, error)
        return out + error


@contextmanager
def guarded_broker(folder: Path) -> Iterator[int]:
    """The port of a Valkey that asks for a password, which no list of processes has."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    options = f"port {port}\nbind 127.0.0.1\nsave ''\nrequirepass {BROKER}\ndir {folder}\n"
    process = subprocess.Popen(
        [Valkey(Home.at(folder)).binary, "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        assert process.stdin is not None
        process.stdin.write(options.encode())
        process.stdin.close()
        with redis.Redis(port=port, password=BROKER) as client:
            wait_until(lambda: answers(client), 10)
        yield port
    finally:
        process.kill()
        process.wait()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@contextmanager
def guarded_roles(engine: Engine) -> Iterator[tuple[str, str]]:
    """An owner and a reader whom the server asks for their passwords."""
    owner, reader = (f"tracker_{secrets.token_hex(4)}" for _ in range(2))
    with psycopg.connect(libpq_url(engine.url), autocommit=True) as admin:
        (rules,) = admin.execute("SHOW hba_file").fetchone() or ("",)
        before = Path(rules).read_text()
        for role, password in ((owner, OWNER), (reader, READER)):
            admin.execute(
                sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(password)
                )
            )
        try:
            asked = "".join(f"local all {role} scram-sha-256\n" for role in (owner, reader))
            Path(rules).write_text(asked + before)
            admin.execute("SELECT pg_reload_conf()")
            wait_until(lambda: refuses(engine, owner), 10)
            yield owner, reader
        finally:
            Path(rules).write_text(before)
            admin.execute("SELECT pg_reload_conf()")
            for role in (owner, reader):
                admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
                admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def refuses(engine: Engine, role: str) -> bool:
    url = engine.url.set(username=role, password=WRONG)
    try:
        psycopg.connect(libpq_url(url)).close()
    except psycopg.OperationalError as error:
        return "password authentication failed" in str(error)
    return False


@pytest.fixture
def installation(
    servers: Servers, settings: Settings, engine: Engine, tmp_path: Path
) -> Iterator[Installation]:
    with guarded_broker(tmp_path) as port, guarded_roles(engine) as (owner, reader):
        address = engine.url.set(drivername="postgresql")
        database = address.set(username=owner, password=OWNER)
        yield Installation(
            {
                "TRACKER_HOME": str(settings.home),
                "TRACKER_DATABASE_URL": libpq_url(
                    database.update_query_dict({"sslpassword": KEYS})
                ),
                "TRACKER_READER_DATABASE_URL": libpq_url(
                    address.set(username=reader, password=READER)
                ),
                "TRACKER_BROKER_URL": f"redis://:{BROKER}@127.0.0.1:{port}/0",
                "TRACKER_CHECKPOINT_URL": f"memory://me:{STORE}@place/folder?key={PARAMETER}",
                "TRACKER_CHECKPOINT_SECONDS": "0",
                "TRACKER_QUEUE": settings.queue,
            },
            tmp_path,
            [],
        )


@contextmanager
def every_command_line() -> Iterator[list[str]]:
    """Command lines of all processes that live within the block, looked at all the time."""
    found: set[str] = set()
    listed: list[str] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    found.add((process / "cmdline").read_bytes().decode(errors="replace"))
                except OSError:  # it has ended
                    continue
            time.sleep(0.1)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield listed
    finally:
        ended.set()
        thread.join()
        listed += found


def stored_with(engine: Engine, word: str) -> list[str]:
    """Tables with a row that has the word anywhere."""
    with engine.connect() as connection:
        return [
            table
            for table in inspect(connection).get_table_names()
            if connection.scalar(
                text(f"SELECT count(*) FROM {table} AS t WHERE strpos(t::text, :word) > 0"),
                {"word": word},
            )
        ]


def test_no_output_shows_a_secret(
    installation: Installation, engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    run, own = installation.run, installation.environment
    worker = Tracker(own, installation.folder / "worker.log")
    with every_command_line() as processes:
        run("enqueue", "--arch=mlp-tiny", "--dataset=digits", "--seeds=1", "--epochs=2", ends=0)
        with worker.worker("--once") as process:
            assert process.wait(timeout=120) == 0, worker.logged
        for reader in ((), ("--reader",)):
            asked = ("psql", *reader, "-c", "SELECT current_user, pg_sleep(0.3)")
            run(*asked, ends=0)
        run("psql", "-c", "SELECT nonsense", ends=1)
    assert any("psql" in line and "tracker" in line for line in processes)
    told = capfd.readouterr()
    assert "1 row" in told.out
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT state FROM run")) == "complete"

    name = "digits-mlp-tiny-2epochs"
    for line in (
        ("doctor",), ("doctor", "--format=json"), ("status",), ("status", "--json"),
        ("list",), ("show", name), ("show", name, "--json"), ("verify", name),
        ("query", "run_history"), ("db", "url"), ("db", "check"),
    ):  # fmt: skip
        run(*line, ends=0)
    assert "***" in run("db", "url", ends=0)

    assert stored_with(engine, WORD) == []
    assert "ensemble" in stored_with(engine, name)

    dead, wrong = "@127.0.0.1:9/x", own["TRACKER_DATABASE_URL"].replace("owner", WRONG, 1)
    failures: list[tuple[str, str]] = [
        ("TRACKER_DATABASE_URL", wrong),
        ("TRACKER_DATABASE_URL", f"postgresql://me:{WRONG}{dead}?sslpassword={KEYS}"),
        ("TRACKER_DATABASE_URL", f"postgresql://me:{WRONG}{dead}?sslmode={WRONG}"),
        ("TRACKER_DATABASE_URL", f"postgresql://me{dead}?password={WRONG}&password={KEYS}"),
        ("TRACKER_BROKER_URL", f"redis://:{WRONG}@127.0.0.1:{own['TRACKER_BROKER_URL'][-7:]}"),
        ("TRACKER_BROKER_URL", f"redis://:{WRONG}@127.0.0.1:9/0"),
        ("TRACKER_CHECKPOINT_URL", f"nowhere://me:{WRONG}@host/x?key={PARAMETER}"),
        ("TRACKER_CHECKPOINT_URL", f"ftp://me:{WRONG}@127.0.0.1:9/x"),
    ]  # fmt: skip
    for variable, url in failures:
        assert "fail" in run("doctor", ends=1, **{variable: url})
        if "CHECKPOINT" not in variable or "nowhere" in url:
            assert "Traceback" in run("--debug", "worker", ends=1, **{variable: url})
    ftp = {"TRACKER_CHECKPOINT_URL": failures[-1][1]}
    assert "stay (" in run("delete", name, "--yes", ends=0, **ftp)

    for text_shown in (*installation.shown, *processes, told.out, told.err, worker.logged):
        assert WORD not in text_shown
    assert not [*installation.folder.glob("tracker-service-*")]
