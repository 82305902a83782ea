"""`tracker worker --once` where nothing waits."""

import pytest

from tests.acceptance.conftest import Typed
from tracker.errors import TrackerError

pytestmark = pytest.mark.embedded_only


def test_without_work_no_process_is_started(
    typed_tracker: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object) -> None:
        raise TrackerError("a process was started")

    monkeypatch.setattr("tracker.cli.worker._start", start)
    done = typed_tracker.run("worker", "--once")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("nothing to do\n")

    typed_tracker("enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--name", "waits")
    assert "a process was started" in typed_tracker.run("worker", "--once").stderr
