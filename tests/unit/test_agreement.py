"""Ensemble agreement against SciPy, pair by pair, and what always holds of it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from tracker.analysis import agreement
from tracker.analysis.agreement import ensemble_agreement, entropy


def outputs_of(seed: int, runs: int, examples: int, classes: int) -> NDArray[np.float32]:
    """Softmax outputs of every sureness, some exactly 0 and 1."""
    rng = np.random.default_rng(seed)
    logits = (
        rng.standard_normal((runs, examples, classes))
        * rng.choice([0.1, 3, 300], examples)[None, :, None]
    )
    p = np.exp(logits - logits.max(2, keepdims=True))
    return (p / p.sum(2, keepdims=True)).astype(np.float32)


stories = given(
    seed=st.integers(0, 2**31),
    runs=st.integers(2, 6),
    examples=st.integers(1, 9),
    classes=st.sampled_from([1, 2, 3, 10, 100]),
)


@stories
def test_is_scipy_s_distance_squared(seed: int, runs: int, examples: int, classes: int) -> None:
    outputs = outputs_of(seed, runs, examples, classes)
    found = ensemble_agreement(outputs)
    assert found.dtype == np.float64
    with np.errstate(invalid="ignore"):  # the root of -1e-17, where runs say the same
        pairs = [
            np.nan_to_num(jensenshannon(p, q, axis=1)) ** 2
            for p, q in combinations(outputs.astype(np.float64), 2)
        ]
    np.testing.assert_allclose(found, np.mean(pairs, axis=0), rtol=1e-12, atol=1e-15)


@stories
def test_what_always_holds(seed: int, runs: int, examples: int, classes: int) -> None:
    outputs = outputs_of(seed, runs, examples, classes)
    found = ensemble_agreement(outputs)
    assert (found >= 0).all()
    assert (found <= np.log(2) + 1e-12).all()
    order = np.random.default_rng(seed).permutation(runs)
    np.testing.assert_allclose(ensemble_agreement(outputs[order]), found, rtol=1e-12, atol=1e-15)
    same = np.repeat(outputs[:1], runs, axis=0)
    assert (ensemble_agreement(same) == 0).all(), "exactly"


def test_by_hand() -> None:
    """Never alike, alike, half alike, and three runs of which two are alike."""
    sure, other, torn = [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]
    two = np.array([[sure, torn, sure], [other, torn, torn]])
    half = 0.75 * np.log(4 / 3) + 0.25 * np.log(4) - np.log(2) / 2
    np.testing.assert_allclose(ensemble_agreement(two), [np.log(2), 0, half], rtol=1e-15)
    three = np.array([[sure], [sure], [other]])
    np.testing.assert_allclose(ensemble_agreement(three), [2 / 3 * np.log(2)], rtol=1e-15)


@pytest.mark.parametrize("at_once", [1, 60, 2**20])
def test_examples_are_worked_on_apart(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    outputs = outputs_of(1, 4, 37, 5)
    whole = ensemble_agreement(outputs)
    monkeypatch.setattr(agreement, "NUMBERS_AT_ONCE", at_once)
    assert (ensemble_agreement(outputs) == whole).all()


def test_what_is_no_number_stays_with_its_example() -> None:
    outputs = outputs_of(2, 3, 4, 3)
    outputs[1, 2] = np.nan
    assert np.isnan(ensemble_agreement(outputs)).tolist() == [False, False, True, False]


def test_entropy_is_scipy_s() -> None:
    p = outputs_of(3, 1, 50, 10)[0].astype(np.float64)
    p /= p.sum(1, keepdims=True)
    assert (p == 0).any()
    np.testing.assert_allclose(entropy(p), stats.entropy(p, axis=1), rtol=1e-13, atol=1e-15)
