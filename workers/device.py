"""The device that a worker trains on, set up to repeat itself, and what is noted of it."""

import os
import platform
import re
import socket
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tracker import __version__
from tracker.masking import command_line
from tracker.settings import COMMAND_VARIABLE


def choose_device() -> torch.device:
    """The first visible GPU, or the CPU; `tracker worker` decides which GPUs a worker sees."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def make_repeatable(threads: int | None) -> None:
    """Choose the deterministic variant of every operation that has one.

    On a CPU, sums depend on how they are split over threads, so a run repeats its bits only with
    the same `threads` (all cores if None).
    """
    # cuBLAS reads this when it starts; without it torch refuses deterministic mode on a GPU.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    if threads is not None:
        torch.set_num_threads(threads)


def poisons(error: BaseException) -> bool:
    """Is the device lost to this process after `error`, or whatever led to it?

    CUDA keeps an error of a kernel: all that the process asks of the device afterwards fails with
    it. Too little memory is no such error.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, torch.AcceleratorError):
            return True
        # Libraries on top of CUDA say it in errors of no class of their own.
        if type(cause) is RuntimeError and re.search(r"CUDA error|cuDNN error", str(cause)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def provenance(device: torch.device) -> dict[str, Any]:
    """What a run is trained on, as stored with it.

    Versions, device and threads decide whether bits repeat (`tracker.runs.DECISIVE`); command
    line, git commit and size of the machine are for those who look at it later.
    """
    return {
        "tracker": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "machine": platform.machine(),
        "cpu": f"{_processor()} ({torch.backends.cpu.get_cpu_capability()})",
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "host": socket.gethostname(),
        "cores": os.cpu_count(),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "command": os.environ.get(COMMAND_VARIABLE) or command_line(),
        **_git(),
    }


@cache
def _processor() -> str:
    """Name of the processor: the libraries choose their arithmetic by it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


@cache
def _git() -> dict[str, Any]:
    """Commit of the working directory, and whether something in it differs; empty without git."""
    try:
        commit, status = (
            subprocess.run(
                ["git", *command], capture_output=True, text=True, check=True, timeout=10
            ).stdout.strip()
            for command in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"git_commit": commit, "git_dirty": bool(status)}
