"""The README cannot rot: its commands run, and nothing that users can type is missing from it."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import Tracker
from tracker.cli.main import app
from tracker.curriculum.order import ORDERS
from tracker.curriculum.pacing import PACING
from tracker.datasets import DATASETS
from tracker.db.schema import VIEWS
from tracker.recipes import ARCHITECTURES
from tracker.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Fenced blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


COMMANDS = [f"tracker {command.name}" for command in app.registered_commands]
GROUPS = [f"tracker {group.name}" for group in app.registered_groups]


@pytest.mark.parametrize(
    "name",
    [
        *COMMANDS,
        *GROUPS,
        *VIEWS,
        *ARCHITECTURES,
        *DATASETS,
        *ORDERS,
        *PACING,
        *(f"TRACKER_{field.upper()}" for field in Settings.model_fields),
    ],
)
def test_everything_that_can_be_typed_is_documented(name: str) -> None:
    assert f"`{name}`" in README


def test_no_command_is_documented_that_does_not_exist() -> None:
    mentioned = set(re.findall(r"`(tracker [a-z]+)", README))
    assert mentioned <= {*COMMANDS, *GROUPS}


def test_its_commands_and_its_code_run(home: Path, tmp_path: Path) -> None:
    tracker = Tracker({"TRACKER_HOME": str(home)}, tmp_path / "worker.log")
    try:
        for block in blocks("console"):
            for line in block.splitlines():
                if line.startswith("$ tracker "):
                    tracker(*shlex.split(line)[2:])
        for number, code in enumerate(blocks("python")):
            script = tmp_path / f"block{number}.py"
            script.write_text(code)
            done = subprocess.run(
                [sys.executable, "-W", "error", script],
                env=tracker.full_environment,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
    finally:
        tracker("down")
