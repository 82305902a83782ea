"""Damage to labels and to those before label noise is found, whichever tables agree about it."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine, text

from tests.support.ensembles import Story, add_ensemble, block_size
from tracker.datasets import load_dataset
from tracker.datasets.noise import LabelNoise
from tracker.verification import verify

SIZES = {"train": 20, "test": 20}


def noisy(engine: Engine, noise: str) -> str:
    """Queue an ensemble on 20 digits with such label noise, or none; its dataset's name."""
    digits = load_dataset("digits", examples=20)
    original = np.concatenate([split.labels for split in digits.splits.values()])
    labels = original.copy()
    if noise:
        labels[:20] = LabelNoise.parse(noise).relabel(original[:20], 10)
    told = Story(
        sizes=SIZES,
        num_classes=10,
        labels=labels,
        predicted=np.zeros((1, 40, 1), dtype=int),
        recorded=[range(0)],
        name="told",
    )
    told = replace(told, dataset=f"digits-20-{noise}" if noise else "digits-20")
    if noise:
        told = replace(told, original_labels=original)
    with block_size(8), engine.begin() as connection:
        add_ensemble(connection, told)
    return told.dataset


def problems(engine: Engine, *statements: str) -> list[str]:
    """What is wrong after some damage, one line each."""
    with engine.begin() as connection:
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0, statement
    return [str(problem) for problem in verify(engine, "told").problems]


def swapped(table: str, column: str, block: int) -> str:
    """SQL that gives a block the planes of a column in which one bit of one example is another."""
    plane = f"{column}[1]"
    return (
        f"UPDATE {table} SET {plane} = set_bit({plane}, 3, 1 - get_bit({plane}, 3)) "
        f"WHERE block = {block}"
    )


@pytest.mark.parametrize("noise", ["", "noise0.4", "noise1-seed3", "random"])
def test_what_is_sound_has_no_problems(engine: Engine, noise: str) -> None:
    noisy(engine, noise)
    assert problems(engine) == []


BOTH = (
    swapped("block", "label", 1),
    "UPDATE example SET label = label # 1 WHERE example_id = 11",
)


def test_labels_that_are_wrong_in_both_tables(engine: Engine) -> None:
    noisy(engine, "")
    assert problems(engine, *BOTH) == [
        "ensemble: examples or labels of split train are not those that were registered"
    ]


def test_pictures_that_are_others(engine: Engine) -> None:
    noisy(engine, "")
    other = "UPDATE example SET content_hash = '0123456789abcdef' WHERE example_id = 39"
    assert problems(engine, other) == [
        "ensemble: examples or labels of split test are not those that were registered"
    ]


@pytest.mark.parametrize("noise", ["noise1", "random"])
def test_original_labels_of_one_table(engine: Engine, noise: str) -> None:
    noisy(engine, noise)
    changed = "UPDATE example SET original_label = (original_label + 1) % 10 WHERE example_id = {}"
    with engine.connect() as connection:
        query = "SELECT min(example_id) FROM example WHERE original_label IS NOT NULL"
        first = connection.scalar(text(query))
    assert problems(engine, changed.format(first)) == [
        "block 0: original_label in table example is not that in table block for 1 of 8 examples, "
        f"first example_id {first}"
    ]


ORIGINALS = (
    swapped("block", "original_label", 1),
    "UPDATE example SET original_label = coalesce(original_label, label) # 1 WHERE example_id = 11",
)


@pytest.mark.parametrize(
    ("noise", "what"),
    [
        ("noise1", "noise1 makes other labels of original_label"),
        ("random", "original_label is another"),
    ],
)
def test_original_labels_that_are_wrong_in_both_tables(
    engine: Engine, noise: str, what: str
) -> None:
    noisy(engine, noise)
    assert problems(engine, *ORIGINALS) == [
        f"ensemble: {what} for 1 of 20 examples of split train, first example_id 11"
    ]


def test_original_labels_without_label_noise(engine: Engine) -> None:
    noisy(engine, "")
    block = "UPDATE block SET original_label = label WHERE block = 1"
    assert problems(engine, block, *ORIGINALS) == [
        "ensemble: original_label without label noise for 1 of 20 examples of split train, "
        "first example_id 11"
    ]


@pytest.mark.parametrize("planes", ["original_label[1:3]", "ARRAY[B'1', B'1', B'1', B'1']"])
def test_original_labels_of_another_shape(engine: Engine, planes: str) -> None:
    noisy(engine, "noise1")
    assert problems(engine, f"UPDATE block SET original_label = {planes} WHERE block = 1") == [
        "block 1: original labels in table block have other lengths or planes than the labels"
    ]
