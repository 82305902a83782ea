"""Softmax outputs of npz archives: what is read of them, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tracker.errors import UsageError
from tracker.imports import npz_runs, read_trajectories
from tracker.imports.trajectories import Options, Trajectories

RUNS, EXAMPLES, EVALUATIONS, CLASSES = 3, 5, 4, 3
RNG = np.random.default_rng(0)
OUTPUTS = RNG.dirichlet(np.ones(CLASSES), (RUNS, EXAMPLES))
PREDICTED = RNG.integers(0, CLASSES, (RUNS, EXAMPLES, EVALUATIONS))
PREDICTED[:, :, -1] = OUTPUTS.argmax(2)
LABEL = np.arange(EXAMPLES) % CLASSES


def read(folder: Path, **changes: Any) -> Trajectories:
    file = folder / "theirs.npz"
    arrays = {"predicted": PREDICTED, "label": LABEL, "outputs": OUTPUTS} | changes
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    return read_trajectories([file], "npz", Options())


def outputs_of(told: Trajectories) -> dict[tuple[int, int], NDArray[np.float32]]:
    """Outputs by run and evaluation, where there are any."""
    return {
        (each.run, each.evaluation): each.outputs
        for each in told.outcomes()
        if each.outputs is not None
    }


def changed(place: tuple[int, ...], value: float) -> NDArray[np.floating]:
    outputs = OUTPUTS.copy()
    outputs[place] = value
    return outputs


@pytest.mark.parametrize("kind", ["float16", "float32", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_they_are_of_the_last_evaluation(tmp_path: Path, kind: str, order: str) -> None:
    array = np.asarray(OUTPUTS.astype(kind), order=order)  # type: ignore[call-overload]
    told = read(tmp_path, outputs=array)
    found = outputs_of(told)
    assert list(found) == [(run, EVALUATIONS) for run in range(RUNS)]
    np.testing.assert_array_equal(np.array(list(found.values())), array.astype(np.float32))
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    assert (told.output_classes, told.all_outputs) == (CLASSES, True)


def test_classes_that_nobody_predicts_are_counted(tmp_path: Path) -> None:
    wide = np.pad(OUTPUTS, ((0, 0), (0, 0), (0, 4)))
    assert read(tmp_path, outputs=wide).num_classes == CLASSES + 4


def test_some_runs_have_none(tmp_path: Path) -> None:
    has = np.array([True, False, True])
    nothing = np.where(has[:, None, None], OUTPUTS, np.nan)
    told = read(tmp_path, outputs=nothing, has_outputs=has)
    assert [run for run, _ in outputs_of(told)] == [0, 2]
    assert (told.output_classes, told.all_outputs) == (CLASSES, False)
    told = read(tmp_path, outputs=nothing, has_outputs=has & False)
    assert outputs_of(told) == {}
    assert (told.output_classes, told.all_outputs) == (None, False)


def test_a_run_that_diverged_has_no_numbers(tmp_path: Path) -> None:
    told = read(tmp_path, outputs=changed((1,), np.nan))
    assert np.isnan(outputs_of(told)[1, EVALUATIONS]).all()
    assert told.all_outputs


def test_an_example_of_a_run_has_no_numbers(tmp_path: Path) -> None:
    """The examples around it keep theirs, to the bit."""
    array = changed((1, 2), np.nan).astype(np.float32)
    told = read(tmp_path, outputs=array)
    np.testing.assert_array_equal(np.array(list(outputs_of(told).values())), array)


def test_right_and_wrong_alone_may_have_them(tmp_path: Path) -> None:
    told = read(tmp_path, predicted=None, correct=LABEL[None, :, None] == PREDICTED)
    assert len(outputs_of(told)) == RUNS


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a sum": (
        {"outputs": changed((1, 2, 0), 9)},
        r"outputs\[1, 2\] is no probability a class: .* got the sum 9\.",
    ),
    "a negative one": (
        {"outputs": np.full((RUNS, EXAMPLES, CLASSES), [-0.25, 1.25, 0])},
        r"outputs\[0, 0\] is no probability a class: from 0 on, with the sum 1, got -0\.25$",
    ),
    "infinite": ({"outputs": changed((0, 4, 1), np.inf)}, r"outputs\[0, 4\] is no probability"),
    "beyond single precision": ({"outputs": changed((0, 4, 1), 1e300)}, r"outputs\[0, 4\] is no"),
    "nan beside numbers": (
        {"outputs": changed((1, 2, 0), np.nan)},
        r"outputs\[1, 2\] is no probability a class: .* got nan beside numbers$",
    ),
    "nan in a row that is wrong besides": (
        {"outputs": np.where(np.arange(CLASSES) == 1, np.nan, changed((2, 4), -9.0))},
        r"outputs\[0, 0\] is no probability a class: .* got nan beside numbers$",
    ),
    "nan beside what is infinite": (
        {"outputs": np.where(np.arange(CLASSES) == 1, np.nan, changed((0, 0), np.inf))},
        r"outputs\[0, 0\] is no probability a class: .* got nan beside numbers$",
    ),
    "infinite both ways": (
        {"outputs": np.full((RUNS, EXAMPLES, CLASSES), [np.inf, -np.inf, 0])},
        r"outputs\[0, 0\] is no probability a class: .* got -inf$",
    ),
    "another class": (
        {"outputs": np.roll(OUTPUTS, 1, 2)},
        rf"outputs\[0, 0, {(PREDICTED[0, 0, -1] + 1) % CLASSES}\] is the largest, but the "
        rf"predicted class is {PREDICTED[0, 0, -1]}",
    ),
    "another number of examples": (
        {"outputs": OUTPUTS[:, 1:]},
        r"\(3, 5, classes\), got .*3, 4, 3",
    ),
    "of every evaluation": (
        {"outputs": np.stack([OUTPUTS] * EVALUATIONS, 2)},
        r"outputs must be runs x examples x classes, .* got shape \(3, 5, 4, 3\)",
    ),
    "no class": ({"outputs": OUTPUTS[:, :, :0]}, "outputs is of 0 classes: from 1 to 65,536"),
    "words": ({"outputs": OUTPUTS.astype(str)}, "array outputs holds <U"),
    "a run neither with nor without": (
        {"has_outputs": np.array([0, 2, 1])},
        r"has_outputs\[1\] is 2, neither 0 \(none recorded\) nor 1 \(recorded\)",
    ),
    "too many runs": ({"has_outputs": np.ones(4, bool)}, r"has_outputs must have shape \(3,\)"),
    "runs with what is not there": (
        {"outputs": None, "has_outputs": np.ones(3, bool)},
        "it has an array has_outputs, but no array outputs",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_by_name_and_place(case: str, tmp_path: Path) -> None:
    changes, message = REFUSED[case]
    with pytest.raises(UsageError, match=f"cannot import theirs.npz: .*{message}"):
        read(tmp_path, **changes)


def test_a_run_with_its_outputs_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_outcomes, of_outputs = EXAMPLES * EVALUATIONS * 8, EXAMPLES * CLASSES * 8
    monkeypatch.setattr(npz_runs, "MAX_BYTES", of_outcomes + of_outputs)
    assert read(tmp_path).all_outputs
    monkeypatch.setattr(npz_runs, "MAX_BYTES", of_outcomes + of_outputs - 1)
    with pytest.raises(
        UsageError, match=r"one run of predicted, outputs is 280 bytes: at most 279"
    ):
        read(tmp_path)
