"""The dataset that imported examples are of: a registered or known one, or one of their own."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, select

from tracker import datasets
from tracker.datasets import DATASETS, is_known, load_named
from tracker.datasets.pictureless import (
    UNKNOWN_CLASS,
    PicturelessDataset,
    PicturelessSplit,
    is_pictureless,
    name_hashes,
)
from tracker.db.models import Dataset, Example
from tracker.errors import DatasetMismatchError, NotFoundError, UsageError
from tracker.imports.trajectories import UNKNOWN, Examples, Trajectories, refuse
from tracker.outcomes.layout import Layout, SplitRange
from tracker.outcomes.signals import MAX_OUTPUTS
from tracker.registry import (
    RegisteredDataset,
    find_dataset,
    get_dataset,
    hold_dataset,
    register_dataset,
)


@dataclass(frozen=True, eq=False)
class Target:
    """Where the outcomes of a file go."""

    dataset: RegisteredDataset
    layout: Layout
    """Of the splits that the file has, in storage order; examples are counted as the file has them,
    from its first one, whatever the order of its splits."""
    labels: NDArray[np.int64] | None
    """Class of each of the file's examples [X]; None where nobody knows them."""
    unlabelled: int = 0
    """Examples whose label nobody knows: they have the dataset's last class, `UNKNOWN_CLASS`."""


def own_target(connection: Connection, name: str, trajectories: Trajectories) -> Target:
    """Register the file's examples as a dataset of their own.

    Raises
    ------
    DatasetMismatchError
        If another dataset has that name.
    UsageError
        If there are softmax outputs, but not all labels.
    """
    told = trajectories.has_labels
    labels = {split: _labels(part) for split, part in trajectories.splits.items()}
    classes = [str(index) for index in range(trajectories.num_classes)]
    unlabelled = sum(int((part == UNKNOWN).sum()) for part in labels.values())
    if unlabelled and trajectories.output_classes is not None:
        raise refuse(
            trajectories.what,
            "it has outputs, but not the label of every example: add label, or give the --dataset "
            "that has the labels",
        )
    if unlabelled:
        # A class that nobody predicts: wrong stays wrong.
        labels = {
            split: np.where(part == UNKNOWN, len(classes), part) for split, part in labels.items()
        }
        classes.append(UNKNOWN_CLASS)
    splits = {
        split: PicturelessSplit(
            split, labels[split], range(part.size) if part.ids is None else part.ids
        )
        for split, part in trajectories.splits.items()
    }
    try:
        dataset = register_dataset(
            connection, PicturelessDataset(name, len(classes), tuple(classes), splits)
        )
    except DatasetMismatchError:
        raise DatasetMismatchError(
            f"dataset {name!r} is registered with other examples or labels: choose another --name, "
            f"or give --dataset {name} if these are its examples"
        ) from None
    whole = np.concatenate(list(labels.values()))
    return Target(dataset, _layout(dataset, trajectories), whole if told else None, unlabelled)


def _labels(part: Examples) -> NDArray[np.int64]:
    return np.full(part.size, UNKNOWN) if part.labels is None else part.labels


def find_data(engine: Engine, name: str, folder: Path | None) -> datasets.Dataset | None:
    """What a known dataset holds, to be registered; None if one is registered by that name.

    Raises
    ------
    NotFoundError
        If it is neither registered nor known, listing those that are.
    DatasetUnavailableError
        If its files are neither on disk nor downloadable.
    """
    with engine.connect() as connection:
        if find_dataset(connection, name) is not None:
            return None
        if not is_known(name):
            raise _unknown(connection, name)
    # Not within a transaction: it may be a download.
    return load_named(name, folder)


def attached_target(
    connection: Connection, name: str, trajectories: Trajectories, data: datasets.Dataset | None
) -> Target:
    """A registered dataset, or `data`, which is registered then.

    Raises
    ------
    DatasetMismatchError
        If the file's examples are not its: another length, label or name; the first is named.
    """
    if data is not None:
        dataset = register_dataset(connection, data)
    else:
        dataset = hold_dataset(connection, get_dataset(connection, name))
    parts = []
    for split, examples in trajectories.splits.items():
        if split not in dataset.sizes:
            raise DatasetMismatchError(
                f"{trajectories.what} has examples of split {split!r}, dataset {name!r} has "
                f"{', '.join(dataset.sizes)}: say which with --split"
            )
        parts.append(_check_split(connection, dataset, split, examples, trajectories.what))
    return Target(dataset, _layout(dataset, trajectories), np.concatenate(parts))


