"""The PostgreSQL server that is measured, and databases of one's own on it."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ProgrammingError

from benchmarks.progress import say
from tracker.db.engine import libpq_url, make_engine
from tracker.db.migrate import upgrade
from tracker.embedded import EmbeddedServers


@dataclass(frozen=True)
class Server:
    """A running server."""

    kind: str
    """Whose it is, for people."""
    admin: URL
    """A database to connect to while others are made."""

    @contextmanager
    def database(self) -> Iterator[URL]:
        """An empty database, dropped afterwards."""
        name = f"bench_store_{secrets.token_hex(6)}"
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield self.admin.set(database=name)
        finally:
            self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def tracker_database(self) -> Iterator[Engine]:
        """A database with tracker's schema, through an engine as the product makes it."""
        with self.database() as url:
            engine = make_engine(url)
            try:
                upgrade(engine)
                yield engine
            finally:
                engine.dispose()

    def _run(self, command: sql.Composed) -> None:
        with closing(psycopg.connect(libpq_url(self.admin), autocommit=True)) as connection:
            connection.execute(command)


@contextmanager
def running_server(database_url: str | None, folder: Path | None) -> Iterator[Server]:
    """The server at `database_url`, else the embedded one, new, with its data below `folder`."""
    if database_url is not None:
        yield Server("as given", make_url(database_url).set(drivername="postgresql+psycopg"))
        return
    with tempfile.TemporaryDirectory(prefix="bench-store-", dir=folder) as home:
        # Started by root, the server runs as another user, who must find its way there.
        Path(home).chmod(0o711)
        servers = EmbeddedServers(Path(home) / "home")
        try:
            servers.ensure_running()
            yield Server("embedded, as shipped", make_url(servers.addresses.database_url))
        finally:
            servers.stop()


def settle(engine: Engine) -> None:
    """Do now what the server would do in the next minutes: vacuum, statistics, checkpoint."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (ANALYZE)")
        try:
            connection.exec_driver_sql("CHECKPOINT")
        except ProgrammingError as error:  # not our server, and no right to
            say(f"no checkpoint: {str(error).splitlines()[0]}")
