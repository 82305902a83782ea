"""What a checkpoint holds, where it lies, and which ones are gone on from."""

import errno
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import fsspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tracker.checkpoints import CheckpointFolder
from tracker.datasets import load_dataset
from tracker.errors import UsageError
from tracker.outcomes.packing import checksum
from tracker.recipes import get_architecture
from tracker.runs import DECISIVE, Claim
from tracker.spans import Span
from tracker.specs import EnsembleSpec
from workers.checkpoints import Checkpoints, UnfitError, seal, unseal
from workers.data import TensorDataset, to_device
from workers.state import TrainingState
from workers.summaries import SignalStatistics
from workers.training import train

RUN = UUID("11111111-2222-3333-4444-555555555555")
SPEC = EnsembleSpec(
    dataset="digits",
    examples=50,
    arch="mlp-tiny",
    recipe=get_architecture("mlp-tiny").stock.model_copy(update={"length": Span(6, "epoch")}),
)
CLAIM = Claim(1, 1, 7, "digits", SPEC, "fingerprint", RUN)
PROVENANCE = {**dict.fromkeys(DECISIVE, "this"), "device": "cpu", "host": "here"}


# --- where they lie -------------------------------------------------------------------------------


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointFolder:
    """Of a disk, and of a store that knows no more than an object store does."""
    if request.param == "disk":
        return CheckpointFolder(str(tmp_path / "checkpoints"))
    return CheckpointFolder(f"memory://{tmp_path.name}-{uuid4()}/checkpoints")


def test_the_last_two_are_kept(folder: CheckpointFolder) -> None:
    other = uuid4()
    folder.write(other, 3, b"of another run")
    for evaluation in (2, 5, 10, 11):
        folder.write(RUN, evaluation, f"state at {evaluation}".encode())
    assert folder.names(RUN) == ["00000011.checkpoint", "00000010.checkpoint"]
    assert folder.read(RUN, "00000010.checkpoint") == b"state at 10"
    assert sorted(folder.runs()) == sorted([RUN, other])
    folder.delete(RUN)
    folder.delete(RUN)
    assert folder.names(RUN) == []
    assert folder.runs() == [other]


def test_writing_again_takes_the_place_of_what_was_there(folder: CheckpointFolder) -> None:
    for content in (b"one", b"two"):
        folder.write(RUN, 4, content)
    assert folder.read(RUN, "00000004.checkpoint") == b"two"


def test_nothing_there_is_no_error(folder: CheckpointFolder) -> None:
    assert folder.runs() == []
    assert folder.names(RUN) == []


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = CheckpointFolder(str(tmp_path))
    folder.write(RUN, 1, b"whole")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        folder.write(RUN, 2, b"half")
    assert [path.name for path in (tmp_path / str(RUN)).iterdir()] == ["00000001.checkpoint"]


def test_what_was_not_finished_is_none_of_them(tmp_path: Path) -> None:
    folder = CheckpointFolder(str(tmp_path))
    folder.write(RUN, 1, b"whole")
    (tmp_path / str(RUN) / "00000002.checkpoint.unfinished").write_bytes(b"ha")
    (tmp_path / "notes").mkdir()
    assert folder.names(RUN) == ["00000001.checkpoint"]
    assert folder.runs() == [RUN]


def test_no_link_leads_out_of_the_folder(tmp_path: Path) -> None:
    """Others may write into a shared folder, and each file of it is opened, moved or removed."""
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    secret = outside / "00000001.checkpoint"
    secret.write_bytes(b"someone's")
    folder = CheckpointFolder(str(tmp_path / "root"))
    place = tmp_path / "root" / str(RUN)
    place.mkdir(parents=True)

    def planted(name: str, target: Path) -> Path:
        link = place / name
        link.symlink_to(target)
        return link

    planted("00000001.checkpoint", secret)
    with pytest.raises(OSError, match="is a link"):
        folder.read(RUN, "00000001.checkpoint")
    planted("00000002.checkpoint.unfinished", secret)
    with pytest.raises(OSError, match="is a link"):
        folder.write(RUN, 2, b"ours")
    planted("00000003.checkpoint", outside / "folder")
    with pytest.raises(OSError, match="is a link"):
        folder.write(RUN, 3, b"ours")
    folder.delete(RUN)
    assert not place.exists()
    place.symlink_to(outside)
    for act in (
        lambda: folder.read(RUN, "00000001.checkpoint"),
        lambda: folder.write(RUN, 4, b"ours"),
        lambda: folder.delete(RUN),
    ):
        with pytest.raises(OSError, match="is a link"):
            act()
    assert secret.read_bytes() == b"someone's"
    assert sorted(path.name for path in outside.rglob("*")) == ["00000001.checkpoint", "folder"]


def test_a_folder_that_is_a_link_itself_is_the_users_choice(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    folder = CheckpointFolder(str(tmp_path / "link"))
    folder.write(RUN, 1, b"ours")
    assert folder.read(RUN, "00000001.checkpoint") == b"ours"
    assert (tmp_path / "disk" / str(RUN) / "00000001.checkpoint").exists()


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "00000001.checkpoint/..", "1.checkpoint"])
def test_names_of_something_else_are_not_read(folder: CheckpointFolder, name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a checkpoint"):
        folder.read(RUN, name)


def test_addresses_that_lead_nowhere() -> None:
    with pytest.raises(UsageError, match=r"TRACKER_CHECKPOINT_URL: Protocol not known: nowhere"):
        CheckpointFolder("nowhere://bucket/folder")


# --- what they hold -------------------------------------------------------------------------------


@given(st.binary(max_size=200), st.data())
def test_damage_of_any_byte_is_noticed(payload: bytes, data: st.DataObject) -> None:
    whole = seal({"run": "x", "evaluation": 3}, payload)
    header, got = unseal(whole)
    assert (got, header["evaluation"]) == (payload, 3)
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UnfitError, match="it is damaged"):
        unseal(bytes(damaged))
    with pytest.raises(UnfitError):
        unseal(whole[: data.draw(st.integers(0, len(whole) - 1))])


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def digits() -> TensorDataset:
    return to_device(load_dataset("digits", examples=50), torch.device("cpu"))


