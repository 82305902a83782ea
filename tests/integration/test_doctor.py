"""What `tracker doctor` finds in servers and runs that are well, and in others."""

from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from tests.integration.test_task import SPEC
from tracker.datasets import load_dataset
from tracker.db.migrate import HEAD
from tracker.doctor import ENOUGH_BYTES, LEAST_BYTES, disk_finding, examine, migration_finding
from tracker.ensembles import enqueue_runs
from tracker.registry import register_dataset
from tracker.settings import Settings


def found(settings: Settings) -> dict[str, tuple[str, str, str | None]]:
    """Findings by check: status, message, next step."""
    return {
        finding.check: (finding.status, finding.message, finding.next_step)
        for finding in examine(settings)
    }


def test_all_is_well(engine: Engine, settings: Settings) -> None:
    seen = found(settings)
    assert [status for status, *_ in seen.values() if status == "fail"] == []
    assert seen["migrations"] == ("ok", f"at revision {HEAD}", None)
    for check in ("database", "broker", "versions", "stale runs", "messages", "failed runs",
                  "checkpoints"):  # fmt: skip
        assert seen[check][0] == "ok", seen[check]
    assert engine.url.database in seen["database"][1]
    assert not settings.home.exists(), "nothing is started, nothing is made"


def test_what_holds_runs_up_is_named_with_the_next_step(engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        dataset = register_dataset(connection, load_dataset("digits", examples=50))
        runs = enqueue_runs(connection, "mine", SPEC, dataset, range(3), settings.queue).added
        connection.execute(
            text("UPDATE run SET state = 'running', attempt = 1, worker = 'gone:1', "
                 "started_at = now() - interval '1 hour' WHERE id = :run"), {"run": runs[0]},
        )  # fmt: skip
        connection.execute(
            text("UPDATE run SET state = 'failed', error = 'Trace\nBoom: why' WHERE id = :run"),
            {"run": runs[1]},
        )
        uid = connection.scalar(text("SELECT uid FROM run WHERE id = :run"), {"run": runs[2]})
    orphan = uuid4()
    for name in (uid, orphan, "notes"):
        Path(settings.checkpoint_folder, str(name)).mkdir(parents=True)
    seen = found(settings)
    status, message, step = seen["stale runs"]
    assert (status, message) == ("warn", "1 without a sign of life for 60 s: mine seed 0 of gone:1")
    assert "`tracker worker`" in str(step)
    assert seen["failed runs"] == (
        "warn",
        "1 of mine: Boom: why",
        "mend the cause, then `tracker retry mine`",
    )
    assert seen["messages"][:2] == ("warn", "1 queued runs have none in the broker")
    status, message, _ = seen["checkpoints"]
    assert (status, message) == ("warn", f"1 folders are of no run of this database: {orphan}")


@pytest.mark.embedded_only
def test_servers_that_do_not_answer_fail_without_their_passwords(
    settings: Settings, tmp_path: Path
) -> None:
    away = settings.model_copy(
        update={
            "database_url": SecretStr("postgresql://me:hush@127.0.0.1:9/things"),
            "broker_url": SecretStr("redis://:hush@127.0.0.1:9/3"),
        }
    )
    seen = found(away)
    for check in ("database", "broker"):
        status, message, step = seen[check]
        assert status == "fail"
        assert "host 127.0.0.1, port 9" in message
        assert message == " ".join(message.split())
        assert f"TRACKER_{check.upper()}_URL" in str(step)
    assert "hush" not in repr(seen)
    seen = found(Settings(home=tmp_path / "empty", queue=settings.queue))
    for check in ("database", "broker"):
        assert seen[check][0] == "fail"
        assert seen[check][2] == "run `tracker up`"
    assert not (tmp_path / "empty").exists()


@pytest.mark.embedded_only
def test_a_database_without_the_schema_needs_it(empty_engine: Engine, settings: Settings) -> None:
    url = empty_engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    seen = found(settings.model_copy(update={"database_url": SecretStr(url)}))
    assert seen["migrations"][0] == "fail"
    assert seen["migrations"][2] == "run `tracker db upgrade`"
    assert "failed runs" not in seen


def test_findings_have_bounds() -> None:
    assert migration_finding("9999").next_step == "install the newer tracker"
    for free, status in (
        (LEAST_BYTES - 1, "fail"),
        (LEAST_BYTES, "warn"),
        (ENOUGH_BYTES - 1, "warn"),
        (ENOUGH_BYTES, "ok"),
    ):
        finding = disk_finding("TRACKER_HOME", Path("/x"), free)
        assert finding.status == status
        assert (finding.next_step is None) == (status == "ok")
