"""Parquet rows: what is read of them, in any order, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import UsageError
from tracker.imports import parquet, parquet_survey, parquet_table, read_trajectories
from tracker.imports.trajectories import Options, Trajectories


def read(file: Path, **options: Any) -> Trajectories:
    return read_trajectories([file], "parquet", Options(**options))


def saved(folder: Path, columns: dict[str, Any], **options: Any) -> Path:
    file = folder / "rows.parquet"
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, file, **options)
    return file


def grid(runs: int = 2, examples: int = 3, evaluations: int = 2) -> dict[str, Any]:
    """Every run, example and evaluation once; right and wrong by turns."""
    run, example, evaluation = (
        part.reshape(-1) for part in np.indices((runs, examples, evaluations))
    )
    return {
        "run": run,
        "example": example,
        "evaluation": evaluation + 1,
        "correct": (run + example + evaluation) % 2 == 0,
    }


@given(
    seed=st.integers(0, 10_000),
    runs=st.integers(1, 3),
    sizes=st.dictionaries(st.sampled_from(["train", "test", "other"]), st.integers(1, 9),
                          min_size=1),
    row_group_size=st.integers(1, 200),
    room=st.integers(1, 200),
    batch=st.integers(1, 50),
    dictionary=st.booleans(),
    text_runs=st.booleans(),
    numbered=st.booleans(),
)  # fmt: skip
def test_rows_in_any_order_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    runs: int,
    sizes: dict[str, int],
    row_group_size: int,
    room: int,
    batch: int,
    dictionary: bool,
    text_runs: bool,
    numbered: bool,
) -> None:
    """As exports of the view `outcome` are: gaps, runs of unequal length, several splits."""
    rng = np.random.default_rng(seed)
    splits = [split for split, size in sizes.items() for _ in range(size)]
    positions = np.concatenate([np.arange(size) for size in sizes.values()])
    labels = rng.integers(0, 300, len(splits))
    recorded = [sorted(rng.choice(6, rng.integers(1, 7), replace=False)) for _ in range(runs)]
    names = [f"net-{run}" for run in range(runs)] if text_runs else [3 * run for run in range(runs)]
    truth, rows = {}, []
    for run in range(runs):
        for evaluation in recorded[run]:
            predicted = np.where(rng.random(len(splits)) < 0.5, labels, 299 - labels)
            margin = rng.normal(size=len(splits)).astype(np.float32)
            truth[run, int(evaluation)] = predicted, margin
            for example, split in enumerate(splits):
                rows.append((names[run], split, positions[example], example, evaluation,
                             labels[example], predicted[example], margin[example]))  # fmt: skip
    rng.shuffle(rows)  # type: ignore[arg-type]
    columns = dict(
        zip(("run", "split", "position", "example_id", "evaluation", "label", "predicted",
             "margin"), map(list, zip(*rows, strict=True)), strict=True)
    )  # fmt: skip
    columns["ensemble"] = ["theirs"] * len(rows)
    if not numbered:
        del columns["example_id"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROOM", room)
        patch.setattr(parquet_table, "BATCH", batch)
        patch.setattr(parquet_survey, "MERGE_AT", batch)
        file = saved(tmp_path_factory.mktemp("parquet"), columns, row_group_size=row_group_size,
                     use_dictionary=dictionary)  # fmt: skip
        told = read(file)
        outcomes = list(told.outcomes())
    order = list(sizes) if numbered else sorted(sizes, key=lambda split: (split != "train", split))
    assert {split: part.size for split, part in told.splits.items()} == sizes
    assert list(told.splits) == order
    assert [run.evaluations for run in told.runs] == [tuple(each) for each in recorded]
    assert [run.name for run in told.runs] == (names if text_runs else [None] * runs)
    assert [run.seed for run in told.runs] == (list(range(runs)) if text_runs else names)
    assert all(part.ids is None for part in told.splits.values())
    place = np.concatenate([np.flatnonzero(np.array(splits) == split) for split in order])
    assert told.labels is not None
    np.testing.assert_array_equal(told.labels, labels[place])
    assert [(each.run, each.evaluation) for each in outcomes] == list(truth)
    for each in outcomes:
        predicted, margin = truth[each.run, each.evaluation]
        assert each.correct is None
        np.testing.assert_array_equal(each.predicted, predicted[place])
        np.testing.assert_array_equal(each.signals["margin"], margin[place])
    assert told.num_classes == 1 + max(labels.max(), *(p.max() for p, _ in truth.values()))


def test_examples_by_name_and_epochs(tmp_path: Path) -> None:
    columns = grid()
    columns["example"] = np.array(["b", "a", "c"])[columns["example"]]
    columns["epoch"] = columns.pop("evaluation").astype(float)
    columns["seed"] = columns.pop("run") + 5
    columns["note"] = ["x"] * 12
    told = read(saved(tmp_path, columns), split="test", first_evaluation=0)
    assert told.splits["test"].ids == ["a", "b", "c"]
    assert [run.seed for run in told.runs] == [5, 6]
    assert told.ignored == ("note",)
    assert told.num_classes == 0
    first, *_ = told.outcomes()
    assert first.evaluation == 0
    np.testing.assert_array_equal(first.correct, [False, True, True])


def test_some_positions_of_a_split(tmp_path: Path) -> None:
    columns = grid()
    columns["position"] = columns.pop("example") * 10 + 7
    columns["split"] = ["test"] * 12
    assert read(saved(tmp_path, columns)).splits["test"].ids == [7, 17, 27]


def test_columns_of_nothing_are_none(tmp_path: Path) -> None:
    """Ensembles that were imported as right and wrong have no predicted classes."""
    told = read(saved(tmp_path, grid() | {"predicted": pa.nulls(12, pa.int32()),
                                          "label": pa.nulls(12)}))  # fmt: skip
    assert (told.has_predicted, told.has_labels, told.has_correct) == (False, False, True)


def test_labels_follow_from_right_predictions(tmp_path: Path) -> None:
    columns = grid(2, 3, 2)
    columns["correct"] &= columns["example"] != 1
    columns["predicted"] = np.where(columns["correct"], columns["example"], 9)
    told = read(saved(tmp_path, columns))
    np.testing.assert_array_equal(told.splits["train"].labels, [0, -1, 2])
    columns["predicted"] = columns["predicted"] + columns["run"] * columns["correct"]
    with pytest.raises(UsageError, match="example 0 is right with the predicted classes 0 and 1"):
        read(saved(tmp_path, columns))


def without(columns: dict[str, Any], row: int) -> dict[str, Any]:
    return {name: np.delete(values, row) for name, values in columns.items()}


def twice(columns: dict[str, Any], row: int, at: int) -> dict[str, Any]:
    return {name: np.insert(values, at, values[row]) for name, values in columns.items()}


def put(columns: dict[str, Any], name: str, row: int, value: Any) -> dict[str, Any]:
    values = list(columns[name])
    values[row] = value
    return columns | {name: values}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "missing": (without(grid(), 7), "run 1, example 0, evaluation 2 is missing"),
    "doubled": (twice(grid(), 3, 4), "run 0, example 1, evaluation 2 is there twice"),
    "doubled far away": (twice(grid(), 3, 12), "run 0, example 1, evaluation 2 is there twice"),
    "doubled and missing": (
        put(grid(), "example", 6, 1),
        "run 1, example 1, evaluation 1 is there twice",
    ),
    "no runs": ({"seeds": [0], "example": [0], "evaluation": [1], "correct": [True]},
                "it has no column run or seed or run_id; it has seeds, example"),
    "no outcomes": ({"run": [0], "example": [0], "evaluation": [1], "rigth": [True]},
                    "it has no column correct or predicted"),
    "no examples": ({"run": [0], "evaluation": [1], "correct": [True]},
                    "it has no column example_id or example or position"),
    "no evaluations": ({"run": [0], "example": [0], "correct": [True]},
                       "it has no column evaluation or epoch"),
    "no rows": ({name: values[:0] for name, values in grid().items()}, "it has no rows"),
    "NULL": (put(grid(), "correct", 5, None), "correct is NULL in row 5"),
    "no run": (put(grid(), "run", 2, None), "run is NULL in row 2"),
    "2": (put(grid(), "correct", 5, 2) | {"correct": [0, 1, 0, 1, 0, 2, 0, 1, 0, 1, 0, 1]},
          "correct in row 5 is 2, neither 0"),
    "text": (grid() | {"correct": ["yes"] * 12}, "column correct holds string"),
    "half an epoch": (put(grid(), "evaluation", 4, 1.5), "evaluation in row 4 is 1.5, not a whole"),
    "a negative epoch": (put(grid(), "evaluation", 4, -1), "evaluation in row 4 is -1, not a"),
    "fractions as names": (put(grid(), "example", 4, 1.5), "column example holds double, not int"),
    "a negative class": (grid() | {"predicted": [0, -3] * 6}, "predicted in row 1 is -3, not a"),
    "NaN": (grid() | {"margin": [0.5] * 11 + [float("nan")]}, "margin in row 11 is nan: a signal"),
    "a signal of some examples": (
        grid() | {"margin": [0.5] * 7 + [None, 0.5, None] + [0.5] * 2},
        "run 1, example 0, evaluation 2 has no margin, which other examples have",
    ),
    "two labels": (grid() | {"predicted": [1] * 12, "label": [0] * 11 + [4]},
                   "example 2 has the labels 0 and 4"),
    "several ensembles": (grid() | {"ensemble": ["a", "b"] * 6},
                          r"it has several ensembles \(a, b\): import one at a time"),
    "a split without a name": (grid() | {"split": [""] * 12}, "'' cannot name a split"),
}  # fmt: skip


@pytest.mark.parametrize("row_group_size", [1, 5, 100])
@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_by_column_and_row(case: str, row_group_size: int, tmp_path: Path) -> None:
    columns, message = REFUSED[case]
    file = saved(tmp_path, columns, row_group_size=row_group_size)
    with pytest.raises(UsageError, match=rf"cannot import rows\.parquet: {message}"):
        list(read(file).outcomes())


def test_a_split_that_the_file_names_itself(tmp_path: Path) -> None:
    file = saved(tmp_path, grid() | {"split": ["train"] * 12})
    with pytest.raises(UsageError, match="its column split names its splits: leave out 'test'"):
        read(file, split="test")


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    file = saved(tmp_path, grid(3, 100, 5))
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(UsageError, match=r"import rows\.parquet: it is no complete Parquet file"):
        read(file)


def test_altered_bytes_are_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, grid(3, 100, 5), compression="zstd")
    data = bytearray(file.read_bytes())
    data[4:60] = bytes(56)
    file.write_bytes(data)
    with pytest.raises(UsageError, match=r"import rows\.parquet: it is no complete Parquet file"):
        list(read(file).outcomes())
