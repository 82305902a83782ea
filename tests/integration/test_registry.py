"""Datasets in the database: registered once, whole, and never another one under the same name."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, Row, text

from tests.support.bits import counts_of
from tests.support.ensembles import block_size, make_dataset
from tracker.datasets import Dataset
from tracker.errors import DatasetMismatchError
from tracker.outcomes.layout import Layout
from tracker.outcomes.layout import block_size as real_block_size
from tracker.registry import RegisteredDataset, check_fingerprint, find_dataset, register_dataset

PATIENCE = 10.0


def some_dataset(
    name: str = "some", train: int = 19, test: int = 10, num_classes: int = 7, seed: int = 0
) -> Dataset:
    labels = np.random.default_rng(seed).integers(0, num_classes, train + test)
    return make_dataset(name, {"train": train, "test": test}, labels, num_classes)


def swapped(name: str = "some") -> Dataset:
    """Another order of the same examples."""
    first = some_dataset()
    order = np.r_[1, 0, 2:19]
    splits = dict(first.splits) | {"train": first.splits["train"].take(name, order)}
    return Dataset(name, first.num_classes, first.class_names, splits)


def with_another_picture(name: str = "some") -> Dataset:
    first = some_dataset()
    images = first.splits["test"].images.copy()
    images[3] += 1
    test = type(first.splits["test"]).whole(name, "test", images, first.splits["test"].labels)
    return Dataset(name, first.num_classes, first.class_names, {**first.splits, "test": test})


def without_test_split() -> Dataset:
    first = some_dataset()
    splits = {"train": first.splits["train"]}
    return Dataset("some", first.num_classes, first.class_names, splits)


def rows(connection: Connection, table: str) -> list[Row[Any]]:
    return list(connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")))


def test_what_is_registered(connection: Connection) -> None:
    dataset = some_dataset()
    with block_size(8):
        registered = register_dataset(connection, dataset)
        assert registered.layout == Layout.of({"train": 19, "test": 10})
    assert registered == RegisteredDataset(registered.id, "some", 7, 8, {"train": 19, "test": 10})
    assert list(registered.sizes) == ["train", "test"]

    [stored] = rows(connection, "dataset")
    assert (stored.name, stored.num_classes, stored.fingerprint) == ("some", 7, dataset.fingerprint)
    assert stored.class_names == [f"class {index}" for index in range(7)]
    splits = {row.split: row for row in rows(connection, "split")}
    train, test = splits["train"], splits["test"]
    assert (train.size, train.first_example, train.first_block) == (19, 0, 0)
    assert (test.size, test.first_example, test.first_block) == (10, 19, 3)
    assert test.fingerprint == dataset.splits["test"].fingerprint

    blocks = rows(connection, "block")
    places = [(b.block, b.split, b.first_example, b.first_position, b.size) for b in blocks]
    assert places == [
        (0, "train", 0, 0, 8),
        (1, "train", 8, 8, 8),
        (2, "train", 16, 16, 3),
        (3, "test", 19, 0, 8),
        (4, "test", 27, 8, 2),
    ]
    labels = [*dataset.splits["train"].labels.tolist(), *dataset.splits["test"].labels.tolist()]
    for block in blocks:
        assert len(block.label) == 3
        assert all(len(plane) == block.size for plane in block.label)
        members = slice(block.first_example, block.first_example + block.size)
        assert counts_of(block.label) == labels[members]


def test_example_rows(connection: Connection) -> None:
    full = some_dataset("full")
    kept = np.array([1, 4, 5, 6, 7, 9, 10, 11, 12, 18])
    splits = {"train": full.splits["train"].take("part", kept), "test": full.splits["test"]}
    part = Dataset("part", 7, full.class_names, splits)
    with block_size(8):
        register_dataset(connection, part)
    examples = rows(connection, "example")
    assert [example.example_id for example in examples] == list(range(20))
    assert [example.split for example in examples] == ["train"] * 10 + ["test"] * 10
    assert [example.position for example in examples] == [*range(10), *range(10)]
    assert [example.source_position for example in examples] == [*kept, *range(10)]
    assert [example.block for example in examples] == [0] * 8 + [1] * 2 + [2] * 8 + [3] * 2
    assert [example.slot for example in examples] == [*range(8), 0, 1, *range(8), 0, 1]
    for split in ("train", "test"):
        stored = [example for example in examples if example.split == split]
        assert [example.label for example in stored] == part.splits[split].labels.tolist()
        assert [bytes(example.content_hash) for example in stored] == part.splits[split].hashes


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    num_classes=st.sampled_from([1, 2, 3, 256, 257, 1000]),
    size=st.sampled_from([8, 16]),
)
def test_no_block_spans_splits(undone: Any, sizes: list[int], num_classes: int, size: int) -> None:
    named = dict(zip(("train", "test", "extra"), sizes, strict=False))
    labels = np.random.default_rng(sizes).integers(0, num_classes, sum(sizes))
    with undone() as connection, block_size(size):
        register_dataset(connection, make_dataset("some", named, labels, num_classes))
        spans = connection.execute(
            text(
                """
                SELECT
                    block.block, block.size, count(*) AS examples,
                    count(DISTINCT example.split) AS splits,
                    min(example.example_id) = block.first_example
                    AND min(example.position) = block.first_position
                    AND min(example.split) = block.split AS begins_as_said,
                    array_agg(example.slot ORDER BY example.example_id) AS slots,
                    array_agg(example.label ORDER BY example.example_id) AS labels,
                    unslice(block.label) AS planes
                FROM block JOIN example USING (dataset_id, block)
                GROUP BY block.dataset_id, block.block
                ORDER BY block.block
                """
            )
        ).all()
    assert [span.block for span in spans] == list(range(len(spans)))
    assert sum(span.size for span in spans) == len(labels)
    for span in spans:
        assert span.splits == 1
        assert span.begins_as_said
        assert span.examples == span.size <= size
        assert span.slots == list(range(span.size))
        assert span.planes == span.labels


@pytest.mark.embedded_only
def test_blocks_of_the_real_size(connection: Connection) -> None:
    size = real_block_size(7)
    registered = register_dataset(connection, some_dataset(train=size + 1, test=3))
    assert registered.block_size == size
    assert [block.size for block in rows(connection, "block")] == [size, 1, 3]


def test_labels_before_noise_are_kept(connection: Connection) -> None:
    """Beside the noisy ones; nothing where no label of a block or example has changed."""
    clean = some_dataset()
    train = clean.splits["train"]
    noisy = train.labels.copy()
    noisy[[2, 17]] = (noisy[[2, 17]] + 1) % 7
    splits = {**clean.splits, "train": train.relabelled(noisy)}
    with block_size(8):
        register_dataset(connection, replace(clean, splits=splits))
    stored = {row.position: row for row in rows(connection, "example") if row.split == "train"}
    assert {
        place: row.original_label for place, row in stored.items() if row.original_label is not None
    } == {place: train.labels[place] for place in (2, 17)}
    assert [row.label for row in stored.values()] == noisy.tolist()
    blocks = rows(connection, "block")
    assert [row.original_label is None for row in blocks] == [False, True, False, True, True]
    query = "SELECT unslice(original_label) FROM block WHERE block = 2"
    assert connection.scalar(text(query)) == train.labels[16:].tolist()


def test_registering_again_changes_nothing(connection: Connection) -> None:
    tables = ("dataset", "split", "block", "example")
    first = register_dataset(connection, some_dataset())
    before = [rows(connection, table) for table in tables]
    assert register_dataset(connection, some_dataset()) == first
    assert [rows(connection, table) for table in tables] == before


def test_the_same_examples_may_have_two_names(connection: Connection) -> None:
    one = register_dataset(connection, some_dataset("one"))
    other = register_dataset(connection, some_dataset("other"))
    assert one.id != other.id
    assert len(rows(connection, "example")) == 2 * 29


@pytest.mark.parametrize(
    "other",
    [
        lambda: some_dataset(train=18),
        lambda: some_dataset(seed=1),
        swapped,
        with_another_picture,
        without_test_split,
    ],
    ids=["size", "labels", "order", "picture", "splits"],
)
def test_another_dataset_under_the_same_name_is_refused(
    connection: Connection, other: Callable[[], Dataset]
) -> None:
    register_dataset(connection, some_dataset())
    before = rows(connection, "example")
    found = other()
    message = (
        f"dataset 'some' is registered with other .* {some_dataset().fingerprint}, "
        f"here {found.fingerprint}"
    )
    with pytest.raises(DatasetMismatchError, match=message):
        register_dataset(connection, found)
    with pytest.raises(DatasetMismatchError, match=message):
        check_fingerprint(connection, found)
    assert rows(connection, "example") == before


def test_finding(connection: Connection) -> None:
    assert find_dataset(connection, "some") is None
    registered = register_dataset(connection, some_dataset())
    assert find_dataset(connection, "some") == registered
    check_fingerprint(connection, some_dataset())


@pytest.mark.parametrize("committed", [True, False], ids=["commits", "rolls back"])
def test_two_at_once_register_it_once(engine: Engine, committed: bool) -> None:
    entered = threading.Event()

    def second() -> RegisteredDataset:
        with engine.begin() as connection:
            entered.set()
            return register_dataset(connection, some_dataset())

    with ThreadPoolExecutor(1) as pool, engine.connect() as connection:
        first = register_dataset(connection, some_dataset())
        later = pool.submit(second)
        assert entered.wait(PATIENCE)
        connection.commit() if committed else connection.rollback()
        found = later.result(PATIENCE)
    assert (found == first) == committed
    with engine.connect() as connection:
        assert len(rows(connection, "dataset")) == 1
        assert len(rows(connection, "example")) == 29


def test_two_at_once_with_other_contents(engine: Engine) -> None:
    barrier = threading.Barrier(2)

    def register(seed: int) -> str:
        try:
            with engine.begin() as connection:
                barrier.wait(PATIENCE)
                register_dataset(connection, some_dataset(seed=seed))
        except DatasetMismatchError:
            return "refused"
        return "registered"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(register, range(2))) == ["refused", "registered"]
    with engine.connect() as connection:
        assert len(rows(connection, "example")) == 29
