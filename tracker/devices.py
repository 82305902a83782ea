"""How many GPUs torch sees."""

import runpy
from importlib.util import find_spec
from pathlib import Path


def built_for_gpus() -> bool:
    """Whether the installed torch could use a GPU at all.

    Told without loading torch, which takes a second or two and 200 MB: its builds say of themselves
    in a small file what they were made for.
    """
    spec = find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return False
    told = Path(spec.submodule_search_locations[0]) / "version.py"
    if not told.exists():
        return True
    build = runpy.run_path(str(told))
    return any(build.get(name) for name in ("cuda", "hip"))


def count_gpus() -> int:
    """How many GPUs torch sees; none of them is touched."""
    if not built_for_gpus():
        return 0
    import torch

    return torch.cuda.device_count()