class Trained:
    """A training of six evaluations with a checkpoint at each but the last."""

    def __init__(self, folder: CheckpointFolder, data: TensorDataset) -> None:
        self.data = data
        self.folder = folder
        self.recorded: dict[int, bytes | None] = {}
        state, statistics = TrainingState(SPEC, data, 7), SignalStatistics(())
        checkpoints = self.checkpoints()
        self.records = []
        for record in train(state):
            self.records.append(record)
            statistics.follow(record, last=False)
            checkpoints.follow(record)
            self.recorded[record.evaluation] = checksum(record.packed)
            if record.evaluation < 6:
                assert checkpoints.save(state, statistics) is not None

    def checkpoints(self, claim: Claim = CLAIM, **provenance: Any) -> Checkpoints:
        """Those of the next attempt."""
        return Checkpoints(self.folder, claim, {**PROVENANCE, **provenance}, 60, Clock())

    def found(self, checkpoints: Checkpoints | None = None) -> int | None:
        """The evaluation that is gone on from."""
        found = (checkpoints or self.checkpoints()).find(self.recorded)
        return None if found is None else found.evaluation


@pytest.fixture
def trained(tmp_path: Path, digits: TensorDataset) -> Trained:
    return Trained(CheckpointFolder(str(tmp_path)), digits)


def damage(folder: Path, name: str) -> None:
    path = folder / str(RUN) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_the_newest_is_gone_on_from_with_the_same_bits(trained: Trained) -> None:
    checkpoints = trained.checkpoints()
    found = checkpoints.find(trained.recorded)
    assert found is not None
    assert found.evaluation == 5
    state, statistics = TrainingState(SPEC, trained.data, 7), SignalStatistics(())
    checkpoints.go_on(found, state, statistics)
    [last] = train(state)
    assert (last.packed == trained.records[5].packed).all()
    assert last.train_loss == trained.records[5].train_loss
    assert statistics.follow(last, last=True).summaries["margin"].evaluations == 6
    # What follows is bound to the whole history.
    checkpoints.follow(last)
    assert checkpoints.save(state, statistics) is not None
    assert trained.found() == 6


def test_a_damaged_one_falls_back_to_the_other_then_to_the_start(
    trained: Trained, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(tmp_path, "00000005.checkpoint")
    assert trained.found() == 4
    assert "checkpoint 00000005.checkpoint is of no use: it is damaged" in caplog.text
    damage(tmp_path, "00000004.checkpoint")
    assert trained.found() is None


@pytest.mark.parametrize("name", ["tracker", "torch", "numpy", "device", "cpu", "threads"])
def test_other_hardware_versions_or_threads_go_on_from_none(trained: Trained, name: str) -> None:
    assert trained.found(trained.checkpoints(**{name: "other"})) is None


def test_another_host_and_commit_do_not_matter(trained: Trained) -> None:
    assert trained.found(trained.checkpoints(host="there", git_commit="0" * 40)) == 5


@pytest.mark.parametrize(
    "claim",
    [
        replace(CLAIM, dataset_fingerprint="of something else"),
        replace(CLAIM, spec=SPEC.model_copy(update={"arch": "mlp"})),
    ],
    ids=["data", "recipe"],
)
def test_other_data_or_another_recipe_go_on_from_none(trained: Trained, claim: Claim) -> None:
    assert trained.found(trained.checkpoints(claim)) is None
    assert trained.found(trained.checkpoints(replace(CLAIM, attempt=9))) == 5


def test_only_a_history_that_is_recorded_whole_is_gone_on_from(trained: Trained) -> None:
    del trained.recorded[6]
    assert trained.found() == 5
    del trained.recorded[5]
    assert trained.found() == 4, "its outcomes are committed"
    trained.recorded[2] = b"of other outcomes"
    assert trained.found() is None, "another training recorded it"
    del trained.recorded[2]
    assert trained.found() is None, "a hole"


def test_a_checkpoint_that_cannot_be_kept_does_not_stop_the_training(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(CheckpointFolder, "write", full)
    checkpoints = trained.checkpoints()
    checkpoints.follow(trained.records[0])
    state = TrainingState(SPEC, trained.data, 7)
    assert checkpoints.save(state, SignalStatistics(())) is None
    assert "checkpoint not kept: OSError" in caplog.text


def test_storage_that_is_away_means_the_start(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(CheckpointFolder, "names", away)
    assert trained.found() is None
    assert "no route to host" in caplog.text


def test_they_are_due_so_many_seconds_after_the_last(folder: CheckpointFolder) -> None:
    clock = Clock()
    checkpoints = Checkpoints(folder, CLAIM, PROVENANCE, 60, clock)
    assert not checkpoints.due
    clock.now = 60
    assert checkpoints.due


@pytest.fixture(autouse=True)
def _logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.WARNING)
    yield
    fsspec.filesystem("memory").store.clear()
