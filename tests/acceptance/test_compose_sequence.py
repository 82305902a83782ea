"""What docker-compose.yml starts, in its order and with its roles, on a real server.

There is no container engine here: each service's command runs with exactly the variables that the
file gives it, but for the addresses of the servers and the folder of the volume.
"""

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from graphlib import TopologicalSorter
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from tests.acceptance.conftest import TRACKER
from tests.support.compose import OURS, environment, interpolate, load
from tests.support.servers import Servers, new_database
from tracker.db.engine import libpq_url
from tracker.db.roles import DEFAULT_PREFIX, Roles

# The roles have the names that users' have: not on a server that others use.
pytestmark = pytest.mark.embedded_only

Start = Callable[..., str]


@pytest.fixture
def database(servers: Servers) -> Iterator[URL]:
    """An empty database, as the image of PostgreSQL makes it."""
    with new_database(servers.admin) as url:
        yield url
    with closing(psycopg.connect(libpq_url(servers.admin), autocommit=True)) as connection:
        for role in Roles(DEFAULT_PREFIX):
            connection.execute(f"DROP ROLE IF EXISTS {role}")


@pytest.fixture
def start(servers: Servers, database: URL, tmp_path: Path) -> Start:
    """Runs a service's command to its end."""
    compose = load()
    queue = f"tracker-test-{secrets.token_hex(4)}"

    def moved(address: str) -> str:
        """The same role and password at the test's database."""
        url = make_url(address)
        return libpq_url(database.set(username=url.username, password=url.password))

    def run(service: str, *arguments: str) -> str:
        given = {}
        for name, value in environment(compose, service).items():
            value = interpolate(value)
            if name.endswith("DATABASE_URL"):
                value = moved(value)
            elif name == "TRACKER_BROKER_URL":
                value = servers.broker_url
            given[name] = value.replace("/var/lib/tracker", str(tmp_path))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TRACKER_")}
        described = compose["services"][service]
        command = [*described.get("entrypoint", []), *(arguments or described["command"])]
        if service == "worker":
            command.append("--once")
        assert command[0] == "tracker"
        done = subprocess.run(
            [TRACKER, *command[1:]], env={**kept, **given, "TRACKER_QUEUE": queue},
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=200, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_services_start_in_their_order_and_each_can_do_its_work(
    start: Start, database: URL
) -> None:
    services = load()["services"]
    needs = {name: set(services[name]["depends_on"]) & {*OURS} for name in OURS}
    order = list(TopologicalSorter(needs).static_order())
    assert order[:2] == ["roles", "migrate"]
    for _ in range(2):  # and again, as after a new image
        for service in order[:2]:
            start(service)
    start("tracker", "enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--epochs", "2",
          "--seeds", "2", "--name", "mine")  # fmt: skip
    start("worker")
    assert "mine" in start("tracker")
    assert "2 complete" in start("tracker", "show", "mine")
    with psycopg.connect(libpq_url(database)) as connection:
        [[owners]] = connection.execute(
            "SELECT array_agg(DISTINCT tableowner) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    assert owners == [Roles(DEFAULT_PREFIX).owner]
