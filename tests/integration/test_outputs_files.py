"""Final softmax outputs in npz archives: exported, and imported again as they were."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from tests.support.ensembles import Story, block_size, dataset_of, record
from tracker.analysis import analyze
from tracker.errors import UsageError
from tracker.exports import export, npz
from tracker.imports import import_ensemble, target
from tracker.outcomes.reader import CorruptOutcomesError
from tracker.registry import register_dataset
from tracker.verification import verify

pytestmark = pytest.mark.embedded_only

RUNS, EXAMPLES, CLASSES = 3, 29, 5
OUTPUTS = np.random.default_rng(0).dirichlet(np.full(CLASSES, 0.5), (RUNS, EXAMPLES))
STORY = Story(
    # Blocks of 8: train is 0 to 2, test 3 and 4.
    sizes={"train": 19, "test": 10},
    num_classes=CLASSES,
    labels=np.arange(EXAMPLES) % CLASSES,
    predicted=np.repeat(OUTPUTS.argmax(2)[:, :, None], 3, axis=2),
    recorded=[[1, 2]] * RUNS,
    outputs=OUTPUTS.astype(np.float32),
    name="ours",
    dataset="data",
)


@pytest.fixture(autouse=True)
def _small_blocks() -> Iterator[None]:
    with block_size(8):
        yield


def recorded(engine: Engine, story: Story) -> None:
    with engine.begin() as connection:
        record(connection, story)


def exported(engine: Engine, name: str, folder: Path) -> Path:
    file = folder / f"{name}.npz"
    with file.open("wb") as stream:
        export(engine, name, "outcome", "npz", stream)
    return file


def stored(engine: Engine, name: str) -> list[Any]:
    """All that is stored of an ensemble's outputs."""
    query = text(
        "SELECT seed, block, evaluation, array_send(value) AS value FROM output_block "
        "INNER JOIN run ON run_id = run.id INNER JOIN ensemble ON ensemble_id = ensemble.id "
        "WHERE name = :name ORDER BY seed, block"
    )
    with engine.connect() as connection:
        return [(*row[:3], bytes(row.value)) for row in connection.execute(query, {"name": name})]


def scores(engine: Engine, name: str) -> list[Any]:
    analyze(engine, name, "ensemble-agreement")
    query = text(
        "SELECT split, position, ensemble_agreement, decile, runs FROM ensemble_agreement "
        "WHERE ensemble = :name ORDER BY example_id"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"name": name})]


def without(engine: Engine, name: str, seeds: list[int]) -> None:
    """Forget the outputs of these runs, as if they had been imported without."""
    with engine.begin() as connection:
        of_runs = (
            "SELECT run.id FROM run INNER JOIN ensemble ON ensemble_id = ensemble.id "
            "WHERE name = :name AND seed = ANY(:seeds)"
        )
        connection.execute(
            text(f"DELETE FROM output_block WHERE run_id IN ({of_runs})"),
            {"name": name, "seeds": seeds},
        )


@pytest.mark.parametrize("most", [2**22, 7])
def test_the_array_is_runs_by_examples_by_classes(
    engine: Engine, tmp_path: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "READ_NUMBERS", most)
    recorded(engine, STORY)
    with np.load(exported(engine, "ours", tmp_path), allow_pickle=False) as arrays:
        assert arrays["outputs"].dtype == np.float32
        np.testing.assert_array_equal(arrays["outputs"], STORY.outputs)
        assert "has_outputs" not in arrays


def test_nothing_is_said_of_what_no_run_recorded(engine: Engine, tmp_path: Path) -> None:
    recorded(engine, replace(STORY, outputs=None))
    with np.load(exported(engine, "ours", tmp_path)) as arrays:
        assert not {"outputs", "has_outputs"} & set(arrays)


def test_progress_ends_at_the_rows(engine: Engine) -> None:
    recorded(engine, STORY)
    seen: list[float] = []
    rows = export(engine, "ours", "outcome", "npz", io.BytesIO(), advance=seen.append)
    assert sum(seen) == pytest.approx(rows)


@pytest.mark.parametrize("dataset", ["data", None])
def test_what_is_exported_is_imported_again_as_it_was(
    engine: Engine, tmp_path: Path, dataset: str | None
) -> None:
    recorded(engine, STORY)
    import_ensemble(engine, [exported(engine, "ours", tmp_path)], "again", dataset=dataset)
    assert stored(engine, "again") == stored(engine, "ours")
    assert len(stored(engine, "again")) == RUNS * 5
    found = verify(engine, "again")
    assert (found.problems, found.output_blocks) == ([], RUNS * 5)
    assert scores(engine, "again") == scores(engine, "ours")


