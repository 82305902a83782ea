"""What we take for granted of torchvision and of the network."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tracker.datasets import DATASETS, downloads, load_dataset
from tracker.datasets.torchvision_ops import import_torchvision
from tracker.datasets.torchvision_sets import TORCHVISION_SETS
from tracker.errors import DatasetUnavailableError


def test_silent_servers_are_given_up_soon(monkeypatch) -> None:
    monkeypatch.setattr(downloads, "_answers", lambda *_: time.sleep(1))
    started = time.monotonic()
    assert not downloads.any_answers(["http://a.invalid", "http://b.invalid"], seconds=0.1)
    assert time.monotonic() - started < 0.9


def test_one_answering_mirror_is_enough(monkeypatch) -> None:
    monkeypatch.setattr(downloads, "_answers", lambda url, _: url == "b")
    assert downloads.any_answers(["a", "b"])
    assert not downloads.any_answers(["a", "c"])


@pytest.mark.parametrize("name", TORCHVISION_SETS)
def test_our_table_of_files_is_torchvisions(name) -> None:
    files = TORCHVISION_SETS[name]
    kind = getattr(import_torchvision("torchvision.datasets"), files.kind)
    if name == "svhn":
        assert files.files == tuple(kind.split_list[split][1] for split in ("train", "test"))
        assert files.urls == (kind.split_list["train"][0],)
    elif name.startswith("cifar"):
        names = [row[0] for row in kind.train_list + kind.test_list] + [kind.meta["filename"]]
        assert files.files == tuple(f"{kind.base_folder}/{row}" for row in names)
        assert (files.archives, files.urls) == ((kind.filename,), (kind.url,))
    else:
        names = [row[0] for row in kind.resources]
        assert files.archives == tuple(f"{files.kind}/raw/{row}" for row in names)
        assert files.urls == tuple(f"{mirror}{names[0]}" for mirror in kind.mirrors)
        classes = [row.split(" - ")[0] for row in kind.classes]
        assert DATASETS[name].class_names == tuple(classes)


OPERATORS = """
import sys, torch
from tracker.datasets import torchvision_ops
{before}
module = torchvision_ops.import_torchvision("torchvision.transforms")
assert module is torchvision_ops.import_torchvision("torchvision.transforms")
import torchvision.models, torchvision.datasets
assert hasattr(torch.ops.torchvision, "nms")
print(len(torchvision_ops._declared))
"""


def declared_libraries(before: str = "") -> int:
    script = OPERATORS.format(before=before)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_torchvision_can_be_imported_in_a_fresh_process() -> None:
    assert declared_libraries() in (0, 1)


def test_operators_that_exist_are_not_declared_again() -> None:
    real = (
        "library = torch.library.Library('torchvision', 'DEF')\n"
        "[library.define(schema) for schema in torchvision_ops.SCHEMAS]"
    )
    assert declared_libraries(real) == 0


def test_folder_that_cannot_be_made(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(downloads, "any_answers", lambda _urls: True)
    Path(tmp_path, "file").touch()
    with pytest.raises(DatasetUnavailableError, match=r"Not a directory|File exists"):
        load_dataset("svhn", folder=tmp_path / "file")
