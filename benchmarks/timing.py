"""Figures with their spread."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """Several measurements of one thing."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        """The measurements `values`; at least one."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The median measurement."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest."""
        return max(self.values)


@dataclass(frozen=True)
class Missing:
    """Why there is no figure."""

    reason: str


class Unanswered(Exception):  # noqa: N818 (no error of ours: an answer that there is none)
    """An engine has no answer; the text says why, in a few words."""


def seconds_of(act: Callable[[], T]) -> tuple[float, T]:
    """How long `act` takes, and what it returns."""
    began = time.perf_counter()
    result = act()
    return time.perf_counter() - began, result


def repeated(act: Callable[[], object], repeats: int) -> Figure:
    """Seconds of `repeats` calls; whoever wants a warm-up calls `act` before."""
    return Figure.of([seconds_of(act)[0] for _ in range(repeats)])
