"""What all tests share: two pairs of servers, fresh databases on them, and no settings of the user.

A test that takes `servers`, `database`, `engine`, `empty_engine` or `settings` runs twice: on the
embedded pair of PostgreSQL and Valkey, and on an external pair of PostgreSQL and Redis. Marked
`embedded_only` it runs once: for what is costly and the same on both.
"""

import os
import secrets
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import hypothesis
import pytest
import redis
from pydantic import SecretStr
from sqlalchemy import URL, Engine

from tests.support.servers import (
    Servers,
    connected,
    embedded,
    external,
    new_database,
    with_template,
)
from tracker.db import get_engine
from tracker.db.engine import libpq_url
from tracker.settings import Settings, get_settings

# Torch's threads wait without spinning, as in our workers: the tests share two cores. The OpenMP
# library reads it when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# xdist sets it, and output that is captured would be wrapped.
os.environ.pop("COLUMNS", None)

hypothesis.settings.register_profile(
    "tests",
    derandomize=True,
    deadline=None,  # other processes share the machine
    max_examples=25,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# `pytest --hypothesis-profile=long`: other examples every time, and many.
hypothesis.settings.register_profile(
    "long", hypothesis.settings.get_profile("tests"), derandomize=False, max_examples=1000
)
hypothesis.settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "embedded_only: do not repeat it on the external servers")
    # `kill`, as of a cancelled CI job, stops the servers as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server_kind" in metafunc.fixturenames:
        once = metafunc.definition.get_closest_marker("embedded_only") is not None
        kinds = ["embedded"] if once else ["embedded", "external"]
        metafunc.parametrize("server_kind", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_the_user() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TRACKER_")]:
            patch.delenv(name)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def server_kind(request: pytest.FixtureRequest) -> str:
    """`embedded` or `external`; see `pytest_generate_tests`."""
    kind: str = request.param
    return kind


@contextmanager
def server_home() -> Iterator[Path]:
    """A folder for embedded servers, outside of pytest's.

    Started by root, they run as another user, and every new session of pytest closes the folder
    of all sessions to other users.
    """
    with tempfile.TemporaryDirectory(prefix="tracker-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "home"


@pytest.fixture(scope="session")
def servers(server_kind: str) -> Iterator[Servers]:
    """The pair of servers that a test runs on."""
    with server_home() as home:
        pair = embedded(home) if server_kind == "embedded" else external()
        with pair as where, with_template(where) as servers:
            yield servers


@pytest.fixture
def home() -> Iterator[Path]:
    """TRACKER_HOME of a test that starts embedded servers of its own, and stops them."""
    with server_home() as folder:
        yield folder


@pytest.fixture
def database(servers: Servers) -> Iterator[URL]:
    """Address of a fresh database at the newest revision."""
    with new_database(servers.admin, servers.template) as url:
        yield url


@pytest.fixture
def engine(database: URL) -> Iterator[Engine]:
    """Connections to a fresh database at the newest revision."""
    with connected(database) as engine:
        yield engine


@pytest.fixture
def empty_engine(servers: Servers) -> Iterator[Engine]:
    """Connections to a database without a schema."""
    with new_database(servers.admin) as url, connected(url) as engine:
        yield engine


@pytest.fixture
def settings(servers: Servers, database: URL, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an installation of its own: its home, its database (`engine`'s), its queue."""
    queue = f"tracker-test-{secrets.token_hex(6)}"
    own = Settings(
        home=tmp_path / "home",
        database_url=SecretStr(libpq_url(database)),
        broker_url=SecretStr(servers.broker_url),
        queue=queue,
    )
    yield own
    # Whoever asked for the process's engine has left connections in it.
    get_engine(own).dispose()
    with redis.Redis.from_url(servers.redis_url) as client, suppress(redis.ConnectionError):
        for key in client.scan_iter(f"*{queue}*"):
            client.delete(key)
