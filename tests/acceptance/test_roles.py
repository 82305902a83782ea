"""`tracker db roles` as an administrator types it, and then each role at its work."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from tests.acceptance.conftest import TRACKER, Tracker
from tests.support.servers import Servers

SECRETS = ("first-hush", "second-hush", "third-hush")


@pytest.fixture
def prefix(servers: Servers) -> Iterator[str]:
    """Of roles that are dropped after their database."""
    name = f"test_{secrets.token_hex(4)}"
    yield name
    url = servers.admin.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        for kind in ("owner", "writer", "reader"):
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(f"{name}_{kind}")))


def piped(tracker: Tracker, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TRACKER, *arguments], env=tracker.full_environment, input=text, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip


@pytest.mark.embedded_only
def test_roles_are_made_and_each_does_its_work(prefix: str, tracker: Tracker) -> None:
    make = ("db", "roles", "--prefix", prefix, "--password-stdin")
    done = piped(tracker, "\n".join(SECRETS) + "\n", *make)
    assert done.returncode == 0, done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
    assert done.stdout.count("made, with a new password") == 3
    address = make_url(tracker.environment["TRACKER_DATABASE_URL"])
    urls = {}
    for kind, secret in zip(("owner", "writer", "reader"), SECRETS, strict=True):
        role = f"{prefix}_{kind}"
        [line] = [line for line in done.stdout.splitlines() if f"//{role}" in line]
        assert ("PASSWORD" in line) == bool(address.host)
        urls[kind] = address.set(username=role, password=secret).render_as_string(False)
    again = tracker("db", "roles", "--prefix", prefix)
    assert again.count("brought up to date;") == 3

    tracker.environment["TRACKER_DATABASE_URL"] = urls["owner"]
    enqueue = ("enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--epochs", "2")
    tracker(*enqueue, "--seeds", "2", "--name", "mine")
    tracker.environment["TRACKER_DATABASE_URL"] = urls["writer"]
    refused = tracker.run(*enqueue, "--seeds", "3", "--name", "mine")
    assert refused.returncode == 1
    assert "permission denied" in refused.stderr
    assert "`tracker db roles`" in refused.stderr
    assert refused.stderr.count("\n") == 1
    with tracker.worker("--once") as worker:
        assert worker.wait(timeout=300) == 0, tracker.logged

    # Whoever has the reader's address alone starts no server of his own.
    del tracker.environment["TRACKER_DATABASE_URL"]
    tracker.environment["TRACKER_READER_DATABASE_URL"] = urls["reader"]
    assert "mine" in tracker("list")
    assert "mine" in tracker("show", "mine")
    assert tracker("query", "learning_order", "--limit", "1", "--format", "csv").count("\n") == 2
    asked = tracker("psql", "--reader", "-c", "SELECT count(*) FROM run")
    assert asked.split()[2] == "2"
    for command in ("DELETE FROM run", "DELETE FROM public.run"):
        done = tracker.run("psql", "--reader", "-c", command)
        assert done.returncode == 1
        assert "read-only transaction" in done.stderr or "permission denied" in done.stderr
    assert not os.path.exists(tracker.environment["TRACKER_HOME"])


@pytest.mark.embedded_only
def test_passwords_that_do_not_fit_are_refused(tracker: Tracker) -> None:
    done = piped(tracker, "only-one", "db", "roles", "--prefix", "no_such", "--password-stdin")
    assert done.returncode == 2
    assert "wants three lines (owner, writer, reader), got 1" in done.stderr
    assert "only-one" not in done.stderr
