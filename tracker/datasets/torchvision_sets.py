"""The datasets that torchvision reads: from files in a folder, downloaded if they are missing.

Pickles run code when they are read. torchvision's CIFAR classes unpickle their files, but only
after comparing the MD5 of every one with the published value (`CIFAR10._check_integrity` and
`_load_meta` call `check_integrity`); SVHN's files are checked likewise, and read by SciPy
without pickle. MNIST's idx files are unpacked from archives with checked MD5, then only checked
for their form; they are plain bytes. (A `processed/*.pt` of torchvision < 0.9 is read
with `weights_only=True`.)
"""

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from tracker.datasets import downloads
from tracker.datasets.bundled import Arrays
from tracker.datasets.catalog import SPLITS, shipping_names
from tracker.datasets.containers import stored_examples
from tracker.datasets.torchvision_ops import import_torchvision
from tracker.errors import DatasetUnavailableError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TorchvisionSet:
    """Where torchvision keeps the files of one dataset, relative to the data folder.

    Repeated here (a test compares it with torchvision) so that looking for files and for the
    network needs no import of torch.
    """

    kind: str
    """Name of the class in `torchvision.datasets`."""
    place: str
    """Folder of the files; empty if they lie in the data folder itself."""
    files: tuple[str, ...]
    """What is read."""
    archives: tuple[str, ...]
    """What is downloaded, and may be put there as it is."""
    urls: tuple[str, ...]
    """The first download, at each mirror."""


_IDX = tuple(
    f"{split}-{content}-ubyte"
    for split in ("train", "t10k")
    for content in ("images-idx3", "labels-idx1")
)
_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
_MATRICES = ("train_32x32.mat", "test_32x32.mat")


def _idx_set(kind: str, *mirrors: str) -> TorchvisionSet:
    files = tuple(f"{kind}/raw/{name}" for name in _IDX)
    archives = tuple(f"{name}.gz" for name in files)
    urls = tuple(f"{mirror}{_IDX[0]}.gz" for mirror in mirrors)
    return TorchvisionSet(kind, f"{kind}/raw", files, archives, urls)


def _cifar(kind: str, place: str, archive: str, files: tuple[str, ...]) -> TorchvisionSet:
    url = f"https://www.cs.toronto.edu/~kriz/{archive}"
    return TorchvisionSet(
        kind, place, tuple(f"{place}/{name}" for name in files), (archive,), (url,)
    )


TORCHVISION_SETS: Mapping[str, TorchvisionSet] = {
    "mnist": _idx_set(
        "MNIST",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    "fashion-mnist": _idx_set(
        "FashionMNIST", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    ),
    "cifar10": _cifar("CIFAR10", "cifar-10-batches-py", "cifar-10-python.tar.gz", _BATCHES),
    "cifar100": _cifar(
        "CIFAR100", "cifar-100-python", "cifar-100-python.tar.gz", ("train", "test", "meta")
    ),
    "svhn": TorchvisionSet(
        "SVHN",
        "",
        _MATRICES,
        _MATRICES,
        ("http://ufldl.stanford.edu/housenumbers/train_32x32.mat",),
    ),
}

# MNIST's reader asserts the form of the bytes; the others raise what their readers raise.
_UNREADABLE = (OSError, RuntimeError, ValueError, TypeError, AssertionError, LookupError)


def has_files(name: str, folder: Path) -> bool:
    """Whether `folder` has the files of dataset `name`, unpacked or as archives; none is read."""
    files = TORCHVISION_SETS[name]
    return _all_in(folder, files.files) or _all_in(folder, files.archives)


def load_from_torchvision(name: str, folder: Path) -> dict[str, Arrays]:
    """Pixels and labels of the splits `train` and `test` of a dataset in `TORCHVISION_SETS`.

    Parameters
    ----------
    name : str
    folder : Path
        torchvision's `root`; the files are downloaded into it only if they are not there.

    Raises
    ------
    DatasetUnavailableError
        If the files are missing or damaged and cannot be downloaded.
    """
    files = TORCHVISION_SETS[name]
    if _all_in(folder, files.files):
        datasets = import_torchvision("torchvision.datasets")
        try:
            return _read(datasets, files, folder)
        except _UNREADABLE as error:
            logger.info("dataset %s in %s cannot be read: %s", name, folder, error)
    _fetch(name, folder)
    datasets = import_torchvision("torchvision.datasets")
    try:
        return _read(datasets, files, folder)
    except _UNREADABLE as error:
        raise _unavailable(name, folder, str(error)) from None


def _read(datasets: ModuleType, files: TorchvisionSet, folder: Path) -> dict[str, Arrays]:
    return {split: _read_split(datasets, files, folder, split) for split in SPLITS}


def _read_split(datasets: ModuleType, files: TorchvisionSet, folder: Path, split: str) -> Arrays:
    stored = stored_examples(_open(datasets, files, folder, split))
    if stored is None:
        raise ValueError(f"the {split} split holds no uint8 images with integer labels")
    return stored


def _open(
    datasets: ModuleType, files: TorchvisionSet, folder: Path, split: str, download: bool = False
) -> Any:
    """torchvision's own dataset of one split."""
    which: dict[str, Any] = (
        {"split": split} if files.kind == "SVHN" else {"train": split == "train"}
    )
    with warnings.catch_warnings():
        # CIFAR was pickled by an old NumPy, of which NumPy 2.4 warns; torchvision leaves the
        # warning to its callers (pytorch/vision#9340).
        warnings.filterwarnings("ignore", message=r"dtype\(\): align should be passed")
        return getattr(datasets, files.kind)(root=folder, download=download, **which)


def _fetch(name: str, folder: Path) -> None:
    """Download, or only unpack the archives that are in `folder`."""
    files = TORCHVISION_SETS[name]
    if not _all_in(folder, files.archives) and not downloads.any_answers(files.urls):
        hosts = " or ".join(str(urlsplit(url).hostname) for url in files.urls)
        raise _unavailable(name, folder, f"no answer from {hosts}")
    datasets = import_torchvision("torchvision.datasets")

    def fetch(scratch: Path) -> None:
        for split in SPLITS:
            _open(datasets, files, scratch, split, download=True)

    logger.info("downloading dataset %s into %s", name, folder)
    try:
        downloads.fetch_into(folder, files.files, files.archives, fetch)
    except downloads.FAILURES as error:
        raise _unavailable(name, folder, str(error) or type(error).__name__) from None


def _unavailable(name: str, folder: Path, reason: str) -> DatasetUnavailableError:
    files = TORCHVISION_SETS[name]
    state = "damaged" if _all_in(folder, files.files) else "missing"
    place = f"{folder / files.place}" if files.place else f"{folder} ({', '.join(files.files)})"
    # The reason can be a whole paragraph (MNIST's lists every mirror): an error is one line.
    why = " ".join(reason.split())
    return DatasetUnavailableError(
        f"dataset {name!r}: {state} files in {place}, and the download failed ({why}); "
        f"put the files there, or use a dataset that ships: {', '.join(shipping_names())}"
    )


def _all_in(folder: Path, paths: tuple[str, ...]) -> bool:
    return all((folder / path).is_file() for path in paths)
