"""The sign-flip test against SciPy's, and against counting by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_1samp

from tracker.curriculum.paired import EXACT_PAIRS, sign_flip_p_value
from tracker.errors import UsageError

SHARES = st.lists(st.integers(-1000, 1000).map(lambda n: n / 1000), min_size=2, max_size=9)


def by_scipy(differences: list[float]) -> float:
    # SciPy's "samples" permutations of one sample are flips of signs.
    found = permutation_test(
        (np.array(differences),),
        np.sum,
        permutation_type="samples",
        n_resamples=np.inf,
        alternative="two-sided",
    )
    return float(found.pvalue)


@given(SHARES)
def test_it_is_scipys(differences: list[float]) -> None:
    assert sign_flip_p_value(differences) == pytest.approx(by_scipy(differences), abs=1e-12)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4], 2 / 16),  # only all of one sign is as far
        ([0.1, 0.1, 0.1, -0.1], 10 / 16),  # none or one of another sign, on either side
        ([0.0, 0.0, 0.0], 1.0),
        ([0.3], 1.0),
        ([0.1, 0.2, -0.3], 1.0),  # sums to 0 but for the last bit
    ],
)
def test_by_hand(differences: list[float], expected: float) -> None:
    assert sign_flip_p_value(differences) == expected


def test_many_pairs_are_drawn_and_agree_with_students_test() -> None:
    differences = np.random.default_rng(1).normal(0.3, 1, EXACT_PAIRS + 30)
    found = sign_flip_p_value(differences)
    assert found == sign_flip_p_value(differences)
    assert found == pytest.approx(ttest_1samp(differences, 0).pvalue, abs=0.01)
    assert sign_flip_p_value(np.ones(64)) == pytest.approx(1e-5, rel=0.01)


@pytest.mark.parametrize("differences", [[], [0.1, float("nan")], [[0.1]]])
def test_what_is_no_list_of_differences_is_refused(differences: object) -> None:
    with pytest.raises(UsageError, match="one a pair"):
        sign_flip_p_value(differences)  # type: ignore[arg-type]
