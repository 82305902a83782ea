"""What of a run's signals goes to the database, and when."""

from dataclasses import replace

import numpy as np

from tracker.outcomes.writer import EvaluationRecord
from workers.summaries import SUMMARY_SECONDS, SignalStatistics


class Clock:
    """Seconds that pass when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def measured(evaluation: int) -> EvaluationRecord:
    values = {
        name: np.full(3, evaluation + offset, np.float32)
        for offset, name in enumerate(("confidence", "loss", "margin"))
    }
    return EvaluationRecord(evaluation, evaluation, 0.0, None, np.zeros((1, 1), np.uint8), values)


def test_what_is_not_asked_for_is_summarised_alone() -> None:
    statistics = SignalStatistics(("loss",))
    first = statistics.follow(measured(1), last=False)
    assert list(first.signals) == ["loss"]
    assert first.signals["loss"].tolist() == [2, 2, 2]
    assert first.summaries == {}
    last = statistics.follow(measured(3), last=True)
    assert sorted(last.summaries) == ["confidence", "loss", "margin"]
    for name, mean in (("confidence", 2), ("loss", 3), ("margin", 4)):
        summary = last.summaries[name]
        assert summary.evaluations == 2
        assert summary.mean.tolist() == [mean] * 3
        assert summary.deviation.tolist() == [1] * 3
    assert (last.packed, last.step) == (measured(3).packed, 3)


def test_signals_of_the_last_evaluation_are_kept_and_not_summarised() -> None:
    statistics = SignalStatistics(())
    record = measured(1)
    record = replace(record, signals={**record.signals, "input_margin": np.ones(3, np.float32)})
    told = statistics.follow(record, last=True)
    assert list(told.signals) == ["input_margin"]
    assert sorted(told.summaries) == ["confidence", "margin"]


def test_summaries_at_most_once_a_minute() -> None:
    clock = Clock()
    statistics = SignalStatistics((), clock)
    covered = []
    for evaluation in range(10):
        record = statistics.follow(measured(evaluation), last=evaluation == 9)
        assert record.signals == {}
        covered.append([summary.evaluations for summary in record.summaries.values()])
        clock.now += SUMMARY_SECONDS / 2.5
    # Due at 1.2, 2.4 and 3.6 minutes, and at the end.
    none: list[int] = []
    assert covered == [none, none, none, [4, 4], none, none, [7, 7], none, none, [10, 10]]


def test_going_on_from_a_state_gives_the_same_bits() -> None:
    whole, first, second = (SignalStatistics(("loss",)) for _ in range(3))
    records = [measured(evaluation) for evaluation in (1, 4, 6)]
    expected = [whole.follow(record, last=True) for record in records][-1]
    for record in records[:2]:
        first.follow(record, last=False)
    second.load_state_dict(first.state_dict())
    got = second.follow(records[2], last=True)
    for name, summary in expected.summaries.items():
        assert got.summaries[name].evaluations == summary.evaluations == 3
        assert got.summaries[name].mean.tobytes() == summary.mean.tobytes()
        assert got.summaries[name].deviation.tobytes() == summary.deviation.tobytes()
