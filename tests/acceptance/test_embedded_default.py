"""With nothing configured: `tracker` brings its own servers, and takes them away again."""

import subprocess
from pathlib import Path

from tests.acceptance.conftest import Tracker


def test_one_command_on_an_empty_home(home: Path, tmp_path: Path) -> None:
    tracker = Tracker({"TRACKER_HOME": str(home)}, tmp_path / "worker.log")
    try:
        tracker("enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--seeds", "2",
                "--epochs", "3")  # fmt: skip
        with tracker.worker("--once") as worker:
            assert worker.wait(timeout=90) == 0, tracker.logged
        assert "already running" in tracker("up")
        assert tracker.sql("SELECT state, count(*) FROM run GROUP BY state") == [["complete", "2"]]
        assert "in order" in tracker("db", "check")
        assert tracker("db", "url").startswith("postgresql://tracker@/tracker?host=")
        assert "digits-mlp-tiny-3epochs" in tracker("list")
        for _ in range(2):
            asked = tracker("psql", "--reader", "-c", "SELECT current_user, count(*) FROM run")
            assert "tracker_reader |     2" in asked
        assert "denied" in tracker.run("psql", "--reader", "-c", "DELETE FROM run").stderr
        created = tracker.run("psql", "--reader", "-c", "CREATE TABLE mine (x int)")
        assert "read-only transaction" in created.stderr
        assert "brought up to date" in tracker("db", "roles")
    finally:
        stopped = tracker("down")
    assert "stopped" in stopped
    assert "nothing was running" in tracker("down")
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(home) not in listing.stdout
