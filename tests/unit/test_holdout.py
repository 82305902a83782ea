"""Which training examples a run does not train on: shares, disjoint parts, seeds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import UsageError
from tracker.holdout import Part, Parts, ShareHeldOut, held_out, parse_holdout

sizes = st.integers(0, 200)
seeds = st.integers(0, 2**31 - 1)
one_part = st.integers(2, 20).flatmap(lambda k: st.builds(Part, st.integers(1, k), st.just(k)))
holdouts = (
    st.builds(ShareHeldOut, st.integers(1, 99)) | st.builds(Parts, st.integers(2, 20)) | one_part
)


@given(holdout=holdouts, seed=seeds, other=seeds, size=sizes)
def test_every_run_trains_on_as_many_and_repeats_itself(holdout, seed, other, size) -> None:
    chosen = holdout.held_out(seed, size)
    assert chosen.shape == (size,)
    assert chosen.dtype == np.bool_
    assert size - chosen.sum() == holdout.trained_on(size)
    assert size - holdout.held_out(other, size).sum() == holdout.trained_on(size)
    np.testing.assert_array_equal(chosen, holdout.held_out(seed, size))


@given(percent=st.integers(1, 99), size=sizes)
def test_the_share_is_that_of_the_examples(percent, size) -> None:
    assert ShareHeldOut(percent).trained_on(size) == size - round(size * percent / 100)


@given(count=st.integers(2, 20), seed=st.integers(0, 10**6), size=sizes)
def test_parts_are_disjoint_and_go_by_the_seed(count, seed, size) -> None:
    parts = Parts(count)
    trained = ~np.array([parts.held_out(seed + run, size) for run in range(count)])
    assert trained.sum(axis=0).max(initial=0) <= 1
    assert trained.sum() == size // count * count
    np.testing.assert_array_equal(parts.held_out(seed + count, size), ~trained[0])


@given(part=one_part, seed=st.integers(0, 10**6), size=sizes)
def test_one_part_is_that_of_the_seeds_that_have_it_among_parts(part, seed, size) -> None:
    group = seed * part.count + part.number - 1
    expected = Parts(part.count).held_out(group, size)
    np.testing.assert_array_equal(part.held_out(seed, size), expected)


def test_runs_hold_out_examples_of_their_own() -> None:
    counts = np.sum([ShareHeldOut(10).held_out(seed, 1000) for seed in range(500)], axis=0)
    assert counts.sum() == 500 * 100
    # Binomial, 50 expected with a deviation of 6.7.
    assert counts.min() > 20
    assert counts.max() < 85
    one, other = (ShareHeldOut(10).held_out(seed, 1000) for seed in (0, 1))
    assert 0 < (one & other).sum() < 30


def test_the_draw_is_pinned() -> None:
    assert np.flatnonzero(ShareHeldOut(20).held_out(7, 10)).tolist() == [0, 6]
    assert np.flatnonzero(~Parts(3).held_out(4, 10)).tolist() == [4, 7, 8]


@given(holdout=holdouts)
def test_they_come_back_from_text(holdout) -> None:
    assert parse_holdout(str(holdout)) == holdout
    assert parse_holdout(holdout) is holdout


def test_words() -> None:
    assert parse_holdout("full") is parse_holdout(None) is None
    assert str(parse_holdout("90:10")) == "90:10"
    assert ShareHeldOut(10).name_part == "heldout10"
    assert Parts(4).name_part == "parts4"
    assert str(parse_holdout("part:3/4")) == "part:3/4"
    assert Part(3, 4).name_part == "part3of4"
    assert not held_out(None, 3, 5).any()
    np.testing.assert_array_equal(held_out(Parts(2), 3, 5), Parts(2).held_out(3, 5))


@pytest.mark.parametrize(
    "text",
    [
        *("", "90", "95:10", "100:0", "0:100", "parts:1", "parts:0", "parts", "90:10:0", "half"),
        *("part:0/4", "part:5/4", "part:1/1", "part:1/0", "part:4", "parts:1/4"),
    ],
)
def test_other_words_are_refused(text) -> None:
    with pytest.raises(UsageError, match=rf"unknown split '{text}': write full, .* parts:K"):
        parse_holdout(text)
