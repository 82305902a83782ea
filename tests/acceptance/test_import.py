"""`tracker import` on what other people recorded, by the numbers that their own code gives."""

import json
import pickle
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.acceptance.conftest import Typed

ORACLES = Path(__file__).parents[3] / "shared" / "oracles"
"""Not in the repository: data of other people."""

TONEVA = ORACLES / "toneva_mnist_1000x50.npz"
CUE_CONFLICT = ORACLES / "error_consistency_cue_conflict.npz"

needs_oracles = pytest.mark.skipif(not ORACLES.is_dir(), reason="no oracles on this machine")
pytestmark = pytest.mark.embedded_only


@pytest.fixture
def tracker(typed_tracker: Typed) -> Typed:
    """No test here is of the process: `test_upkeep` imports in one of its own."""
    return typed_tracker


def numbers(tracker: Typed, query: str) -> list[float]:
    (row,) = tracker.sql(query)
    return [float(value) for value in row]


FORGETTING = """
    SELECT sum(forgetting_events), count(*) FILTER (WHERE never_learned),
        count(*) FILTER (WHERE unforgettable), {first_correct}, {last_mistake}
    FROM forgetting WHERE ensemble = 'toneva'
"""

FINAL = """
    SELECT accuracy FROM run_accuracy WHERE ensemble = 'toneva' ORDER BY evaluation DESC LIMIT 1
"""

TONEVA_SAYS = [7021, 21, 0, 9876, 49053]


@needs_oracles
@pytest.mark.parametrize(
    ("first", "first_correct", "last_mistake"),
    [
        # Counted from 1, a last mistake is that script's number as it is.
        (1, "sum(first_correct - 1)", "sum(last_mistake)"),
        # Counted from 0, a first correct is; the last mistake is the presentation before learning,
        # which that script counts from 1.
        (0, "sum(first_correct)", "sum(coalesce(learned, evaluations))"),
    ],
)
def test_forgetting_as_its_authors_count_it(
    tracker: Typed, first: int, first_correct: str, last_mistake: str
) -> None:
    options = () if first == 1 else ("--first-evaluation", str(first))
    done = tracker("import", str(TONEVA), "--name", "toneva", *options)
    assert done == (
        "imported toneva: 1 run, 1,000 train examples, 50,000 outcomes (dataset toneva)\n"
    )
    query = FORGETTING.format(first_correct=first_correct, last_mistake=last_mistake)
    assert numbers(tracker, query) == TONEVA_SAYS
    assert numbers(tracker, FINAL) == [0.370]
    (margin,) = numbers(tracker, "SELECT avg(value) FROM signal WHERE signal = 'margin'")
    assert margin == pytest.approx(-0.355752, abs=5e-7)
    (margin,) = numbers(tracker, "SELECT avg(mean) FROM run_signal WHERE ensemble = 'toneva'")
    assert margin == pytest.approx(-0.355752, abs=5e-7)


@needs_oracles
def test_observers_are_runs(tracker: Typed) -> None:
    tracker("import", str(CUE_CONFLICT), "--name", "cue-conflict")
    with np.load(CUE_CONFLICT, allow_pickle=False) as arrays:
        expected = dict(
            zip(arrays["observer"].tolist(), arrays["correct"].mean(axis=(1, 2)), strict=True)
        )
    rows = tracker.sql(
        "SELECT run.provenance ->> 'run', accuracy, evaluation FROM run_accuracy "
        "INNER JOIN run ON run_accuracy.run_id = run.id ORDER BY run.seed"
    )
    assert [name for name, *_ in rows] == list(expected)
    assert {evaluation for *_, evaluation in rows} == {"1"}
    assert [float(accuracy) for _, accuracy, _ in rows] == pytest.approx(list(expected.values()))
    summary = tracker.json("show", "cue-conflict")
    assert (summary["runs"], summary["info"]["sizes"]) == (35, {"train": 1280})


KAPPA = """
    SELECT a.provenance ->> 'run', b.provenance ->> 'run', kappa
    FROM error_consistency
    INNER JOIN run AS a ON run_a = a.id
    INNER JOIN run AS b ON run_b = b.id
    WHERE ensemble = 'cue-conflict'
"""


@needs_oracles
def test_error_consistency_as_its_authors_compute_it(tracker: Typed) -> None:
    tracker("import", str(CUE_CONFLICT), "--name", "cue-conflict")
    kappas = {frozenset((one, other)): float(kappa) for one, other, kappa in tracker.sql(KAPPA)}
    assert len(kappas) == 35 * 34 / 2

    def mean(pairs: list[frozenset[str]]) -> float:
        return sum(kappas[pair] for pair in pairs) / len(pairs)

    humans = [f"subject-{number:02}" for number in range(1, 11)]
    human_pairs = [frozenset(pair) for pair in combinations(humans, 2)]
    assert len(human_pairs) == 45
    for pair, published in (
        (("resnet50", "cornet-s"), 0.710662),
        (("resnet18", "resnet34"), 0.669885),
        (("subject-01", "subject-02"), 0.356786),
    ):
        assert kappas[frozenset(pair)] == pytest.approx(published, abs=5e-7)
    assert mean(human_pairs) == pytest.approx(0.331052, abs=5e-7)
    with_humans = [frozenset(("resnet50", human)) for human in humans]
    assert mean(with_humans) == pytest.approx(0.067997, abs=5e-7)


NAMES = ("theirs.npz", "theirs.parquet", "theirs.pkl", "epochs")