def test_what_is_no_number_comes_back(engine: Engine, tmp_path: Path) -> None:
    outputs = OUTPUTS.astype(np.float32)
    outputs[1] = np.nan
    recorded(engine, replace(STORY, outputs=outputs))
    import_ensemble(engine, [exported(engine, "ours", tmp_path)], "again", dataset="data")
    assert stored(engine, "again") == stored(engine, "ours")
    assert scores(engine, "again") == scores(engine, "ours")


def test_no_number_beside_numbers_leaves_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    """In the last run: those before it are imported by then."""
    recorded(engine, STORY)
    file = exported(engine, "ours", tmp_path)
    with np.load(file) as archive:
        arrays = dict(archive)
    arrays["outputs"][RUNS - 1, 3, 0] = np.nan
    np.savez(file, **arrays)
    place = rf"outputs\[{RUNS - 1}, 3\] is no probability a class: .* got nan beside numbers"
    with pytest.raises(UsageError, match=f"cannot import ours.npz: {place}"):
        import_ensemble(engine, [file], "again", dataset="data")
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT name FROM ensemble")).all() == ["ours"]
    assert stored(engine, "again") == []


def test_some_runs_have_none(engine: Engine, tmp_path: Path) -> None:
    recorded(engine, STORY)
    without(engine, "ours", [1])
    file = exported(engine, "ours", tmp_path)
    with np.load(file) as arrays:
        assert arrays["has_outputs"].tolist() == [True, False, True]
        assert np.isnan(arrays["outputs"][1]).all()
        np.testing.assert_array_equal(arrays["outputs"][[0, 2]], STORY.outputs[[0, 2]])
    import_ensemble(engine, [file], "again", dataset="data")
    assert stored(engine, "again") == stored(engine, "ours")
    assert verify(engine, "again").problems == []
    assert scores(engine, "again") == scores(engine, "ours")


def test_outputs_that_an_import_has_lost_are_missed(engine: Engine, tmp_path: Path) -> None:
    recorded(engine, STORY)
    import_ensemble(engine, [exported(engine, "ours", tmp_path)], "again")
    without(engine, "again", [1])
    problems = [str(problem) for problem in verify(engine, "again").problems]
    assert problems == ["run seed 1: outputs are missing"]


def test_damaged_outputs_end_the_export(engine: Engine, tmp_path: Path) -> None:
    recorded(engine, STORY)
    with engine.begin() as connection:
        connection.execute(text("UPDATE output_block SET value = value[1:39] WHERE block = 3"))
    with pytest.raises(CorruptOutcomesError, match=r"outputs of block 3 .*tracker verify"):
        exported(engine, "ours", tmp_path)


def saved(folder: Path, **arrays: NDArray[Any]) -> Path:
    file = folder / "theirs.npz"
    np.savez(file, predicted=STORY.predicted[:, :19, 1:], **arrays)
    return file


def test_a_split_alone(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        register_dataset(connection, dataset_of(STORY))
    file = saved(tmp_path, outputs=OUTPUTS[:, :19])
    import_ensemble(engine, [file], "theirs", dataset="data")
    assert verify(engine, "theirs").problems == []
    assert len(scores(engine, "theirs")) == 19


def test_other_classes_than_the_datasets_are_refused(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        register_dataset(connection, dataset_of(STORY))
    file = saved(tmp_path, outputs=np.pad(OUTPUTS[:, :19], ((0, 0), (0, 0), (0, 1))))
    with pytest.raises(UsageError, match=r"outputs are of 6 classes, dataset 'data' has 5$"):
        import_ensemble(engine, [file], "theirs", dataset="data")
    narrow = np.full((RUNS, 19, 2), 0.5)
    wide = STORY.predicted[:, :19, 1:].copy()
    wide[:, :, -1] = 0
    wide[0, 0, 0] = 4
    np.savez(file, predicted=wide, label=np.zeros(19, int), outputs=narrow)
    with pytest.raises(UsageError, match=r"outputs are of 2 classes, dataset 'theirs' has 5$"):
        import_ensemble(engine, [file], "theirs")


def test_a_class_of_unknown_ones_has_no_output(engine: Engine, tmp_path: Path) -> None:
    right = np.zeros((RUNS, 19, 2), bool)
    file = saved(tmp_path, correct=right, outputs=OUTPUTS[:, :19])
    with pytest.raises(UsageError, match="it has outputs, but not the label of every example"):
        import_ensemble(engine, [file], "theirs")


def test_more_than_a_field_holds_is_refused(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "MAX_OUTPUTS", 39)
    file = saved(tmp_path, outputs=OUTPUTS[:, :19], label=STORY.labels[:19])
    with pytest.raises(UsageError, match=r"outputs of 5 classes are 40 numbers .* at most 39"):
        import_ensemble(engine, [file], "theirs")
