"""Mean and standard deviation of a stream of arrays, in one pass."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tracker.outcomes.signals import SignalSummary


class RunningStatistics:
    """Mean and population standard deviation of each of X numbers over the arrays added.

    Welford's method (Welford 1962) in float64: no cancellation where the mean is large, and two
    arrays [X] of memory however many are added. Going on from a saved `state` gives the same bits
    as never having stopped.
    """

    def __init__(self, size: int) -> None:
        self._count = 0
        self._mean = np.zeros(size)
        self._squares = np.zeros(size)

    @property
    def count(self) -> int:
        """Number of arrays added."""
        return self._count

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean, float64 [X]; 0 before anything was added."""
        return self._mean.copy()

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Population standard deviation, float64 [X]; 0 of a single array."""
        deviation: NDArray[np.float64] = np.sqrt(self._squares / max(1, self._count))
        return deviation

    def add(self, values: NDArray[np.floating]) -> None:
        """Take in one array [X]. A number that is not finite stays: its mean is not finite.

        Raises
        ------
        ValueError
            If there are not X numbers.
        """
        if values.shape != self._mean.shape:
            raise ValueError(f"{values.shape} values for statistics of {self._mean.shape}")
        self._count += 1
        # Infinities of a diverging network give NaN, which says so; a warning adds nothing.
        with np.errstate(invalid="ignore"):
            before = values - self._mean
            self._mean += before / self._count
            self._squares += before * (values - self._mean)

    def summary(self) -> SignalSummary:
        """What has been added so far."""
        return SignalSummary(self._count, self.mean, self.deviation)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """A copy of all there is to know, as plain arrays, to go on with later."""
        return {
            "count": np.array(self._count),
            "mean": self._mean.copy(),
            "squares": self._squares.copy(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[np.generic]]) -> "RunningStatistics":
        """The statistics whose `state` it was."""
        statistics = cls(len(state["mean"]))
        statistics._count = int(state["count"])
        statistics._mean[:] = state["mean"]
        statistics._squares[:] = state["squares"]
        return statistics