def files(folder: Path) -> dict[str, Path]:
    """The same run, 3 epochs of 4 examples, as every format tells it."""
    labels, logits = np.array([0, 1, 2, 1]), np.random.default_rng(0).normal(size=(4, 3, 3))
    predicted = logits.argmax(axis=2)
    correct = predicted == labels[:, None]
    made = {
        name: folder / name for name in ("theirs.npz", "theirs.parquet", "theirs.pkl", "epochs")
    }
    np.savez(made["theirs.npz"], predicted=predicted[None], label=labels)
    example, epoch = np.indices(predicted.shape)
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"run": np.zeros(12, int), "example": example.ravel(), "epoch": epoch.ravel() + 1,
               "correct": correct.ravel()}  # fmt: skip
    pq.write_table(pa.table(columns), made["theirs.parquet"])
    statistics = {
        index: [[0.5] * 3, correct[index].astype(int).tolist(), [0.25] * 3] for index in range(4)
    }
    made["theirs.pkl"].write_bytes(pickle.dumps(statistics))
    made["epochs"].mkdir()
    for number in range(3):
        lines = [
            {"guid": index, f"logits_epoch_{number}": logits[index, number].tolist(),
             "gold": int(labels[index])}
            for index in range(4)
        ]  # fmt: skip
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (made["epochs"] / f"dynamics_epoch_{number}.jsonl").write_text(text)
    return made


@pytest.mark.parametrize("label", [None, [2, 0, 1]])
def test_examples_without_a_label_are_told_of(
    tracker: Typed, tmp_path: Path, label: list[int] | None
) -> None:
    """Else the class in its place looks like one of the file's."""
    arrays = {} if label is None else {"label": np.array(label)}
    np.savez(tmp_path / "theirs.npz", correct=np.eye(3, dtype=bool)[None], **arrays)
    done = tracker.run("import", str(tmp_path / "theirs.npz"), "--name", "theirs")
    assert done.returncode == 0
    remark = "3 examples without a label: views show class 0, which is called unknown\n"
    assert (remark in done.stderr) == (label is None)
    labels = tracker.sql(
        "SELECT label FROM example_label WHERE ensemble = 'theirs' ORDER BY position"
    )
    assert [int(value) for (value,) in labels] == (label or [0, 0, 0])


def test_every_format_gives_the_same(tracker: Typed, tmp_path: Path) -> None:
    made = files(tmp_path)
    for number, file in enumerate(made.values()):
        imported = tracker.json(
            "import", str(file), "--name", f"theirs-{number}", "--first-evaluation", "1"
        )
        assert (imported["runs"], imported["outcomes"]) == (1, 12)
    by_ensemble: dict[str, list[Any]] = {}
    for ensemble, *outcome in tracker.sql(
        "SELECT ensemble, position, evaluation, correct FROM outcome ORDER BY 1, 2, 3"
    ):
        by_ensemble.setdefault(ensemble, []).append(outcome)
    assert len(by_ensemble) == len(made)
    assert all(outcomes == by_ensemble["theirs-0"] for outcomes in by_ensemble.values())
    listed = tracker("list")
    assert listed.count("imported") == len(made)
    tracker("show", "theirs-3")
    tracker("status")
    tracker("plot", "tp-agreement", "theirs-0", "--out", str(tmp_path / "plot.png"))
    refused = tracker.run("plot", "learning-order", "theirs-0", "--out", str(tmp_path / "no.png"))
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "was imported without pictures" in refused.stderr


@pytest.mark.parametrize("form", ["parquet", "npz"])
@pytest.mark.parametrize("arrays", ["predicted", "correct"])
def test_what_is_exported_can_be_imported(
    tracker: Typed, tmp_path: Path, arrays: str, form: str
) -> None:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 7, 50)
    values = {
        "predicted": {"predicted": rng.integers(0, 7, (3, 50, 4)), "label": label},
        "correct": {"correct": rng.random((3, 50, 4)) < 0.5},
    }[arrays]
    np.savez(tmp_path / "theirs.npz", **values)
    tracker("import", str(tmp_path / "theirs.npz"), "--name", "first", "--first-evaluation", "0")
    exported = tmp_path / f"exported.{form}"
    tracker("export", "first", "--format", form, "--table", "outcome", "--out", str(exported))
    tracker("import", str(exported), "--name", "second", "--dataset", "first")
    query = """
        SELECT seed, split, position, evaluation, label, correct, predicted FROM outcome
        WHERE ensemble = '{}' ORDER BY 1, 2, 3, 4
    """
    assert tracker.sql(query.format("first")) == tracker.sql(query.format("second"))


def test_what_cannot_be_imported_is_one_line(tracker: Typed, tmp_path: Path) -> None:
    made = files(tmp_path)
    np.savez(tmp_path / "wrong.npz", correct=np.full((2, 3, 4), 2))
    cases = {
        ("import", str(tmp_path / "wrong.npz"), "--name", "a"): (
            "cannot import wrong.npz: correct[0, 0, 0] is 2, neither 0 (wrong) nor 1 (right)"
        ),
        ("import", str(tmp_path / "nothing.npz"), "--name", "a"): "no file",
        ("import", str(made["theirs.npz"])): "--name",
        ("import", "--name", "a"): "'files'",
        ("import", str(made["theirs.npz"]), "--name", "a", "--format", "h5"): (
            "unknown format 'h5': choose one of npz, parquet, cartography, forgetting"
        ),
        ("import", str(made["theirs.npz"]), "--name", "a", "--dataset", "mnits"): "choose one of",
        ("import", str(made["theirs.npz"]), "--name", "mnist5k"): "--dataset mnist5k",
    }
    for arguments, message in cases.items():
        done = tracker.run(*arguments)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""
    assert tracker.sql("SELECT count(*) FROM ensemble") == [["0"]]
    assert tracker.sql("SELECT count(*) FROM dataset") == [["0"]]
