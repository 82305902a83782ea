"""Datasets in the database: registering one, and refusing another under its name."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from tracker.datasets import Dataset, ImageSplit
from tracker.datasets.pictureless import PicturelessDataset, PicturelessSplit
from tracker.db import models
from tracker.errors import DatasetMismatchError, NotFoundError, TrackerError
from tracker.outcomes import layout as storage
from tracker.outcomes.layout import Layout, SplitRange, plane_count
from tracker.outcomes.packing import block_slices, pack_planes, planes_text

AnyDataset = Dataset | PicturelessDataset
AnySplit = ImageSplit | PicturelessSplit


@dataclass(frozen=True)
class RegisteredDataset:
    """A dataset as the database knows it."""

    id: int
    name: str
    num_classes: int
    block_size: int
    sizes: Mapping[str, int]
    """Examples of each split, in storage order."""

    @property
    def layout(self) -> Layout:
        """How its examples lie in blocks."""
        return Layout.of(self.sizes, self.block_size)


def find_dataset(connection: Connection, name: str) -> RegisteredDataset | None:
    """The dataset registered as `name`, or None."""
    dataset = connection.execute(
        select(models.Dataset).where(models.Dataset.name == name)
    ).one_or_none()
    if dataset is None:
        return None
    splits = connection.execute(
        select(models.Split.split, models.Split.size)
        .where(models.Split.dataset_id == dataset.id)
        .order_by(models.Split.first_example)
    )
    sizes = {row.split: row.size for row in splits}
    return RegisteredDataset(dataset.id, name, dataset.num_classes, dataset.block_size, sizes)


def get_dataset(connection: Connection, name: str) -> RegisteredDataset:
    """The dataset registered as `name`; `NotFoundError` if there is none."""
    found = find_dataset(connection, name)
    if found is None:
        raise NotFoundError(f"no dataset {name!r} is registered")
    return found


def register_dataset(connection: Connection, dataset: AnyDataset) -> RegisteredDataset:
    """Register `dataset` with all its examples, or check that it is the one already registered.

    Two callers at once register it once.

    Raises
    ------
    DatasetMismatchError
        If the name is taken by a dataset with other examples, labels or order.
    TrackerError
        If it was registered and has been deleted meanwhile.
    """
    created = connection.scalar(
        upsert(models.Dataset)
        .values(
            name=dataset.name,
            num_classes=dataset.num_classes,
            class_names=list(dataset.class_names),
            fingerprint=dataset.fingerprint,
            block_size=storage.block_size(dataset.num_classes),
        )
        .on_conflict_do_nothing()
        .returning(models.Dataset.id)
    )
    if created is None:
        _hold(connection, dataset.name, models.Dataset.name == dataset.name)
        check_fingerprint(connection, dataset)
    else:
        _insert_examples(connection, created, dataset)
    return get_dataset(connection, dataset.name)


def hold_dataset(connection: Connection, dataset: RegisteredDataset) -> RegisteredDataset:
    """Keep `dataset` from being deleted until the end of the transaction.

    Raises
    ------
    TrackerError
        If it has been deleted meanwhile.
    """
    _hold(connection, dataset.name, models.Dataset.id == dataset.id)
    return dataset


def _hold(connection: Connection, name: str, which: ColumnElement[bool]) -> None:
    query = select(models.Dataset.id).where(which)
    if connection.scalar(query.with_for_update(read=True, key_share=True)) is None:
        raise _gone(name)


def _gone(name: str) -> TrackerError:
    return TrackerError(f"dataset {name!r} was deleted meanwhile: give the command once more")


def check_fingerprint(connection: Connection, dataset: AnyDataset) -> None:
    """Raise `DatasetMismatchError` unless `dataset` is what its name is registered as."""
    stored = connection.scalar(
        select(models.Dataset.fingerprint).where(models.Dataset.name == dataset.name)
    )
    if stored is None:
        raise _gone(dataset.name)
    if stored != dataset.fingerprint:
        raise DatasetMismatchError(
            f"dataset {dataset.name!r} is registered with other examples, labels or order "
            f"(fingerprint {stored}, here {dataset.fingerprint}): the files have changed, or the "
            "name is used for something else"
        )


def _insert_examples(connection: Connection, dataset_id: int, dataset: AnyDataset) -> None:
    sizes = {name: len(split) for name, split in dataset.splits.items()}
    layout = Layout.of(sizes, storage.block_size(dataset.num_classes))
    planes = plane_count(dataset.num_classes)
    for split_range in layout.splits:
        split = dataset.splits[split_range.split]
        connection.execute(
            insert(models.Split).values(
                dataset_id=dataset_id,
                split=split_range.split,
                size=split_range.size,
                first_example=split_range.first_example,
                first_block=split_range.blocks[0].block,
                fingerprint=split.fingerprint,
            )
        )
        _insert_blocks(connection, dataset_id, split, split_range, planes)
        _copy_examples(connection, dataset_id, split, split_range)


def _insert_blocks(
    connection: Connection, dataset_id: int, split: AnySplit, split_range: SplitRange, planes: int
) -> None:
    packed = pack_planes(split.labels, planes)
    originals = _originals(split)
    original = packed if originals is None else pack_planes(originals, planes)
    rows = [
        {
            "dataset_id": dataset_id,
            "block": block.block,
            "split": block.split,
            "first_example": block.first_example,
            "first_position": block.first_position,
            "size": block.size,
            "label": planes_text(packed[:, columns], block.size),
            "original_label": (
                planes_text(original[:, columns], block.size)
                if (original[:, columns] != packed[:, columns]).any()
                else None
            ),
        }
        for block, columns in block_slices(Layout((split_range,)))
    ]
    connection.execute(insert(models.Block), rows)


def _originals(split: AnySplit) -> NDArray[np.int64] | None:
    """Labels before label noise [N], if there is any."""
    return split.original_labels if isinstance(split, ImageSplit) else None


def _copy_examples(
    connection: Connection, dataset_id: int, split: AnySplit, split_range: SplitRange
) -> None:
    hashes, labels = split.hashes, np.asarray(split.labels).tolist()
    sources = np.asarray(split.source_positions).tolist()
    originals = _originals(split)
    before = labels if originals is None else originals.tolist()
    columns = (
        "dataset_id, example_id, split, position, source_position, label, content_hash, block, "
        "slot, original_label"
    )
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY example ({columns}) FROM STDIN") as copy:
        for block in split_range.blocks:
            for slot in range(block.size):
                position = block.first_position + slot
                copy.write_row(
                    (
                        dataset_id,
                        block.first_example + slot,
                        split_range.split,
                        position,
                        sources[position],
                        labels[position],
                        hashes[position],
                        block.block,
                        slot,
                        None if before[position] == labels[position] else before[position],
                    )
                )
