"""The README cannot rot: its commands run, and nothing that users can type is missing from it.

Neither can docs/curriculum.md, which goes on where the README's section on PyTorch ends.
"""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import Tracker
from tracker.cli.main import app
from tracker.curriculum.growth import PACINGS
from tracker.curriculum.order import MISSING, ORDERS
from tracker.curriculum.sampling import SAMPLINGS
from tracker.datasets import DATASETS
from tracker.db.schema import VIEWS
from tracker.recipes import ARCHITECTURES
from tracker.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
CURRICULUM = (ROOT / "docs" / "curriculum.md").read_text("utf-8")

OTHERS = ("torchdata", "pytorch_lightning", "accelerate")
"""Packages of which the page on curricula has examples; run where they are installed."""


def blocks(language: str, page: str = README) -> list[str]:
    """Fenced blocks of a page in one language.

    Those of `console` are run; of `shellsession` are those that need files, or delete.
    """
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def runs_here(code: str) -> bool:
    """Whether the packages are there that a block imports."""
    return all(
        importlib.util.find_spec(name)
        for name in OTHERS
        if re.search(rf"(from|import) {name}", code)
    )


def run(code: str, script: Path, tracker: Tracker, *options: str) -> None:
    """Run a block as a user would; warnings are errors unless `options` say otherwise."""
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, "-W", "error", *options, script],
        env=tracker.full_environment,
        cwd=script.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


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
        *(f"TRACKER_{field.upper()}" for field in Settings.model_fields),
    ],
)
def test_everything_that_can_be_typed_is_documented(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize(
    "name", [*ORDERS, *PACINGS, *SAMPLINGS, *(f'"{missing}"' for missing in MISSING)]
)
def test_every_choice_of_the_sampler_is_on_its_page(name: str) -> None:
    assert f"`{name}`" in CURRICULUM


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
            run(code, tmp_path / f"block{number}.py", tracker)
        # One example builds on another here.
        examples = [code for code in blocks("python", CURRICULUM) if runs_here(code)]
        others = ["-W", "ignore"] if any(map(importlib.util.find_spec, OTHERS[1:])) else []
        torchdata = ("-W", "ignore:'set_vital' is deprecated")
        script = "from tracker.datasets.torchvision_ops import import_torchvision\n"
        script += "import_torchvision()\n" + "\n".join(examples)
        run(script, tmp_path / "curriculum.py", tracker, *torchdata, *others)
    finally:
        tracker("down")
