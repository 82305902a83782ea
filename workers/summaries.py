"""Means and deviations of a run's signals, kept while it trains."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from tracker.outcomes.signals import MARGINS, measured_signals
from tracker.outcomes.statistics import RunningStatistics
from tracker.outcomes.writer import EvaluationRecord

SUMMARY_SECONDS = 60.0
"""Summaries are handed over no more often: they are 25 times as large as the outcomes of one
evaluation."""


class SignalStatistics:
    """Follows the evaluations of one run, and says what of their signals goes to the database.

    Parameters
    ----------
    recorded
        Signals to be written for every evaluation; these and `ALWAYS` are summarised.
    clock
        Seconds since whenever, for tests.
    """

    def __init__(
        self, recorded: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._recorded = recorded
        self._clock = clock
        self._handed_over = clock()
        self._statistics: dict[str, RunningStatistics] = {}

    def follow(self, record: EvaluationRecord, last: bool) -> EvaluationRecord:
        """The record as it is to be written, of one with all measured signals.

        It has the signals to be recorded and those of the last evaluation alone, and the summaries
        up to it if it is the `last` of the run, or a minute after those before.
        """
        for name in measured_signals(self._recorded):
            values = record.signals[name]
            self._statistics.setdefault(name, RunningStatistics(len(values))).add(values)
        due = last or self._clock() - self._handed_over >= SUMMARY_SECONDS
        if due:
            self._handed_over = self._clock()
        return replace(
            record,
            signals={
                name: values
                for name, values in record.signals.items()
                if name in self._recorded or name in MARGINS
            },
            summaries={n: s.summary() for n, s in self._statistics.items()} if due else {},
        )

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """All that has been followed, to go on with later."""
        return {
            name: {key: torch.from_numpy(array) for key, array in statistics.state().items()}
            for name, statistics in self._statistics.items()
        }

    def load_state_dict(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on from what `state_dict` gave."""
        self._statistics = {
            name: RunningStatistics.from_state({key: t.numpy() for key, t in tensors.items()})
            for name, tensors in state.items()
        }
