"""Mean and deviation in one pass, against NumPy in two."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tracker.outcomes.statistics import RunningStatistics

numbers = st.floats(-1e6, 1e6, width=32)
arrays = hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 9)), elements=numbers)


def added(values: Iterable[NDArray[np.floating]], size: int) -> RunningStatistics:
    statistics = RunningStatistics(size)
    for row in values:
        statistics.add(row)
    return statistics


@given(values=arrays)
def test_it_is_what_numpy_says(values: NDArray[np.float32]) -> None:
    found = added(values, values.shape[1])
    assert found.count == len(values)
    scale = np.abs(values).max()
    exact = values.astype(np.float64)
    np.testing.assert_allclose(found.mean, exact.mean(0), rtol=1e-12, atol=1e-14 * scale)
    # Of equal numbers NumPy's own deviation is as far from 0 as its mean is from them.
    np.testing.assert_allclose(found.deviation, exact.std(0), rtol=1e-9, atol=1e-14 * scale)


@given(seed=st.integers(0, 2**31), count=st.integers(2, 300))
def test_a_large_offset_costs_no_digits(seed: int, count: int) -> None:
    values = 1e8 + np.random.default_rng(seed).standard_normal((count, 5))
    found = added(values, 5)
    np.testing.assert_allclose(found.mean, values.mean(0), rtol=1e-14)
    # The numbers themselves are 1.5e-8 apart there; sums of squares would leave nothing.
    np.testing.assert_allclose(found.deviation, values.std(0), rtol=1e-6)


@given(values=hnp.arrays(np.float32, 7, elements=numbers), count=st.integers(1, 5))
def test_equal_numbers_do_not_deviate(values: NDArray[np.float32], count: int) -> None:
    found = added([values] * count, 7)
    assert (found.mean == values).all()
    assert (found.deviation == 0).all()


@given(values=arrays, data=st.data())
def test_stopping_and_going_on_gives_the_same_bits(
    values: NDArray[np.float32], data: st.DataObject
) -> None:
    size = values.shape[1]
    split = data.draw(st.integers(0, len(values)))
    stopped = added(values[:split], size)
    state = stopped.state()
    for row in values[split:]:
        stopped.add(row)  # what goes on afterwards does not change what was saved
    going_on = RunningStatistics.from_state(state)
    for row in values[split:]:
        going_on.add(row)
    whole = added(values, size)
    for other in (going_on, stopped):
        assert other.count == whole.count
        assert other.mean.tobytes() == whole.mean.tobytes()
        assert other.deviation.tobytes() == whole.deviation.tobytes()


def test_nothing_added() -> None:
    empty = RunningStatistics(3)
    assert (empty.count, empty.mean.tolist(), empty.deviation.tolist()) == (0, [0] * 3, [0] * 3)


def test_a_summary_does_not_change_afterwards() -> None:
    statistics = added([np.array([1.0, 5.0])], 2)
    summary = statistics.summary()
    statistics.add(np.array([3.0, 5.0]))
    assert (summary.evaluations, summary.mean.tolist()) == (1, [1, 5])
    assert statistics.summary().mean.tolist() == [2, 5]
    assert statistics.summary().deviation.tolist() == [1, 0]


def test_numbers_that_are_not_finite_stay_with_their_example() -> None:
    found = added(np.array([[1, 1, 1], [np.inf, np.nan, 3], [1, 1, 5]]), 3)
    assert np.isfinite(found.mean).tolist() == [False, False, True]
    assert found.mean[2] == 3
    assert np.isfinite(found.deviation).tolist() == [False, False, True]


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2,\) values for statistics of \(3,\)"):
        RunningStatistics(3).add(np.zeros(2))
