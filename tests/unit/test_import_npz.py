"""npz archives: what is read of them, and what is refused."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracker.errors import UsageError
from tracker.imports import choose_format, npz, npz_archive, read_trajectories
from tracker.imports.trajectories import (
    ImportedRun,
    Options,
    Outcomes,
    Trajectories,
    check_numbers,
    settle,
)

SHAPE = (3, 5, 4)
CORRECT = np.arange(60).reshape(SHAPE) % 3 == 0
LABEL = np.array([0, 1, 2, 1, 0])
PREDICTED = np.where(CORRECT, LABEL[None, :, None], (LABEL[None, :, None] + 1) % 3)


def read(file: Path, **options: Any) -> Trajectories:
    return read_trajectories([file], choose_format([file]), Options(**options))


def saved(folder: Path, **arrays: Any) -> Path:
    file = folder / "theirs.npz"
    np.savez_compressed(file, **arrays)
    return file


def stacked(outcomes: list[Outcomes], name: str) -> NDArray[Any]:
    """One field of all outcomes, [runs, examples, evaluations]."""
    runs = max(each.run for each in outcomes) + 1
    values = [each.signals[name] if name in each.signals else getattr(each, name)
              for each in outcomes]  # fmt: skip
    return np.array(values).reshape(runs, -1, len(values[0])).transpose(0, 2, 1)


@given(
    runs=st.integers(1, 3),
    examples=st.integers(1, 20),
    evaluations=st.integers(1, 4),
    order=st.sampled_from("CF"),
    kind=st.sampled_from(["bool", "int8", ">i4", "float32"]),
    seed=st.integers(0, 100),
)
def test_what_is_saved_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    runs: int,
    examples: int,
    evaluations: int,
    order: str,
    kind: str,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    correct = rng.random((runs, examples, evaluations)) < 0.5
    margin = rng.normal(size=correct.shape)
    array = np.asarray(correct.astype(kind), order=order)  # type: ignore[call-overload]
    file = saved(tmp_path_factory.mktemp("npz"), correct=array, margin=margin)
    read_back = read(file)
    outcomes = list(read_back.outcomes())
    assert [(each.run, each.evaluation) for each in outcomes] == [
        (run, evaluation) for run in range(runs) for evaluation in range(1, evaluations + 1)
    ]
    np.testing.assert_array_equal(stacked(outcomes, "correct"), correct)
    np.testing.assert_array_equal(stacked(outcomes, "margin"), margin.astype(np.float32))
    assert read_back.splits["train"].size == examples
    assert read_back.num_classes == 0
    assert [run.evaluations for run in read_back.runs] == [tuple(range(1, evaluations + 1))] * runs


def test_predicted_classes_with_labels(tmp_path: Path) -> None:
    told = read(saved(tmp_path, predicted=PREDICTED, label=LABEL), split="test")
    outcomes = list(told.outcomes())
    assert told.num_classes == 3
    assert list(told.splits) == ["test"]
    np.testing.assert_array_equal(told.splits["test"].labels, LABEL)
    np.testing.assert_array_equal(stacked(outcomes, "predicted"), PREDICTED)
    rights = [settle(each, told.labels, told) for each in outcomes]
    np.testing.assert_array_equal(np.array(rights).reshape(3, 4, 5).transpose(0, 2, 1), CORRECT)


def test_labels_follow_from_right_predictions(tmp_path: Path) -> None:
    never = CORRECT.copy()
    never[:, 3] = False
    predicted = np.where(never, LABEL[None, :, None], 7)
    told = read(saved(tmp_path, predicted=predicted, correct=never))
    np.testing.assert_array_equal(told.splits["train"].labels, [0, 1, 2, -1, 0])
    assert told.num_classes == 8


def test_two_dimensions_are_one_evaluation(tmp_path: Path) -> None:
    told = read(saved(tmp_path, correct=CORRECT[:, :, 0]))
    (first, *_) = told.outcomes()
    np.testing.assert_array_equal(first.correct, CORRECT[0, :, 0])
    assert [run.evaluations for run in told.runs] == [(1,)] * 3


def test_names_and_numbers(tmp_path: Path) -> None:
    file = saved(
        tmp_path,
        correct=CORRECT,
        observer=np.array(["a", "b", "c"]),
        stimulus=np.array([b"p", b"q", b"r", b"s", b"t"]),
        note=np.array("left out"),
    )
    told = read(file, first_evaluation=0)
    assert [run.name for run in told.runs] == ["a", "b", "c"]
    assert [run.seed for run in told.runs] == [0, 1, 2]
    assert told.splits["train"].ids == ["p", "q", "r", "s", "t"]
    assert told.ignored == ["note"]
    assert told.runs[0].evaluations == (0, 1, 2, 3)


def test_what_an_export_says_besides(tmp_path: Path) -> None:
    """Two splits, an evaluation left out, seeds that do not begin at 0."""
    more = {
        "seed": np.array([7, 5, 9]),
        "evaluation": np.array([0, 1, 4, 5]),
        "split": np.array(["train"] * 3 + ["test"] * 2),
        "position": np.array([0, 1, 2, 0, 1]),
        "example_id": np.arange(5),
        "metadata": np.array("{}"),
    }
    told = read(saved(tmp_path, predicted=PREDICTED, label=LABEL, el2n=CORRECT * 0.5, **more))
    assert [run.seed for run in told.runs] == [7, 5, 9]
    assert {run.evaluations for run in told.runs} == {(0, 1, 4, 5)}
    assert {split: part.size for split, part in told.splits.items()} == {"train": 3, "test": 2}
    np.testing.assert_array_equal(told.splits["test"].labels, LABEL[3:])
    assert all(part.ids is None for part in told.splits.values())
    assert told.ignored == []
    outcomes = list(told.outcomes())
    assert [each.evaluation for each in outcomes[:4]] == [0, 1, 4, 5]
    np.testing.assert_array_equal(stacked(outcomes, "el2n"), CORRECT * 0.5)
    moved = read(saved(tmp_path, correct=CORRECT, **more), first_evaluation=3)
    assert moved.runs[0].evaluations == (3, 4, 7, 8)
    with pytest.raises(UsageError, match="its array split names its splits: leave out 'test'"):
        read(saved(tmp_path, correct=CORRECT, **more), split="test")


def changed(array: NDArray[Any], place: tuple[int, ...], value: float) -> NDArray[Any]:
    other = array.astype(float)
    other[place] = value
    return other


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing to import": ({"corect": CORRECT}, "neither an array correct nor .* has corect"),
    "one dimension": ({"correct": CORRECT[0, :, 0]}, r"array correct must be .* shape \(5,\)"),
    "four dimensions": ({"correct": CORRECT[None]}, r"array correct must be .*\(1, 3, 5, 4\)"),
    "another shape": (
        {"correct": CORRECT, "margin": CORRECT[:, :4]},
        r"array margin has shape \(3, 4, 4\), correct \(3, 5, 4\)",
    ),
    "empty": ({"correct": CORRECT[:, :0]}, r"array correct is empty: shape \(3, 0, 4\)"),
    "short label": ({"predicted": PREDICTED, "label": LABEL[:4]}, r"label must have shape \(5,\)"),
    "NaN": ({"correct": changed(CORRECT, (1, 2, 3), np.nan)}, r"correct\[1, 2, 3\] is nan"),
    "2": ({"correct": changed(CORRECT, (2, 4, 0), 2)}, r"correct\[2, 4, 0\] is 2.0, neither 0"),
    "2 of one evaluation": (
        {"correct": changed(CORRECT, (2, 4, 0), 2)[:, :, 0]},
        r"correct\[2, 4\] is 2.0",
    ),
    "negative class": (
        {"predicted": np.where(np.arange(60).reshape(SHAPE) == 7, -1, PREDICTED), "label": LABEL},
        r"predicted\[0, 1, 3\] is -1, not a class from 0 to 65535",
    ),
    "too large a class": (
        {"predicted": changed(PREDICTED, (0, 0, 1), 65536), "label": LABEL},
        r"predicted\[0, 0, 1\] is 65536.0",
    ),
    "half a class": (
        {"predicted": PREDICTED + 0.5, "label": LABEL},
        r"predicted\[0, 0, 0\] is 0.5",
    ),
    "NaN label": (
        {"predicted": PREDICTED, "label": changed(LABEL, (3,), np.nan)},
        r"label\[3\] is nan",
    ),
    "infinite margin": (
        {"correct": CORRECT, "margin": changed(CORRECT, (1, 0, 2), np.inf)},
        r"margin\[1, 0, 2\] is inf: a signal must be finite",
    ),
    "beyond single precision": (
        {"correct": CORRECT, "loss": changed(CORRECT, (1, 0, 2), 1e39)},
        r"loss\[1, 0, 2\] is 1e\+39",
    ),
    "no probability": (
        {"correct": CORRECT, "confidence": changed(CORRECT, (0, 3, 1), 1.1)},
        r"confidence\[0, 3, 1\] is 1.1, not a probability",
    ),
    "words": ({"correct": CORRECT.astype(str)}, "array correct holds <U5, not numbers"),
    "objects": ({"correct": CORRECT.astype(object)}, "array correct holds pickled objects"),
    "objects as names": (
        {"correct": CORRECT, "observer": np.array([1, "b", None], dtype=object)},
        "array observer holds pickled objects, which are never loaded",
    ),
    "names twice": (
        {"correct": CORRECT, "example": np.array([5, 6, 7, 6, 8])},
        r"example\[3\] is 6, as one before it",
    ),
    "fractions as names": ({"correct": CORRECT, "example": LABEL / 2}, "example holds float64"),
    "too few names": ({"correct": CORRECT, "observer": np.arange(2)}, r"observer must have shape"),
    "bytes that are no text": (
        {"correct": CORRECT, "observer": np.array([b"a", b"\xff", b"c"])},
        "array observer: 'utf-8' codec",
    ),
    "a seed twice": ({"correct": CORRECT, "seed": np.array([1, 2, 1])}, r"seed\[2\] is 1, as one"),
    "a negative seed": (
        {"correct": CORRECT, "seed": np.array([1, -2, 3])},
        r"seed\[1\] is -2, not",
    ),
    "half an ordinal": ({"correct": CORRECT, "evaluation": np.arange(4) / 2}, "not integers"),
    "ordinals out of order": (
        {"correct": CORRECT, "evaluation": np.array([1, 3, 2, 4])},
        r"evaluation\[2\] is 2, not more than the one before it",
    ),
    "a split in pieces": (
        {"correct": CORRECT, "split": np.array(["a", "a", "b", "a", "b"])},
        r"split\[3\] is 'a' again",
    ),
    "splits by number": ({"correct": CORRECT, "split": np.arange(5)}, "split holds int64, not str"),
    "positions twice": (
        {
            "correct": CORRECT,
            "split": np.array(["a", "a", "b", "b", "b"]),
            "position": np.array([0, 1, 0, 1, 1]),
        },
        r"position\[4\] is 1, as one before it",
    ),
    "two labels": (
        {"predicted": np.where(CORRECT, np.arange(4), 5), "correct": CORRECT},
        r"predicted\[0, 0, 3\] is 3 and right, but 0 was right before",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_by_name_and_place(case: str, tmp_path: Path) -> None:
    arrays, message = REFUSED[case]
    with pytest.raises(UsageError, match=f"cannot import theirs.npz: .*{message}"):
        read(saved(tmp_path, **arrays))


def test_correct_must_agree_with_predicted_and_label(tmp_path: Path) -> None:
    correct = CORRECT.copy()
    correct[1, 3, 2] = ~correct[1, 3, 2]
    told = read(saved(tmp_path, predicted=PREDICTED, label=LABEL, correct=correct))
    with pytest.raises(UsageError, match=r"correct\[1, 3, 2\] is .*, but the predicted class is"):
        [settle(outcomes, told.labels, told) for outcomes in told.outcomes()]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    file = saved(tmp_path, correct=np.random.default_rng(0).random((3, 500, 4)) < 0.5)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(UsageError, match=r"cannot import theirs\.npz: it is no complete npz file"):
        read(file)


def test_altered_bytes_are_noticed(tmp_path: Path) -> None:
    correct = np.random.default_rng(0).random((3, 500, 4)) < 0.5
    file = tmp_path / "theirs.npz"
    np.savez(file, correct=correct)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(UsageError, match="array correct cannot be read: Bad CRC-32"):
        read(file)


@pytest.mark.parametrize("fortran", ["True", "False"])
def test_a_header_that_claims_too_much_is_refused(fortran: str, tmp_path: Path) -> None:
    header = f"{{'descr': '|b1', 'fortran_order': {fortran}, 'shape': (9, 1000000000, 9)}}"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(100)
    with zipfile.ZipFile(tmp_path / "theirs.npz", "w") as archive:
        archive.writestr("correct.npy", data)
    with pytest.raises(UsageError, match="array correct is cut short"):
        read(tmp_path / "theirs.npz")


@pytest.mark.parametrize("data", [b"", b"nonsense" * 50, b"\x93NUMPY\x09\x00"])
def test_an_array_that_is_none_is_refused(data: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "theirs.npz", "w") as archive:
        archive.writestr("correct.npy", data)
    with pytest.raises(UsageError, match="array correct cannot be read"):
        read(tmp_path / "theirs.npz")


def test_files_are_told_by_their_names(tmp_path: Path) -> None:
    names = {"a.npz": "npz", "a.PARQUET": "parquet", "a.pkl": "forgetting",
             "dynamics_epoch_3.jsonl": "cartography"}  # fmt: skip
    assert {name: choose_format([tmp_path / name]) for name in names} == names
    assert choose_format([tmp_path / "a.dat"], "npz") == "npz"
    with pytest.raises(UsageError, match=r"a\.dat cannot .* npz, parquet, cartography, forgetting"):
        choose_format([tmp_path / "a.dat"])
    with pytest.raises(UsageError, match="unknown format 'zip': choose one of npz, parquet"):
        choose_format([tmp_path / "a.npz"], "zip")


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    file = saved(tmp_path, correct=CORRECT)
    with pytest.raises(UsageError, match=r"no file .*nothing\.npz"):
        read(tmp_path / "nothing.npz")
    with pytest.raises(UsageError, match="is a folder: give a file of format npz"):
        read_trajectories([tmp_path], "npz", Options())
    with pytest.raises(UsageError, match="format npz is one file an ensemble, got 2"):
        read_trajectories([file, file], "npz", Options())
    with pytest.raises(UsageError, match="--first-evaluation must be from 0 to 1000000, got -1"):
        read(file, first_evaluation=-1)
    with pytest.raises(UsageError, match="'' cannot name a split"):
        read(file, split="")
    with pytest.raises(UsageError, match="more than 1000000"):
        read(file, first_evaluation=1_000_000)


def claiming(folder: Path, shape: tuple[int, ...], kind: str = "|b1") -> Path:
    """A small file whose `correct` has this shape; the bytes that are said to follow do not."""
    file = folder / "huge.npz"
    with zipfile.ZipFile(file, "w") as archive, archive.open("correct.npy", "w") as member:
        header = {"descr": kind, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, header)
    return file


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 50_000_001, 1), "correct has 50,000,001 examples: at most 50,000,000 are read"),
        ((1_000_001, 1, 1), "correct has 1,000,001 runs: at most 1,000,000 are read"),
        ((1, 1, 1_000_002), "correct has 1,000,002 evaluations: at most 1,000,001 are read"),
        ((1, 50_000_000, 100), "one run of correct is 5,000,000,000 bytes: at most 4,294,967,296"),
    ],
)
def test_what_no_memory_would_hold_is_refused_before_it_is_read(
    shape: tuple[int, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = claiming(tmp_path, shape)
    # As in a file of as many zeros, of which a thousand take a byte.
    with monkeypatch.context() as patch:
        patch.setattr(npz_archive.math, "prod", lambda _: 0)
        with pytest.raises(UsageError, match=message):
            read(file)


def test_an_array_that_has_to_be_read_whole_is_bounded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz_archive, "MAX_BYTES", 100)
    with pytest.raises(UsageError, match=r"correct is 120 bytes, and at most 100 .* C order"):
        read(saved(tmp_path, correct=np.asfortranarray(np.zeros((6, 5, 4), np.bool_))))
    assert read(saved(tmp_path, correct=np.zeros((6, 5, 4), np.bool_))).size == 5
    with pytest.raises(UsageError, match=r"array label is 400 bytes"):
        read(saved(tmp_path, correct=np.zeros((1, 50, 2), np.bool_), label=np.zeros(50, np.int64)))


def test_too_little_memory_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(npz, "survey", exhausted)
    with pytest.raises(UsageError, match=r"theirs\.npz: it needs more memory than this machine"):
        read(saved(tmp_path, correct=CORRECT))


def numbered(runs: int, last: int) -> Trajectories:
    return Trajectories(
        splits={},
        num_classes=0,
        runs=[ImportedRun(seed, (last,)) for seed in range(runs)],
        outcomes=lambda: iter(()),
        place=lambda *_: "",
        what="theirs",
        has_correct=True,
        has_predicted=False,
    )


def test_sums_over_runs_fit_into_four_bytes() -> None:
    check_numbers(numbered(2048, 1_000_000))
    check_numbers(numbered(1, 1_000_000))
    # One more than 2^16 - 1 has 17 planes, since all ones stand for "never".
    check_numbers(numbered(2**15, 2**16 - 2))
    with pytest.raises(UsageError, match="at most 16384 runs"):
        check_numbers(numbered(2**15, 2**16 - 1))
    with pytest.raises(UsageError, match=r"2049 runs with evaluations up to 1000000 .* 2048 runs"):
        check_numbers(numbered(2049, 1_000_000))
    with pytest.raises(UsageError, match="would be numbered 1000001: more than 1000000"):
        check_numbers(numbered(1, 1_000_001))
