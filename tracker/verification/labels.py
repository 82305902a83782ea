"""Are the labels of a dataset those that it was registered with, and the noise on them its own?"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, text

from tracker.datasets import StoredName, is_available, load_dataset, split_fingerprint
from tracker.datasets.names import parse_name
from tracker.db.models import Block, Example, Split
from tracker.outcomes.layout import plane_count
from tracker.outcomes.reader import read_label_planes
from tracker.registry import RegisteredDataset
from tracker.verification.problems import Problem

Labels = dict[int, NDArray[np.uint8]]

# Whole blocks at a time: reading one slot costs as much as unpacking all of a block's planes.
_LABELS = text("""
    SELECT
        block.block,
        block.size,
        count(*) FILTER (WHERE told.label IS DISTINCT FROM example.label) AS label,
        min(block.first_example + told.number - 1)
        FILTER (WHERE told.label IS DISTINCT FROM example.label) AS label_at,
        count(*) FILTER (WHERE told.original IS DISTINCT FROM example.original) AS original_label,
        min(block.first_example + told.number - 1)
        FILTER (WHERE told.original IS DISTINCT FROM example.original) AS original_label_at
    FROM block
    CROSS JOIN
        LATERAL unnest(
            unslice(block.label), unslice(coalesce(block.original_label, block.label))
        ) WITH ORDINALITY AS told (label, original, number)
    LEFT JOIN
        (
            SELECT block, slot, label, coalesce(original_label, label) AS original
            FROM example
            WHERE dataset_id = :dataset_id
        ) AS example
        ON block.block = example.block AND told.number - 1 = example.slot
    WHERE block.dataset_id = :dataset_id AND block.block = ANY(:blocks)
    GROUP BY block.block, block.size
    ORDER BY block.block
""")
_RAGGED = text("""
    SELECT block.block
    FROM block
    WHERE
        block.dataset_id = :dataset_id
        AND NOT coalesce(
            cardinality(block.original_label) = cardinality(block.label)
            AND (
                SELECT bool_and(coalesce(length(plane) = block.size, FALSE))
                FROM unnest(block.original_label) AS plane
            ),
            block.original_label IS NULL
        )
""")


class _Told(NamedTuple):
    """What the table example says of a split, in order."""

    first_example: int
    hashes: list[bytes]
    labels: NDArray[np.int64]
    originals: NDArray[np.int64]


def check_labels(
    connection: Connection, dataset: RegisteredDataset, labels: Labels
) -> Iterator[Problem]:
    """Check a dataset's blocks and labels, and gather the planes of its labels by block."""
    sound = True
    for problem in _check_tables(connection, dataset, labels):
        sound = False
        yield problem
    # What follows would only say once more that something is wrong.
    if sound:
        yield from _check_content(connection, dataset)


def _check_tables(
    connection: Connection, dataset: RegisteredDataset, labels: Labels
) -> Iterator[Problem]:
    """Are the blocks whole, and say the table example and they the same?"""
    place = {"dataset_id": dataset.id}
    query = select(Block.block, Block.size).where(Block.dataset_id == dataset.id)
    sizes = {row.block: row.size for row in connection.execute(query)}
    planes, expected = read_label_planes(connection, dataset.id), plane_count(dataset.num_classes)
    ragged = set(connection.scalars(_RAGGED, place))
    for block in (block for split in dataset.layout.splits for block in split.blocks):
        stored = planes.get(block.block)
        if block.block not in sizes:
            what = f"dataset {dataset.name} has lost it"
        elif sizes[block.block] != block.size:
            what = f"{sizes[block.block]:,} examples in table block, {block.size:,} expected"
        elif stored is None or (stored.size, len(stored.packed)) != (block.size, expected):
            what = "labels in table block have other lengths or planes than its examples"
        else:
            labels[block.block] = stored.packed
            if block.block in ragged:
                what = "original labels in table block have other lengths or planes than the labels"
                yield Problem(None, None, block.block, what)
            continue
        yield Problem(None, None, block.block, what)
    blocks = sorted(labels.keys() - ragged)
    for row in connection.execute(_LABELS, {**place, "blocks": blocks}):
        # An example that is gone has neither.
        column = "label" if row.label else "original_label"
        if wrong := getattr(row, column):
            what = (
                f"{column} in table example is not that in table block for {wrong:,} of "
                f"{row.size:,} examples, first example_id {getattr(row, f'{column}_at')}"
            )
            yield Problem(None, None, row.block, what)


def _check_content(connection: Connection, dataset: RegisteredDataset) -> Iterator[Problem]:
    """Are examples and labels those that were registered, and the labels before noise right?"""
    stored = parse_name(dataset.name)
    query = select(Split.split, Split.fingerprint).where(Split.dataset_id == dataset.id)
    for split, fingerprint in connection.execute(query.order_by(Split.first_example)).all():
        told = _told(connection, dataset.id, split)
        if split_fingerprint(told.hashes, told.labels) != fingerprint:
            what = f"examples or labels of split {split} are not those that were registered"
            yield Problem(None, None, None, what)
        elif stored is not None:
            noisy = stored if split == "train" else stored._replace(label_noise=None)
            yield from _check_noise(noisy, split, told, dataset.num_classes)


def _told(connection: Connection, dataset_id: int, split: str) -> _Told:
    query = (
        select(Example.example_id, Example.content_hash, Example.label, Example.original_label)
        .where(Example.dataset_id == dataset_id, Example.split == split)
        .order_by(Example.position)
    )
    rows = connection.execute(query).all()
    return _Told(
        rows[0].example_id if rows else 0,
        [row.content_hash for row in rows],
        np.array([row.label for row in rows], dtype=np.int64),
        np.array(
            [row.label if row.original_label is None else row.original_label for row in rows],
            dtype=np.int64,
        ),
    )


def _check_noise(
    stored: StoredName, split: str, told: _Told, num_classes: int
) -> Iterator[Problem]:
    """Check the labels before noise of a split whose labels are right."""
    noise = stored.label_noise
    if noise is None:
        wrong, what = told.originals != told.labels, "original_label without label noise"
    elif noise.share is not None:
        wrong = noise.relabel(told.originals, num_classes) != told.labels
        what = f"{noise} makes other labels of original_label"
    elif is_available(stored.dataset):
        # Random labels do not depend on the original ones: only the dataset itself knows those.
        clean = load_dataset(stored.dataset, examples=stored.examples)
        wrong, what = told.originals != clean.splits[split].labels, "original_label is another"
    else:
        return
    if wrong.any():
        place = f"split {split}, first example_id {told.first_example + int(wrong.argmax())}"
        what += f" for {wrong.sum():,} of {len(wrong):,} examples of {place}"
        yield Problem(None, None, None, what)
