"""`make demo`: it runs, reuses what is there, and stops what it started whatever happens."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "demo" / "demo.py"


def start(home: Path) -> subprocess.Popen[str]:
    """The demo on a home of its own, as the leader of a process group as in a terminal."""
    kept = {name: value for name, value in os.environ.items() if name[:8] != "TRACKER_"}
    return subprocess.Popen(
        [sys.executable, DEMO],
        env={**kept, "TRACKER_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def processes_of(home: Path) -> str:
    """Processes that were started for this home."""
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return "\n".join(line for line in listing.stdout.splitlines() if str(home) in line)


def test_it_runs_and_the_second_time_it_reuses_everything(home: Path) -> None:
    for time_of_it in ("first", "second"):
        demo = start(home)
        printed, _ = demo.communicate(timeout=200)
        assert demo.returncode == 0, printed
        for part in ("Difficulty of train", "learning-order.png", "easy-first  shuffled"):
            assert part in printed
        reused = "reusing the ensemble: all of its runs are complete" in printed
        assert reused == (time_of_it == "second")
        assert "stopped PostgreSQL and Valkey" in printed
        assert processes_of(home) == ""
    assert "reusing curves-" in printed


@pytest.mark.parametrize("seconds", [0.7, 1.6, 6.0])
def test_ctrl_c_leaves_nothing_behind(home: Path, seconds: float) -> None:
    demo = start(home)
    time.sleep(seconds)
    os.killpg(demo.pid, signal.SIGINT)
    printed, _ = demo.communicate(timeout=60)
    assert demo.returncode in (130, 1, -signal.SIGINT), printed
    assert processes_of(home) == "", printed
