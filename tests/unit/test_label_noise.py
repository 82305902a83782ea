"""Labels that are wrong on purpose: how many, which, and under what name."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tracker.datasets import LabelNoise, StoredName, is_known, load_dataset, load_named, load_split
from tracker.datasets.names import parse_name
from tracker.errors import UsageError

shares = st.floats(0, 1, exclude_min=True)
noises = st.builds(LabelNoise, st.none() | shares, st.integers(0, 2**32 - 1))
label_lists = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


@given(labels=label_lists, share=shares, seed=st.integers(0, 9))
def test_a_share_gets_another_class_and_the_rest_keeps_its_own(labels, share, seed) -> None:
    assume(round(share * len(labels)) > 0)
    noise = LabelNoise(share, seed)
    noisy = noise.relabel(labels, 5)
    assert (noisy != labels).sum() == round(share * len(labels))
    assert noisy.min() >= 0
    assert noisy.max() < 5
    np.testing.assert_array_equal(noisy, LabelNoise(share, seed).relabel(labels, 5))


def test_wrong_classes_are_drawn_evenly_from_the_others() -> None:
    noisy = LabelNoise(1.0).relabel(np.full(40_000, 2), 5)
    counts = np.bincount(noisy, minlength=5)
    assert counts[2] == 0
    # Four classes of 10,000 each, with a standard deviation of 87.
    assert abs(counts[[0, 1, 3, 4]] - 10_000).max() < 400


def test_random_labels_are_drawn_evenly_from_all() -> None:
    labels = np.arange(50_000) % 5
    noisy = LabelNoise(None).relabel(labels, 5)
    assert abs(np.bincount(noisy, minlength=5) - 10_000).max() < 400
    assert (noisy == labels).mean() == pytest.approx(0.2, abs=0.01)


def test_the_draw_is_pinned() -> None:
    labels = np.arange(10) % 3
    assert LabelNoise(0.4).relabel(labels, 3).tolist() == [1, 1, 2, 0, 2, 2, 0, 1, 1, 2]
    assert LabelNoise(0.4, 7).relabel(labels, 3).tolist() != [1, 1, 2, 0, 2, 2, 0, 1, 1, 2]
    assert LabelNoise(None).relabel(labels, 3).tolist() == [0, 2, 2, 1, 1, 0, 1, 1, 0, 2]


@given(noise=noises)
def test_noise_comes_back_from_its_name(noise) -> None:
    assert LabelNoise.parse(str(noise)) == noise
    name = StoredName("fashion-mnist", 256, noise)
    assert parse_name(str(name)) == name


def test_names() -> None:
    assert str(LabelNoise(0.4)) == "noise0.4"
    assert str(LabelNoise(1.0, 3)) == "noise1-seed3"
    assert str(LabelNoise(1e-5)) == "noise0.00001"
    assert str(LabelNoise(None, 3)) == "random-seed3"
    for name in ("mnist5k", "mnist5k-256", "mnist5k-noise0.4", "mnist5k-256-random-seed2"):
        assert is_known(name)
    for name in ("mnist5k-noise0.40", "mnist5k-noise2", "mnist5k-noise0", "mnits-noise0.4",
                 "mnist5k-random-seed0", "mnist5k-noise0.4-256", "mnist5k-noise"):  # fmt: skip
        assert not is_known(name), name
    with pytest.raises(UsageError, match="unknown dataset 'mnist5k-noise2'"):
        load_named("mnist5k-noise2")


@pytest.mark.parametrize("share", [0, -0.1, 1.5, float("nan"), float("inf")])
def test_a_share_is_one(share) -> None:
    with pytest.raises(UsageError, match=f"above 0 and at most 1, got {share}"):
        LabelNoise(share)


def test_seeds_fit_the_generator() -> None:
    for seed in (-1, 2**32):
        with pytest.raises(UsageError, match=f"between 0 and 4294967295, got {seed}"):
            LabelNoise(0.5, seed)


def test_other_words_are_refused() -> None:
    with pytest.raises(UsageError, match=r"not a label noise: 'shuffled'; write noise0\.4"):
        LabelNoise.parse("shuffled")


def test_one_class_leaves_nothing_to_be_wrong_with() -> None:
    with pytest.raises(UsageError, match="more than one class"):
        LabelNoise(0.5).relabel(np.zeros(4, np.int64), 1)
    assert LabelNoise(None).relabel(np.zeros(4, np.int64), 1).tolist() == [0] * 4


def test_a_noisy_dataset_is_one_of_its_own() -> None:
    clean, noisy = load_dataset("digits"), load_named("digits-noise0.4")
    assert noisy.name == noisy.splits["train"].dataset == "digits-noise0.4"
    assert noisy.fingerprint != clean.fingerprint
    train, test = noisy.splits["train"], noisy.splits["test"]
    np.testing.assert_array_equal(train.original_labels, clean.splits["train"].labels)
    assert (train.labels != train.original_labels).sum() == round(0.4 * 1438)
    assert train.hashes == clean.splits["train"].hashes
    assert test.fingerprint == clean.splits["test"].fingerprint
    assert test.original_labels is None
    assert load_split("digits-noise0.4").fingerprint == train.fingerprint
    assert load_named("digits-noise0.4-seed1").splits["train"].fingerprint != train.fingerprint


def test_the_noise_of_a_subset_is_its_own_share() -> None:
    part = load_split("digits-50-noise0.4")
    assert len(part) == 50
    assert (part.labels != part.original_labels).sum() == 20
    np.testing.assert_array_equal(
        part.take("fewer", np.arange(7)).original_labels, part.original_labels[:7]
    )


def test_a_share_of_no_example_is_refused() -> None:
    labels = np.arange(100) % 5
    with pytest.raises(
        UsageError, match=r"noise of 0\.001 makes none of 100 training labels wrong"
    ):
        LabelNoise(0.001).relabel(labels, 5)
    assert (LabelNoise(0.01).relabel(labels, 5) != labels).sum() == 1
