"""Named image datasets: what they are, their pixels and labels, the identity of each example.

    from tracker.datasets import load_dataset
    train = load_dataset("mnist5k").splits["train"]

Importing this package loads neither torch nor torchvision.
"""

from pathlib import Path

from tracker.datasets.bundled import load_bundled
from tracker.datasets.catalog import (
    DATASETS,
    SPLITS,
    DatasetInfo,
    get_dataset_info,
    shipping_names,
)
from tracker.datasets.identity import (
    content_hashes,
    dataset_fingerprint,
    examples_of,
    split_fingerprint,
)
from tracker.datasets.names import StoredName, parse_name
from tracker.datasets.noise import LabelNoise
from tracker.datasets.splits import Dataset, ImageSplit
from tracker.datasets.subsets import balanced_positions
from tracker.datasets.torchvision_sets import has_files, load_from_torchvision
from tracker.errors import UsageError, choice_error
from tracker.settings import get_settings

__all__ = [
    "DATASETS",
    "SPLITS",
    "Dataset",
    "DatasetInfo",
    "ImageSplit",
    "LabelNoise",
    "StoredName",
    "content_hashes",
    "dataset_fingerprint",
    "examples_of",
    "get_dataset_info",
    "is_available",
    "is_known",
    "load_dataset",
    "load_named",
    "load_split",
    "shipping_names",
    "split_fingerprint",
]


def load_dataset(
    name: str,
    *,
    examples: int | None = None,
    label_noise: LabelNoise | None = None,
    folder: Path | None = None,
) -> Dataset:
    """The dataset called `name`, or its subset of at most `examples` examples of every split.

    Parameters
    ----------
    name : str
        One of `DATASETS`.
    examples : int, optional
        A subset is the same on every machine, has its classes as equal in number as possible and
        keeps the original order. It is a dataset of its own, called `name-examples`, also where
        `examples` exceeds every split.
    label_noise : LabelNoise, optional
        Changes labels of the split train, the same on every machine. It makes a dataset of its
        own too: `name-noise0.4`.
    folder : Path, optional
        Where the files are, or are downloaded to; the settings' data folder if not given.

    Raises
    ------
    UsageError
        If the name is unknown, or `examples` is below 1.
    DatasetUnavailableError
        If the files are neither in the folder nor downloadable.
    """
    info = get_dataset_info(name)
    if examples is not None and examples < 1:
        raise UsageError(f"examples must be at least 1, got {examples}")
    arrays = load_bundled(name) if info.ships else load_from_torchvision(name, _folder(folder))
    stored = str(StoredName(name, examples, label_noise))
    splits = {split: ImageSplit.whole(stored, split, *arrays[split]) for split in SPLITS}
    if examples is not None:
        splits = {
            split: part.take(stored, balanced_positions(part.labels, examples))
            for split, part in splits.items()
        }
    if label_noise is not None:
        noisy = label_noise.relabel(splits["train"].labels, info.num_classes)
        splits["train"] = splits["train"].relabelled(noisy)
    return Dataset(stored, info.num_classes, info.class_names, splits)


def is_known(name: str) -> bool:
    """Whether `load_named` knows the name: that of a dataset, or of one made of it."""
    return parse_name(name) is not None


def load_named(name: str, folder: Path | None = None) -> Dataset:
    """The dataset that is stored as `name`: `mnist5k`, `mnist5k-256`, `mnist5k-noise0.4`.

    Raises
    ------
    UsageError, DatasetUnavailableError
        As `load_dataset`.
    """
    stored = parse_name(name) or StoredName(name)
    return load_dataset(
        stored.dataset, examples=stored.examples, label_noise=stored.label_noise, folder=folder
    )


def load_split(
    name: str,
    split: str = "train",
    *,
    examples: int | None = None,
    folder: Path | None = None,
) -> ImageSplit:
    """One split of the dataset called `name`, or of its subset of at most `examples` examples.

    `name` may also be that of a subset or of noisy labels: see `load_named`.

    Raises
    ------
    UsageError
        If the split is unknown, and as `load_dataset`.
    """
    if split not in SPLITS:
        raise choice_error("split", split, SPLITS)
    if examples is None:
        return load_named(name, folder).splits[split]
    return load_dataset(name, examples=examples, folder=folder).splits[split]


def is_available(name: str, folder: Path | None = None) -> bool:
    """Whether the dataset needs no download: it ships, or its files are in the folder.

    The files are not read, so damaged ones count.

    Raises
    ------
    UsageError
        If the name is unknown.
    """
    return get_dataset_info(name).ships or has_files(name, _folder(folder))


def _folder(folder: Path | None) -> Path:
    return get_settings().data_folder if folder is None else Path(folder)
