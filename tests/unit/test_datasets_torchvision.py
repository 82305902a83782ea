"""Datasets through torchvision, from tiny files in the real on-disk formats."""

import gzip
import hashlib
import io
import pickle
import tarfile
import threading
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from tracker.datasets import (
    DATASETS,
    content_hashes,
    examples_of,
    is_available,
    load_dataset,
    torchvision_sets,
)
from tracker.datasets.torchvision_ops import import_torchvision
from tracker.datasets.torchvision_sets import TORCHVISION_SETS
from tracker.errors import DatasetUnavailableError

tv = import_torchvision("torchvision.datasets")
NAMES = list(TORCHVISION_SETS)
LABELS = {"train": [3, 0, 2, 1, 0], "test": [0, 9, 1, 4, 4]}


def pixels(name: str, split: str) -> np.ndarray:
    """Five images of dataset `name` [5, H, W, C]."""
    rng = np.random.default_rng(len(name) + len(split))
    return rng.integers(0, 256, (5, *DATASETS[name].image_shape), dtype=np.uint8)


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def idx(array: np.ndarray) -> bytes:
    """The idx format: a magic number, the big-endian sizes, the bytes."""
    head = bytes([0, 0, 8, array.ndim])
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return head + sizes + array.astype(np.uint8).tobytes()


def make_idx(name: str, monkeypatch) -> tuple[dict[str, bytes], dict[str, bytes]]:
    kind = TORCHVISION_SETS[name].kind
    files = {}
    for split, stem in (("train", "train"), ("test", "t10k")):
        files[f"{kind}/raw/{stem}-images-idx3-ubyte"] = idx(pixels(name, split)[..., 0])
        files[f"{kind}/raw/{stem}-labels-idx1-ubyte"] = idx(np.array(LABELS[split]))
    archives = {f"{path}.gz": gzip.compress(data, mtime=0) for path, data in files.items()}
    resources = [(Path(path).name, md5(data)) for path, data in archives.items()]
    monkeypatch.setattr(getattr(tv, kind), "resources", resources)
    return files, archives


def cifar_batch(name: str, split: str, keep: slice) -> bytes:
    data = pixels(name, split)[keep].transpose(0, 3, 1, 2).reshape(-1, 3072)
    key = "labels" if name == "cifar10" else "fine_labels"
    return pickle.dumps({"data": data, key: LABELS[split][keep]})


def make_cifar(name: str, monkeypatch) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The batches of torchvision's lists, and their archive, with their checksums in place."""
    kind, place = getattr(tv, TORCHVISION_SETS[name].kind), TORCHVISION_SETS[name].place
    parts = len(kind.train_list)
    slices = [slice(None)] if parts == 1 else [slice(i, i + 1) for i in range(parts)]
    files = {
        batch: cifar_batch(name, "train", keep)
        for (batch, _), keep in zip(kind.train_list, slices, strict=True)
    }
    files[kind.test_list[0][0]] = cifar_batch(name, "test", slice(None))
    files[kind.meta["filename"]] = pickle.dumps({kind.meta["key"]: ["any"]})
    train = [[batch, md5(files[batch])] for batch, _ in kind.train_list]
    test = [[batch, md5(files[batch])] for batch, _ in kind.test_list]
    monkeypatch.setattr(kind, "train_list", train)
    monkeypatch.setattr(kind, "test_list", test)
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5(files[kind.meta["filename"]])})
    files = {f"{place}/{batch}": data for batch, data in files.items()}
    archive = tar(files)
    monkeypatch.setattr(kind, "tgz_md5", md5(archive))
    return files, {kind.filename: archive}


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def make_svhn(name: str, monkeypatch) -> tuple[dict[str, bytes], dict[str, bytes]]:
    files, checksums = {}, {}
    for split in LABELS:
        buffer = io.BytesIO()
        # On disk the images are [H, W, C, N], and the digit 0 is class 10.
        labels = [[label or 10] for label in LABELS[split]]
        images = pixels(name, split).transpose(1, 2, 3, 0)
        scipy.io.savemat(buffer, {"X": images, "y": np.array(labels, np.uint8)})
        url, file, _ = tv.SVHN.split_list[split]
        files[file], checksums[split] = buffer.getvalue(), [url, file, md5(buffer.getvalue())]
    monkeypatch.setattr(tv.SVHN, "split_list", checksums)
    return files, files


