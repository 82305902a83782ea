"""Dataset cartography's training dynamics."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.special import softmax

from tracker.errors import UsageError
from tracker.imports import cartography, choose_format, read_trajectories
from tracker.imports.trajectories import Options, Trajectories

Epochs = Mapping[int, Sequence[tuple[int | str, int, Sequence[float]]]]

EPOCHS: Epochs = {
    0: [("b", 1, [0.0, 2.0, 1.0]), ("a", 2, [3.0, 1.0, 3.0]), ("c", 0, [1.0, 1.0, 1.0])],
    1: [("c", 0, [2.0, 0.0, 0.0]), ("b", 1, [5.0, 0.0, 0.0]), ("a", 2, [0.0, 0.0, 9.0])],
    3: [("a", 2, [0.0, 0.0, 9.0]), ("b", 1, [0.0, 7.0, 0.0]), ("c", 0, [2.0, 0.0, 0.0])],
}


def text(epoch: int, lines: Sequence[tuple[int | str, int, Sequence[float]]]) -> str:
    return "".join(
        json.dumps({"guid": guid, f"logits_epoch_{epoch}": list(logits), "gold": gold}) + "\n"
        for guid, gold, logits in lines
    )


def folder_of(folder: Path, epochs: Epochs) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for epoch, lines in epochs.items():
        (folder / f"dynamics_epoch_{epoch}.jsonl").write_text(text(epoch, lines))
    return folder


def read(*paths: Path, **options: Any) -> Trajectories:
    return read_trajectories(paths, choose_format(paths), Options(**options))


def test_what_the_logits_say(tmp_path: Path) -> None:
    told = read(folder_of(tmp_path, EPOCHS))
    examples = told.splits["train"]
    assert examples.ids == ["a", "b", "c"]
    np.testing.assert_array_equal(examples.labels, [2, 1, 0])
    assert told.num_classes == 3
    assert [run.evaluations for run in told.runs] == [(1, 2, 4)]
    first, second, third = told.outcomes()
    # Of equal logits the lowest class is predicted.
    np.testing.assert_array_equal(first.predicted, [0, 1, 0])
    np.testing.assert_array_equal(second.predicted, [2, 0, 0])
    np.testing.assert_array_equal(third.predicted, [2, 1, 0])
    np.testing.assert_allclose(first.signals["margin"], [0, 1, 0])
    np.testing.assert_allclose(second.signals["margin"], [9, -5, 2])
    np.testing.assert_allclose(
        first.signals["confidence"],
        [1 / (2 + np.exp(-2)), 1 / (1 + np.exp(-2) + np.exp(-1)), 1 / 3],
        rtol=1e-6,
    )


@given(
    arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 6)),
           elements=st.floats(-1e4, 1e4)),
    st.data(),
)  # fmt: skip
def test_scores_are_those_of_scipy(logits: NDArray[np.float64], data: st.DataObject) -> None:
    examples, classes = logits.shape
    labels = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=examples,
                                         max_size=examples)))  # fmt: skip
    predicted, confidence, margin = cartography.score(logits, labels)
    np.testing.assert_array_equal(predicted, np.argmax(logits, axis=1))
    rows = np.arange(examples)
    np.testing.assert_allclose(confidence, softmax(logits, axis=1)[rows, labels], atol=1e-12)
    for row in rows:
        others = np.delete(logits[row], labels[row])
        expected = logits[row, labels[row]] - (others.max() if len(others) else 0)
        assert margin[row] == pytest.approx(expected)


def test_it_is_the_same_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path, EPOCHS)
    whole = list(read(folder).outcomes())
    monkeypatch.setattr(cartography, "CHUNK", 2)
    for one, other in zip(whole, read(folder).outcomes(), strict=True):
        np.testing.assert_array_equal(one.predicted, other.predicted)
        np.testing.assert_array_equal(one.signals["margin"], other.signals["margin"])


def test_a_models_folder_and_the_files_themselves(tmp_path: Path) -> None:
    inner = folder_of(tmp_path / "model" / "training_dynamics", EPOCHS)
    whole = [each.evaluation for each in read(tmp_path / "model").outcomes()]
    files = sorted(inner.iterdir(), reverse=True)
    assert whole == [1, 2, 4] == [each.evaluation for each in read(*files).outcomes()]
    assert [each.evaluation for each in read(files[1], files[0]).outcomes()] == [2, 4]
    assert [each.evaluation for each in read(*files, first_evaluation=0).outcomes()] == [0, 1, 3]


def test_folders_are_runs(tmp_path: Path) -> None:
    one, two = folder_of(tmp_path / "one", EPOCHS), folder_of(tmp_path / "two", {0: EPOCHS[0]})
    told = read(one, two)
    assert [(run.seed, run.name) for run in told.runs] == [(0, "one"), (1, "two")]
    assert [(each.run, each.evaluation) for each in told.outcomes()] == [
        (0, 1), (0, 2), (0, 4), (1, 1),
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"folders .* or the files of one run, not both"):
        read(one, two / "dynamics_epoch_0.jsonl")


def test_numbers_stand_in_their_order(tmp_path: Path) -> None:
    lines: list[tuple[int | str, int, list[float]]] = [
        (guid, 0, [0.0, 1.0]) for guid in ("10", "9", "x", "100")
    ]
    assert read(folder_of(tmp_path, {0: lines})).splits["train"].ids == ["9", "10", "100", "x"]


def line(**fields: object) -> str:
    """A line of epoch 1, wrong in some way."""
    return json.dumps({"guid": "b", "gold": 1, "logits_epoch_1": [5.0, 0.0, 0.0]} | fields)


REFUSED = {
    "no JSON": ('{"guid": "b", ', r"line 2 is no JSON \("),
    "no object": ("[1, 2]", "line 2 must have guid, logits_epoch_1 and gold, has list"),
    "another epoch": (
        json.dumps({"guid": "b", "gold": 1, "logits_epoch_2": [5.0, 0.0, 0.0]}),
        "line 2 must have guid, logits_epoch_1 and gold, has guid, gold, logits_epoch_2",
    ),
    "no guid": (line(guid=None), "line 2 has the guid None, neither integer nor string"),
    "a gold of text": (line(gold="1"), "line 2 has the gold label '1', not a class"),
    "another gold": (line(gold=0), "line 2 has the gold label 0, the first epoch has 1"),
    "gold without logit": (line(gold=3), "line 2 has no list of logits in logits_epoch_1"),
    "fewer logits": (line(logits_epoch_1=[1.0, 2.0]), "line 2 has 2 logits, the first line has 3"),
    "a logit of text": (line(logits_epoch_1=[1.0, "x", 2.0]), "line 2 has a logit that is no num"),
    "no logit": (line(logits_epoch_1=[1.0, None, 2.0]), "line 2 has a logit that is no number"),
    "a list as logit": (line(logits_epoch_1=[1.0, [2], 2.0]), "line 2 has a logit that is no num"),
    "NaN": (line(logits_epoch_1=[1.0, float("nan"), 2.0]), "line 2 has the logit nan"),
    "infinity": (line(logits_epoch_1=[1.0, float("inf"), 2.0]), "line 2 has the logit inf"),
    "a huge integer": (line(logits_epoch_1=[1, 10**400, 2]), "line 2 has a logit that is no num"),
    "an unknown guid": (line(guid="d"), "line 2 has the guid 'd', which the first epoch has not"),
    "a guid twice": (line(guid="c", gold=0), "line 2 has the guid 'c', as a line before it"),
    "a guid missing": ("", "guid 'b' is missing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_line_is_refused_by_number(case: str, tmp_path: Path) -> None:
    wrong, message = REFUSED[case]
    folder = folder_of(tmp_path, EPOCHS)
    file = folder / "dynamics_epoch_1.jsonl"
    lines = file.read_text().splitlines()
    lines[1] = wrong
    file.write_text("\n".join(lines))
    told = read(folder)
    with pytest.raises(UsageError, match=rf"cannot import dynamics_epoch_1\.jsonl: {message}"):
        list(told.outcomes())


def test_a_wrong_first_epoch_is_refused_at_once(tmp_path: Path) -> None:
    doubled = {0: [*EPOCHS[0], EPOCHS[0][1]]}
    with pytest.raises(UsageError, match="line 4 has the guid 'a', as a line before it"):
        read(folder_of(tmp_path / "doubled", doubled))
    with pytest.raises(UsageError, match=r"dynamics_epoch_0\.jsonl: it is empty"):
        read(folder_of(tmp_path / "empty", {0: []}))


def test_epochs_twice_or_none(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "run", EPOCHS)
    (folder / "dynamics_epoch_01.jsonl").write_text("")
    with pytest.raises(UsageError, match="epoch 1 is there twice: dynamics_epoch_01"):
        read(folder)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UsageError, match=r"no dynamics_epoch_N\.jsonl is in this folder"):
        read_trajectories([tmp_path / "nothing"], "cartography", Options())
    (tmp_path / "other.jsonl").write_text("")
    with pytest.raises(UsageError, match=r"the name must be dynamics_epoch_N\.jsonl"):
        read_trajectories([tmp_path / "other.jsonl"], "cartography", Options())
