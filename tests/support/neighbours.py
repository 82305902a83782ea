"""Nearest neighbours by definition, and tiles small enough that a test crosses many of them."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.probes import neighbours


def shrink_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (
        ("QUERY_TILE", 7),
        ("GROUP", 2),
        ("COARSE", 2),
        ("WHOLE", 8),
        ("DATABASE_TILE", 40),
    ):
        monkeypatch.setattr(neighbours, name, size)


def slow_nearest(queries: Any, rows: Any, k: int, own: Any = None) -> NDArray[np.int64]:
    """By sorting all distances, equal ones by index; -1 where there are fewer. Indices ascend."""
    squares = ((queries[:, None].astype(float) - rows[None].astype(float)) ** 2).sum(2)
    found = np.full((len(queries), k), -1)
    for query, distances in enumerate(squares):
        order = np.argsort(distances, kind="stable")
        order = order[order != own[query]] if own is not None else order
        found[query, : len(order[:k])] = order[:k]
    return np.sort(found)
