"""GPUs are counted by torch, which is not loaded where it is built for the CPU."""

import importlib.machinery
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tracker import devices

BUILDS = {
    "cpu": ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", False),
    "cuda": ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", True),
    "rocm": ("cuda: Optional[str] = None\nhip: Optional[str] = '7.1'\n", True),
}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what is taken for torch."""
    spec = importlib.machinery.ModuleSpec("torch", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(devices, "find_spec", lambda _: spec)
    return tmp_path


@pytest.mark.parametrize("build", BUILDS)
def test_a_build_says_what_it_was_made_for(installed: Path, build: str) -> None:
    told, for_gpus = BUILDS[build]
    (installed / "version.py").write_text(f"from typing import Optional\n{told}")
    assert devices.built_for_gpus() is for_gpus


def test_a_build_that_says_nothing_may_be_for_gpus(installed: Path) -> None:
    assert devices.built_for_gpus()


def test_no_torch_is_for_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    assert not devices.built_for_gpus()


def test_the_installed_torch_says_the_same_of_itself() -> None:
    assert devices.built_for_gpus() is bool(torch.version.cuda or torch.version.hip)
    assert devices.count_gpus() == torch.cuda.device_count()


def test_gpus_are_counted_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "built_for_gpus", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert devices.count_gpus() == 3


@pytest.mark.skipif(devices.built_for_gpus(), reason="torch is asked where it may see a GPU")
def test_torch_is_not_loaded_to_find_none() -> None:
    code = "import sys; from tracker.devices import count_gpus; count_gpus(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" not in done.stdout.split()
