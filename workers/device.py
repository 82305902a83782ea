"""The device that a worker trains on, set up to repeat itself, and what is noted of it."""

import os
import platform
from typing import Any

import numpy as np
import torch

from tracker import __version__


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


def provenance(device: torch.device) -> dict[str, Any]:
    """Versions, device and threads, as stored with a run."""
    return {
        "tracker": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }
