"""The import of torchvision over a torch that it was not built for.

A torchvision built for CUDA cannot load its compiled operators over a CPU torch, and its import
then fails with "operator torchvision::nms does not exist", although its datasets, models and
transforms need none of them. Declaring the operators' schemas first makes the import work.
"""

import contextlib
import importlib
import importlib.machinery
import importlib.util
import sys
from types import ModuleType
from typing import Any

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# torch forgets the schemas when their library object is collected.
_declared: list[Any] = []


def import_torchvision(module: str = "torchvision") -> ModuleType:
    """The module `torchvision`, or one inside it, whichever torch is installed.

    Parameters
    ----------
    module : str
        Full name, such as `torchvision.datasets`.
    """
    if "torchvision" not in sys.modules:
        _declare_missing_operators()
    return importlib.import_module(module)


def _declare_missing_operators() -> None:
    """Schemas of the operators that torchvision's import needs, unless the real ones load."""
    torch: Any = importlib.import_module("torch")
    _load_compiled_operators(torch)
    if hasattr(torch.ops.torchvision, "nms"):
        return
    # A fragment: a user's own declarations in the same namespace are no conflict.
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        library.define(schema)
    _declared.append(library)


def _load_compiled_operators(torch: Any) -> None:
    """Load torchvision's compiled part, as its import does; do nothing where it cannot load.

    It has to be tried first: schemas declared by hand would clash with the real operators.
    """
    spec = importlib.util.find_spec("torchvision")
    folders = spec.submodule_search_locations if spec is not None else None
    compiled = importlib.machinery.PathFinder.find_spec("_C", list(folders)) if folders else None
    if compiled is not None and compiled.origin is not None:
        with contextlib.suppress(OSError):
            torch.ops.load_library(compiled.origin)