MAKERS = {
    "mnist": make_idx,
    "fashion-mnist": make_idx,
    "cifar10": make_cifar,
    "cifar100": make_cifar,
    "svhn": make_svhn,
}


def write(folder: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def in_folder(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def no_network(monkeypatch) -> None:
    def refuse(*args, **kwargs):
        raise OSError("the network is down")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def check_loaded(name: str, dataset) -> None:
    assert list(dataset.splits) == ["train", "test"]
    for split, part in dataset.splits.items():
        np.testing.assert_array_equal(part.images, pixels(name, split))
        assert part.images.flags.c_contiguous
        assert part.labels.tolist() == LABELS[split]


@pytest.mark.parametrize("name", NAMES)
def test_files_on_disk_are_read_without_a_network(name, tmp_path, monkeypatch, no_network) -> None:
    files, _ = MAKERS[name](name, monkeypatch)
    assert set(files) == set(TORCHVISION_SETS[name].files)
    assert not is_available(name, tmp_path)
    write(tmp_path, files)
    assert is_available(name, tmp_path)
    check_loaded(name, load_dataset(name, folder=tmp_path))


@pytest.mark.parametrize("name", NAMES)
def test_archives_on_disk_are_unpacked_without_a_network(
    name, tmp_path, monkeypatch, no_network
) -> None:
    files, archives = MAKERS[name](name, monkeypatch)
    write(tmp_path, archives)
    assert is_available(name, tmp_path)
    check_loaded(name, load_dataset(name, folder=tmp_path))
    assert in_folder(tmp_path) == {*files, *archives}


@pytest.mark.parametrize("name", NAMES)
def test_torchvisions_dataset_hashes_like_ours(name, tmp_path, monkeypatch) -> None:
    files, _ = MAKERS[name](name, monkeypatch)
    write(tmp_path, files)
    ours = load_dataset(name, folder=tmp_path).splits["test"]
    which = {"split": "test"} if name == "svhn" else {"train": False}
    kind = getattr(tv, TORCHVISION_SETS[name].kind)
    for transform in (None, import_torchvision("torchvision.transforms").ToTensor()):
        theirs = kind(tmp_path, transform=transform, **which)
        hashes, labels = examples_of(theirs)
        assert hashes == ours.hashes == content_hashes(pixels(name, "test"))
        np.testing.assert_array_equal(labels, ours.labels)
    image, label = theirs[1]
    np.testing.assert_array_equal(image.numpy(), ours[1][0])
    assert label == ours[1][1]


@pytest.mark.parametrize("name", NAMES)
def test_unavailable_dataset_is_one_line(name, tmp_path, capfd, no_network) -> None:
    folder = tmp_path / "data"
    with pytest.raises(DatasetUnavailableError) as caught:
        load_dataset(name, folder=folder)
    text = str(caught.value)
    assert "\n" not in text
    assert f"dataset {name!r}: missing files in {folder / TORCHVISION_SETS[name].place}" in text
    assert "ships: mnist5k, digits" in text
    assert not folder.exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_not_used(name, tmp_path, monkeypatch, no_network) -> None:
    files, _ = MAKERS[name](name, monkeypatch)
    path, data = next(iter(files.items()))
    write(tmp_path, {**files, path: data[:-1]})
    before = in_folder(tmp_path)
    with pytest.raises(DatasetUnavailableError, match=f"'{name}': damaged files in"):
        load_dataset(name, folder=tmp_path)
    assert in_folder(tmp_path) == before


def test_a_changed_pickle_is_never_read(tmp_path, monkeypatch, no_network) -> None:
    class Trap:
        def __reduce__(self):
            return (Path(tmp_path, "sprung").touch, ())

    files, _ = make_cifar("cifar10", monkeypatch)
    for path in ("cifar-10-batches-py/data_batch_3", "cifar-10-batches-py/batches.meta"):
        write(tmp_path, {**files, path: pickle.dumps(Trap())})
        with pytest.raises(DatasetUnavailableError):
            load_dataset("cifar10", folder=tmp_path)
        assert not Path(tmp_path, "sprung").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_archive_is_not_unpacked(name, tmp_path, monkeypatch, no_network) -> None:
    """Members that lead elsewhere, links, pickles: all archives in the data folder are such."""

    class Trap:
        def __reduce__(self):
            return (Path(tmp_path, "sprung").touch, ())

    folder = tmp_path / "up" / "data"
    link = tarfile.TarInfo("cifar-10-batches-py")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    buffer = io.BytesIO(tar({"../../sprung": b"", "/tmp/sprung-by-tracker": b""}))
    with tarfile.open(fileobj=buffer) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive]
    hostile = io.BytesIO()
    with tarfile.open(fileobj=hostile, mode="w:gz") as archive:
        archive.addfile(link)
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
        trap = pickle.dumps(Trap())
        member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        member.size = len(trap)
        archive.addfile(member, io.BytesIO(trap))
    write(folder, dict.fromkeys(TORCHVISION_SETS[name].archives, hostile.getvalue()))
    before = in_folder(tmp_path)
    with pytest.raises(DatasetUnavailableError, match=f"'{name}'"):
        load_dataset(name, folder=folder)
    assert in_folder(tmp_path) == before
    assert not Path("/tmp/sprung-by-tracker").exists()


@pytest.mark.parametrize(
    "head",
    [b"", b"\0", b"\0\0\x08\x03" + b"\x7f\xff\xff\xff" * 3, b"\0\0\x99\x01\0\0\0\x01x",
     b"\0\0\x0e\xff" + b"\xff" * 40, b"\0\0\x08\x03" + b"\0" * 12],
)  # fmt: skip
def test_a_hostile_header_is_not_believed(head, tmp_path, monkeypatch, no_network) -> None:
    files, _ = make_idx("mnist", monkeypatch)
    path = next(iter(files))
    write(tmp_path, {**files, path: head})
    with pytest.raises(DatasetUnavailableError, match="'mnist': damaged files in"):
        load_dataset("mnist", folder=tmp_path)


def test_age_of_cifars_pickles_is_no_warning(tmp_path, monkeypatch) -> None:
    def load(*args, **kwargs):
        warnings.warn("dtype(): align should be passed as Python or NumPy boolean", stacklevel=2)
        return pickle.Unpickler(*args, **kwargs).load()  # noqa: S301 - our own bytes

    files, _ = make_cifar("cifar10", monkeypatch)
    write(tmp_path, files)
    monkeypatch.setattr("torchvision.datasets.cifar.pickle.load", load)
    check_loaded("cifar10", load_dataset("cifar10", folder=tmp_path))


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A web server with a folder of its own: yields both."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def use_mirror(name: str, url: str, monkeypatch) -> None:
    """Let torchvision and our probe ask `url` instead of the world."""
    files = TORCHVISION_SETS[name]
    kind = getattr(tv, files.kind)
    urls = (f"{url}/{Path(files.archives[0]).name}",)
    replaced = torchvision_sets.TorchvisionSet(**{**vars(files), "urls": urls})
    monkeypatch.setitem(TORCHVISION_SETS, name, replaced)
    if name == "svhn":
        lists = {s: [f"{url}/{row[1]}", *row[1:]] for s, row in kind.split_list.items()}
        monkeypatch.setattr(kind, "split_list", lists)
    elif name.startswith("cifar"):
        monkeypatch.setattr(kind, "url", urls[0])
    else:
        monkeypatch.setattr(kind, "mirrors", [f"{url}/"])


@pytest.mark.parametrize("name", NAMES)
def test_missing_files_are_downloaded_once(name, tmp_path, monkeypatch, mirror, capfd) -> None:
    folder, url = mirror
    files, archives = MAKERS[name](name, monkeypatch)
    use_mirror(name, url, monkeypatch)
    write(folder, {Path(path).name: data for path, data in archives.items()})
    data = tmp_path / "new" / "data"
    check_loaded(name, load_dataset(name, folder=data))
    assert in_folder(data) == set(files)
    for path in folder.iterdir():
        path.unlink()
    check_loaded(name, load_dataset(name, folder=data))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", NAMES)
def test_failed_download_leaves_nothing(name, tmp_path, monkeypatch, mirror, capfd) -> None:
    folder, url = mirror
    _, archives = MAKERS[name](name, monkeypatch)
    use_mirror(name, url, monkeypatch)
    # The first files are good, the last one is cut short.
    last = list(archives)[-1]
    served = {**archives, last: archives[last][:-7]}
    write(folder, {Path(path).name: data for path, data in served.items()})
    data = tmp_path / "data"
    with pytest.raises(DatasetUnavailableError, match="the download failed") as caught:
        load_dataset(name, folder=data)
    assert "\n" not in str(caught.value)
    assert list(data.iterdir()) == []
    assert capfd.readouterr() == ("", "")