def _unknown(connection: Connection, name: str) -> NotFoundError:
    registered = connection.scalars(select(Dataset.name).order_by(Dataset.id.desc()).limit(10))
    choices = dict.fromkeys([*DATASETS, *registered])
    return NotFoundError(f"no dataset {name!r}: choose one of {', '.join(choices)}")


def _check_split(
    connection: Connection, dataset: RegisteredDataset, split: str, examples: Examples, what: str
) -> NDArray[np.int64]:
    """Labels of the dataset's split, after checking that the file's examples can be its."""
    which = f"{what} is not of the {split!r} split of dataset {dataset.name!r}"
    size = dataset.sizes[split]
    if examples.size != size:
        raise DatasetMismatchError(f"{which}: it has {examples.size} examples, not {size}")
    rows = connection.execute(
        select(Example.label, Example.content_hash)
        .where(Example.dataset_id == dataset.id, Example.split == split)
        .order_by(Example.position)
    ).all()
    labels = np.array([row.label for row in rows], dtype=np.int64)
    if examples.labels is not None:
        differs = (examples.labels != labels) & (examples.labels != UNKNOWN)
        if differs.any():
            position = int(differs.argmax())
            raise DatasetMismatchError(
                f"{which}: position {position} has label {examples.labels[position]}, not "
                f"{labels[position]}"
            )
    if examples.ids is not None:
        _check_names(which, split, examples, [bytes(row.content_hash) for row in rows])
    return labels


def _check_names(which: str, split: str, examples: Examples, hashes: list[bytes]) -> None:
    names = examples.ids
    assert names is not None  # noqa: S101 - the caller has looked
    if is_pictureless(hashes[0]):
        given = name_hashes(split, names)
        position = next((at for at, one in enumerate(given) if one != hashes[at]), None)
        why = "which is called otherwise there"
    elif all(isinstance(name, int) for name in names):
        # Numbers say where an example belongs; strings say nothing of pictures.
        position = next((at for at, one in enumerate(names) if one != at), None)
        why = "and examples have to stand in the dataset's order, numbered from 0"
    else:
        return
    if position is not None:
        raise DatasetMismatchError(
            f"{which}: position {position} has example {names[position]!r}, {why}"
        )


def _layout(dataset: RegisteredDataset, trajectories: Trajectories) -> Layout:
    stored = {part.split: part for part in dataset.layout.splits}
    start, parts = 0, []
    for split in trajectories.splits:
        parts.append(_moved(stored[split], start - stored[split].first_example))
        start += stored[split].size
    # Bitmaps, and checksums over them, have the dataset's order.
    return Layout(tuple(sorted(parts, key=lambda part: part.blocks[0].block)))


def _moved(part: SplitRange, by: int) -> SplitRange:
    blocks = tuple(replace(block, first_example=block.first_example + by) for block in part.blocks)
    return replace(part, first_example=part.first_example + by, blocks=blocks)


def check_outputs(trajectories: Trajectories, target: Target) -> None:
    """Refuse softmax outputs that are not of the dataset's classes, or that no block has room for.

    Raises
    ------
    UsageError
        If their number of classes is another than the dataset's.
    """
    outputs, classes = trajectories.output_classes, target.dataset.num_classes
    if outputs is None:
        return
    if outputs != classes:
        raise refuse(
            trajectories.what,
            f"its outputs are of {outputs:,} classes, dataset {target.dataset.name!r} has "
            f"{classes:,}",
        )
    largest = max(block.size for split in target.layout.splits for block in split.blocks)
    if largest * outputs > MAX_OUTPUTS:
        raise refuse(
            trajectories.what,
            f"outputs of {outputs:,} classes are {largest * outputs:,} numbers a block of "
            f"examples, and at most {MAX_OUTPUTS:,} are stored: leave out its array outputs",
        )


def check_own_name(name: str) -> None:
    """Refuse to call a dataset without pictures like one that has them.

    Raises
    ------
    UsageError
        If `name` is that of a known dataset, or of a subset of it.
    """
    if is_known(name):
        raise UsageError(
            f"--name {name!r} is a dataset with pictures: give --dataset {name} if these are its "
            "examples, or choose another --name"
        )
