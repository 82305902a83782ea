"""Bitmaps and slices as SQL writes them, and what they stand for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def bitmap(bits: ArrayLike) -> str:
    """Zeros and ones, first example first."""
    return "".join("1" if bit else "0" for bit in np.asarray(bits, dtype=bool))


def slices_of(values: ArrayLike) -> list[str]:
    """The slices of counts: bit i of slice j is bit j of count i; at least one slice."""
    counts = np.asarray(values, dtype=np.int64)
    digits = max(1, int(counts.max(initial=0)).bit_length())
    return [bitmap(counts >> digit & 1) for digit in range(digits)]


def counts_of(slices: Sequence[str]) -> list[int]:
    """The counts that slices stand for; [] of no slices."""
    if not slices:
        return []
    return [
        sum(1 << digit for digit, bit in enumerate(column) if bit == "1")
        for column in zip(*slices, strict=True)
    ]
