"""A password is in no message, traceback or list of processes: not even with --debug."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.conftest import TRACKER
from tracker.cli import database, worker
from tracker.settings import Settings

SECRET = "hush-hush-42"
SETTINGS = {
    "TRACKER_DATABASE_URL": f"postgresql://me:{SECRET}@127.0.0.1:9/things",
    "TRACKER_READER_DATABASE_URL": f"postgresql://you:{SECRET}@127.0.0.1:9/things",
    "TRACKER_BROKER_URL": f"redis://:{SECRET}@127.0.0.1:9/3",
}


@pytest.mark.parametrize(
    "arguments",
    [("--debug", "status"), ("--debug", "worker"), ("doctor",),
     ("--debug", "enqueue", "--arch", "mlp-tiny", "--dataset", "digits")],
    ids=" ".join,
)  # fmt: skip
def test_no_traceback_tells_it(arguments: tuple[str, ...], tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name[:8] != "TRACKER_"}
    done = subprocess.run(
        [TRACKER, *arguments], env={**kept, **SETTINGS, "TRACKER_HOME": str(tmp_path)},
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1
    assert "127.0.0.1" in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_settings_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in text


def test_no_list_of_processes_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What psql and a worker process are started with, as `/proc/PID/cmdline` shows it."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    settings = Settings(home=tmp_path)
    lines = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, arguments: list[str], **options: object) -> None:
            # The same arguments to a program that waits, so that the kernel can be asked.
            quiet = [sys.executable, "-c", "import sys; sys.stdin.read()", *map(str, arguments)]
            super().__init__(quiet, stdin=subprocess.PIPE, env=options["env"])  # type: ignore[call-overload]
            listed = Path(f"/proc/{self.pid}/cmdline")
            while not (line := listed.read_bytes()):  # the kernel takes a moment
                time.sleep(0.01)
            lines.append(line.decode())
            self.communicate(b"")

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    monkeypatch.setattr(database, "get_settings", lambda: settings)
    for name in ("open_engine", "open_reader"):
        monkeypatch.setattr(database, name, lambda *_: None)
    for reader in (False, True):
        with pytest.raises(Exception) as ended:
            database.psql("SELECT 1", reader)
        assert ended.type.__name__ == "Exit"
    worker._start(settings, None, once=True)
    assert len(lines) == 3, lines
    assert "127.0.0.1:9/things" in lines[0]
    assert "celery" in lines[2]
    assert SECRET not in "".join(lines)
