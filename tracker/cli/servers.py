"""`tracker up` and `tracker down`: the embedded servers."""

from tracker.cli.output import note, out
from tracker.cli.session import them
from tracker.db import get_engine
from tracker.embedded import EmbeddedServers
from tracker.settings import Settings, get_settings


def _configured(settings: Settings) -> list[str]:
    names = {
        "TRACKER_DATABASE_URL": settings.database_url,
        "TRACKER_BROKER_URL": settings.broker_url,
    }
    return [name for name, value in names.items() if value is not None]


def up() -> None:
    """Start the embedded PostgreSQL and Valkey, and bring the database up to date.

    Where one of the two is configured, the other alone is started.
    """
    settings = get_settings()
    if len(configured := _configured(settings)) == 2:
        out.print(f"nothing to start: {' and '.join(configured)} point at servers of your own")
        return
    servers = EmbeddedServers(settings.home)
    started = servers.ensure_running(
        database=settings.database_url is None, broker=settings.broker_url is None
    )
    running = [server for server in servers.status() if server.running]
    for server in running:
        verb = "started" if server.name in started else "already running"
        out.print(f"{server.name} {server.version}: {verb}, data in {server.data_folder}")
    note(f"`tracker down` stops {them(running)}.")
    # Last: what has started runs, also where a database of one's own is not up to date.
    get_engine(settings)


def down() -> None:
    """Stop the embedded servers; their data stays."""
    stopped = EmbeddedServers(get_settings().home).stop()
    out.print(f"stopped {' and '.join(stopped)}" if stopped else "nothing was running")
