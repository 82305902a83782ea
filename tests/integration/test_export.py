"""Exports say what the views say, row for row, in every format and to every reader."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from tests.support.ensembles import Recorded, Story, block_size, claimed, record, write
from tests.support.strategies import stories
from tests.support.views import PAIR_VIEWS, VIEWS, assert_rows
from tracker import __version__
from tracker.errors import NotFoundError, TrackerError, UsageError
from tracker.exports import FORMATS, export
from tracker.exports.outcomes import outcome_source
from tracker.exports.source import Source
from tracker.exports.subject import find_subject
from tracker.exports.tables import list_tables, view_source
from tracker.outcomes.layout import Layout
from tracker.outcomes.packing import COPY_HEADER, COPY_TRAILER, signal_rows, summary_rows
from tracker.outcomes.reader import CorruptOutcomesError
from tracker.outcomes.signals import SignalSummary

Row = dict[str, Any]

RNG = np.random.default_rng(11)
LABELS = RNG.integers(0, 10, 29)
STORY = Story(
    sizes={"train": 19, "test": 10},
    num_classes=10,
    labels=LABELS,
    predicted=np.where(RNG.random((3, 29, 4)) < 0.5, LABELS[None, :, None], 3),
    recorded=[range(4)] * 3,
    name="told",
)


@pytest.fixture(autouse=True)
def _small_blocks() -> Iterator[None]:
    with block_size(8):
        yield


def source_of(connection: Connection, ensemble: str, table: str) -> Source:
    subject = find_subject(connection, ensemble, complete=False)
    if table == "outcome":
        return outcome_source(connection, subject)
    return view_source(connection, subject, table)


def written(connection: Connection, form: str, ensemble: str, table: str = "outcome") -> io.BytesIO:
    """What one format makes of a table, in memory; the number of rows is checked."""
    source = source_of(connection, ensemble, table)
    file, advanced = io.BytesIO(), []
    rows = FORMATS[form](source, file, advanced.append)
    assert sum(advanced) == pytest.approx(rows)
    assert rows == len(of_view(connection, table, ensemble))
    if source.rows is not None:
        assert source.rows == rows
    file.seek(0)
    return file


def of_view(connection: Connection, table: str, ensemble: str) -> list[Row]:
    """The rows of a view; those of outcome with the signals that are exported beside them."""
    query = text(f"SELECT * FROM {table} WHERE ensemble = :name")
    rows = [dict(row) for row in connection.execute(query, {"name": ensemble}).mappings()]
    if table == "outcome":
        signals = of_view(connection, "signal", ensemble)
        key = ("run_id", "example_id", "evaluation")
        values = {(one["signal"], *(one[name] for name in key)): one["value"] for one in signals}
        for name in sorted({one["signal"] for one in signals}):
            for row in rows:
                row[name] = values.get((name, *(row[column] for column in key)))
    return rows


def forget_classes(connection: Connection, run_ids: list[int]) -> None:
    """Leave only right and wrong of these runs, as in some imported ensembles."""
    connection.execute(
        text("UPDATE outcome_block SET predicted = NULL WHERE run_id = ANY(:runs)"),
        {"runs": run_ids},
    )


def written_as(value: object) -> str:
    """A value of a key as a cell of CSV has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def parsed(text_value: str, value: object) -> object:
    """A cell of CSV as the type that the database's value has."""
    if text_value == "" and value is None:
        return None
    if isinstance(value, bool):
        return {"true": True, "false": False}[text_value]
    if isinstance(value, datetime):
        return datetime.fromisoformat(text_value)
    return type(value)(text_value)


# --- outcome --------------------------------------------------------------------------------------


@pytest.mark.embedded_only
@given(story=stories(), data=st.data())
def test_outcomes_are_those_of_the_view_whatever_the_ensemble(
    undone: Any, story: Story, data: st.DataObject
) -> None:
    with undone() as connection, block_size(8):
        recorded = record(connection, story)
        without = data.draw(st.sets(st.sampled_from(recorded.run_ids)))
        forget_classes(connection, sorted(without))
        rows = with_shortest(pq.read_table(written(connection, "parquet", story.name)))
        assert_rows("outcome", rows, of_view(connection, "outcome", story.name))
        places = [(row["seed"], row["evaluation"], row["example_id"]) for row in rows]
        assert places == sorted(places)
        told = zip(recorded.run_ids, story.classes_told, strict=True)
        without |= {run_id for run_id, known in told if not known}
        assert {row["run_id"] for row in rows if row["predicted"] is None} <= without


def test_columns_have_the_views_order_and_types(connection: Connection) -> None:
    record(connection, STORY)
    for table in list_tables(connection):
        schema = pq.read_schema(written(connection, "parquet", "told", table))
        rows = connection.execute(text(f"SELECT * FROM {table} LIMIT 0"))
        assert schema.names == list(rows.keys()), table
    schema = pq.read_schema(written(connection, "parquet", "told"))
    assert {name: str(schema.field(name).type) for name in ("correct", "predicted", "split")} == {
        "correct": "bool",
        "predicted": "int32",
        "split": "dictionary<values=string, indices=int32, ordered=0>",
    }


def test_many_small_batches_and_row_groups_make_the_same_file(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(connection, STORY)
    whole = pq.read_table(written(connection, "parquet", "told"))
    monkeypatch.setattr("tracker.exports.outcomes.BATCH_EXAMPLES", 7)
    monkeypatch.setattr("tracker.exports.parquet.ROW_GROUP", 20)
    file = written(connection, "parquet", "told")
    assert pq.ParquetFile(file).num_row_groups > 10
    assert pq.read_table(file).to_pylist() == whole.to_pylist()


def test_the_file_says_what_it_is_of(connection: Connection) -> None:
    record(connection, STORY)
    metadata = pq.read_schema(written(connection, "parquet", "told")).metadata[b"tracker"]
    told = json.loads(metadata)
    stored = connection.execute(
        text("SELECT spec, fingerprint FROM ensemble JOIN dataset ON dataset.id = dataset_id")
    ).one()
    assert told["table"] == "outcome"
    assert told["ensemble"] == "told"
    assert (told["spec"], told["dataset_fingerprint"]) == tuple(stored)
    assert told["tracker_version"] == __version__
    assert told["class_names"][9] == "class 9"


@pytest.mark.parametrize("table", ["outcome", "learning_order"])
def test_pandas_polars_and_duckdb_read_it(
    connection: Connection, tmp_path: Path, table: str
) -> None:
    recorded = record(connection, STORY)
    forget_classes(connection, recorded.run_ids[:1])
    path = tmp_path / "told.parquet"
    path.write_bytes(written(connection, "parquet", "told", table).read())
    expected = of_view(connection, table, "told")
    assert_rows(table, pl.read_parquet(path).to_dicts(), expected)
    with duckdb.connect() as duck:
        result = duck.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    assert_rows(table, rows, expected)
    frame = pd.read_parquet(path)
    assert len(frame) == len(expected)
    column = "correct" if table == "outcome" else "accessibility"
    assert frame[column].sum() == pytest.approx(sum(row[column] for row in expected))
    assert set(frame["split"].astype(str)) == {"train", "test"}


@pytest.mark.embedded_only
def test_tables_without_rows_still_have_columns(connection: Connection) -> None:
    story = Story({"train": 3}, 2, np.zeros(3, int), np.zeros((1, 3, 1), int), [()], ["queued"])
    record(connection, story)
    for form in ("parquet", "csv", "jsonl"):
        for table in ("outcome", "learning_order"):
            written(connection, form, story.name, table)
    assert len(pq.read_table(written(connection, "parquet", story.name)).schema) == 12
    with pytest.raises(TrackerError, match="no such run with outcomes"):
        written(connection, "npz", story.name)


@pytest.mark.embedded_only
def test_an_ensemble_without_outcomes_gives_no_file(engine: Engine) -> None:
    def exported(name: str, table: str, *, complete: bool = False) -> int:
        return export(engine, name, table, "csv", io.BytesIO(), complete=complete)

    with engine.begin() as connection:
        for name, recorded, state in (
            ("waits", (), "queued"),
            ("trains", (0,), "running"),
            ("broke", (0,), "failed"),
        ):
            outcomes = np.zeros(3, int), np.zeros((1, 3, 1), int), [recorded], [state]
            record(connection, Story({"train": 3}, 2, *outcomes, name=name))
    for table in ("outcome", "learning_order"):
        with pytest.raises(TrackerError, match=r"'waits' has no outcomes yet \(runs: 1 queued\)"):
            exported("waits", table)
    with pytest.raises(
        TrackerError, match=r"no run of ensemble 'trains' is complete \(runs: 1 run"
    ):
        exported("trains", "outcome", complete=True)
    with pytest.raises(TrackerError, match=r"'broke' has no outcomes yet .*`tracker retry broke`"):
        exported("broke", "learning_order")
    assert (exported("trains", "outcome"), exported("trains", "learning_order")) == (3, 3)
    # Other than in views, failed runs are among the outcomes exported.
    assert (exported("broke", "outcome"), exported("waits", "run_progress")) == (3, 1)


# --- other tables and formats ---------------------------------------------------------------------


TRACEBACK = 'Traceback:\n  "quoted", \\N, \ttab, é, \u2028\r\nlast'


def rich_story() -> Story:
    """With NULLs in most views: runs behind the others, failed ones, never learned examples."""
    return Story(
        sizes=STORY.sizes,
        num_classes=10,
        labels=LABELS,
        # The last run says what the first one does: outputs are compared between complete runs.
        predicted=STORY.predicted[[0, 1, 2, 0]],
        recorded=[range(4), [0, 3], [1], range(4)],
        states=["complete", "failed", "running", "complete"],
        signals=dict.fromkeys(("confidence", "el2n"), np.full((4, 29, 4), 0.05, np.float32)),
        # The third run holds out what the others train on, and all are probed.
        held_out=np.repeat([[False], [False], [True], [False]], STORY.sizes["train"], axis=1),
        depths=np.arange(4 * 29 * 4).reshape(4, 29, 4) % 5,
        probed=[1],
        votes_told=True,
        outputs=np.full((4, 29, 10), 0.1, np.float32),
        name="rich",
    )


@pytest.fixture
def rich(connection: Connection) -> Connection:
    recorded = record(connection, rich_story())
    connection.execute(
        text("UPDATE run SET error = :error WHERE id = :run"),
        {"error": TRACEBACK, "run": recorded.run_ids[1]},
    )
    connection.execute(
        text("UPDATE run SET error = '' WHERE id = :run"), {"run": recorded.run_ids[0]}
    )
    add_signal(connection, recorded, 0, 1)
    add_signal(connection, recorded, 0, 2)
    return connection


def shortest(value: float) -> float:
    """A single-precision number as its shortest decimal form reads: what the driver makes of it."""
    return float(str(np.float32(value)))


def with_shortest(table: pa.Table) -> list[Row]:
    rows: list[Row] = table.to_pylist()
    for field in table.schema:
        if field.type == "float":
            for row in rows:
                if row[field.name] is not None:
                    row[field.name] = shortest(row[field.name])
    return rows


def holds_bitmaps(connection: Connection, table: str) -> bool:
    """Is the table a building block? Then exporting it must be refused."""
    if table in list_tables(connection):
        return False
    with pytest.raises(
        UsageError, match=r"holds bitmaps.* `tracker psql`|unknown table .* lists all"
    ):
        source_of(connection, "rich", table)
    return True


@pytest.mark.parametrize("table", VIEWS)
def test_parquet_of_every_table(rich: Connection, table: str) -> None:
    if holds_bitmaps(rich, table):
        return
    exported = pq.read_table(written(rich, "parquet", "rich", table))
    rows = with_shortest(exported)
    assert rows
    assert_rows(table, rows, of_view(rich, table, "rich"))


@pytest.mark.parametrize("table", VIEWS)
def test_csv_of_every_table(rich: Connection, table: str) -> None:
    if holds_bitmaps(rich, table):
        return
    file = io.TextIOWrapper(written(rich, "csv", "rich", table), "utf-8", newline="")
    lines = list(csv.DictReader(file))
    expected = sorted_rows(table, of_view(rich, table, "rich"))
    key = VIEWS[table].key
    by_key = {tuple(line[column] for column in key): line for line in lines}
    assert len(by_key) == len(lines) == len(expected)
    for row in expected:
        line = by_key[tuple(written_as(row[column]) for column in key)]
        assert list(line) == list(row)
        # Equal to the last bit: as many digits are written as are needed.
        assert {name: parsed(line[name], row[name]) for name in row} == row


@pytest.mark.parametrize("table", VIEWS)
def test_json_lines_of_every_table(rich: Connection, table: str) -> None:
    if holds_bitmaps(rich, table):
        return
    lines = written(rich, "jsonl", "rich", table).read().decode().splitlines(keepends=True)
    # U+2028 ends a line to Python, but not to JSON Lines.
    rows = [json.loads(line) for line in "".join(lines).rstrip("\n").split("\n")]
    expected = sorted_rows(table, of_view(rich, table, "rich"))
    for row in expected:
        for name, value in row.items():
            if isinstance(value, datetime):
                row[name] = value.isoformat()
    for row, other in zip(sorted_rows(table, rows), expected, strict=True):
        times = {name for name in other if name.endswith("_at") and other[name]}
        for name in times:
            row[name] = datetime.fromisoformat(row[name])
            other[name] = datetime.fromisoformat(other[name])
        assert row == other


def sorted_rows(table: str, rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: tuple(row[column] for column in VIEWS[table].key))


@pytest.mark.parametrize("table", [table for table in VIEWS if table != "outcome"])
def test_npz_of_every_table(rich: Connection, table: str) -> None:
    if holds_bitmaps(rich, table):
        return
    with np.load(written(rich, "npz", "rich", table)) as archive:
        expected = sorted_rows(table, of_view(rich, table, "rich"))
        assert json.loads(str(archive["metadata"]))["table"] == table
        columns = {name: with_shortest_values(archive[name]) for name in expected[0]}
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    # Parallel workers give a view's rows in any order.
    for row, wanted in zip(sorted_rows(table, rows), expected, strict=True):
        for name, value in row.items():
            if wanted[name] is None:
                assert value in ("", None) or value != value
            elif isinstance(wanted[name], datetime):
                assert value == wanted[name].replace(tzinfo=None) - wanted[name].utcoffset()
            else:
                assert value == wanted[name]


def with_shortest_values(array: np.ndarray) -> list[Any]:
    single = array.dtype == np.float32
    return [shortest(value) if single else value for value in array.tolist()]


@pytest.mark.embedded_only
def test_numbers_that_json_has_no_form_of_are_null(connection: Connection) -> None:
    record(connection, STORY)
    connection.execute(text("UPDATE evaluation SET train_loss = 'NaN' WHERE evaluation = 1"))
    connection.execute(text("UPDATE evaluation SET train_loss = 'Infinity' WHERE evaluation = 2"))
    lines = written(connection, "jsonl", "told", "ensemble_evaluation").read().splitlines()
    losses = {row["evaluation"]: row["train_loss"] for row in map(json.loads, lines)}
    assert losses[1] is None
    assert losses[2] is None
    assert losses[3] == pytest.approx(1 / 3 + 0.01)
    table = pq.read_table(written(connection, "parquet", "told", "ensemble_evaluation"))
    found = dict(zip(table["evaluation"].to_pylist(), table["train_loss"].to_pylist(), strict=True))
    assert np.isnan(found[1])
    assert found[2] == np.inf


@pytest.mark.embedded_only
def test_chunks_of_a_view_make_the_same_file(
    rich: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pq.read_table(written(rich, "parquet", "rich", "run_progress")).to_pylist()
    monkeypatch.setattr("tracker.exports.tables.CHUNK_BYTES", 1)
    chunked = pq.read_table(written(rich, "parquet", "rich", "run_progress")).to_pylist()
    assert len(whole) == 4
    assert chunked == whole


# --- npz of outcomes ------------------------------------------------------------------------------


def loaded(file: io.BytesIO) -> dict[str, Any]:
    with np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def test_arrays_are_runs_by_examples_by_evaluations(connection: Connection) -> None:
    record(connection, STORY)
    arrays = loaded(written(connection, "npz", "told"))
    assert arrays["correct"].dtype == np.bool_
    assert arrays["predicted"].dtype == np.uint8
    np.testing.assert_array_equal(arrays["correct"], STORY.correct)
    np.testing.assert_array_equal(arrays["predicted"], STORY.predicted)
    np.testing.assert_array_equal(arrays["label"], LABELS)
    assert arrays["seed"].tolist() == [0, 1, 2]
    assert arrays["evaluation"].tolist() == [0, 1, 2, 3]
    assert arrays["split"].tolist() == ["train"] * 19 + ["test"] * 10
    assert arrays["position"].tolist() == [*range(19), *range(10)]
    assert arrays["example_id"].tolist() == list(range(29))
    assert json.loads(str(arrays["metadata"]))["dataset"] == STORY.dataset


@pytest.mark.embedded_only
def test_a_thousand_classes_need_two_bytes(connection: Connection) -> None:
    labels = np.array([0, 255, 256, 999])
    story = Story({"train": 4}, 1000, labels, np.tile(labels[None, :, None], (2, 1, 1)), [[0], [0]])
    record(connection, story)
    arrays = loaded(written(connection, "npz", story.name))
    assert arrays["predicted"].dtype == np.uint16
    np.testing.assert_array_equal(arrays["predicted"], story.predicted)


@pytest.mark.embedded_only
def test_runs_with_other_evaluations_are_no_array(connection: Connection) -> None:
    record(connection, rich_story())
    with pytest.raises(UsageError) as refused:
        written(connection, "npz", "rich")
    assert "4 evaluations from 0 to 3; seed 1, failed, 2 evaluations" in str(refused.value)
    assert "--complete" in str(refused.value)
    assert "parquet" in str(refused.value)
    subject = find_subject(connection, "rich", complete=True)
    file = io.BytesIO()
    rows = FORMATS["npz"](outcome_source(connection, subject), file, lambda _: None)
    file.seek(0)
    arrays = loaded(file)
    assert rows == arrays["correct"].size == 2 * 29 * 4
    assert arrays["seed"].tolist() == [0, 3]


@pytest.mark.embedded_only
def test_unknown_classes_leave_out_the_array_and_half_known_ones_are_refused(
    connection: Connection,
) -> None:
    recorded = record(connection, STORY)
    forget_classes(connection, recorded.run_ids[1:2])
    with pytest.raises(UsageError, match="predicted classes of seed 1 of 'told' are not known"):
        written(connection, "npz", "told")
    forget_classes(connection, recorded.run_ids)
    arrays = loaded(written(connection, "npz", "told"))
    assert "predicted" not in arrays
    np.testing.assert_array_equal(arrays["correct"], STORY.correct)


def add_signal(connection: Connection, recorded: Recorded, run: int, evaluation: int) -> np.ndarray:
    """Margins of one evaluation, one for each example, and their summary up to it."""
    values = np.random.default_rng([run, evaluation]).normal(size=29).astype(np.float32)
    summary = SignalSummary(evaluation, values, np.abs(values))
    layout, run_id = Layout.of(recorded.story.sizes, 8), recorded.run_ids[run]
    cursor = connection.connection.cursor()
    for table, rows in (
        ("signal_block", signal_rows(layout, run_id, evaluation, {"margin": values})),
        ("signal_summary", summary_rows(layout, run_id, {"margin": summary})),
    ):
        connection.execute(text("DELETE FROM signal_summary WHERE run_id = :run"), {"run": run_id})
        with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"".join([COPY_HEADER, *rows, COPY_TRAILER]))
    return values


@pytest.mark.embedded_only
def test_signals_are_arrays_too_and_nan_where_not_recorded(connection: Connection) -> None:
    recorded = record(connection, STORY)
    margins = np.full((3, 29, 4), np.nan, np.float32)
    for run, evaluation in ((0, 0), (0, 1), (0, 2), (0, 3), (2, 1), (2, 3)):
        margins[run, :, evaluation] = add_signal(connection, recorded, run, evaluation)
    arrays = loaded(written(connection, "npz", "told"))
    assert arrays["margin"].dtype == np.float32
    np.testing.assert_array_equal(arrays["margin"], margins)
    np.testing.assert_array_equal(arrays["correct"], STORY.correct)


@pytest.mark.embedded_only
@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_signals_are_columns_too_and_null_where_not_recorded(
    connection: Connection, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.exports.outcomes.BATCH_EXAMPLES", 7)
    recorded = record(connection, STORY)
    plain = pd.read_parquet(written(connection, "parquet", "told"))
    assert "margin" not in plain
    margins = np.full((3, 29, 4), np.nan, np.float32)
    for run, evaluation in ((0, 0), (0, 1), (0, 2), (0, 3), (2, 1), (2, 3)):
        margins[run, :, evaluation] = add_signal(connection, recorded, run, evaluation)
    file = written(connection, form, "told")
    if form == "parquet":
        table = pq.read_table(file)
        assert str(table.schema.field("margin").type) == "float"
        assert table["margin"].null_count == np.isnan(margins).sum()
        told = table.to_pandas()
    elif form == "csv":
        told = pd.read_csv(file)
    else:
        told = pd.read_json(file, lines=True)
    assert list(told) == [*plain, "margin"]
    # By seed, evaluation and example.
    values = told["margin"].to_numpy(np.float32).reshape(3, 4, 29).transpose(0, 2, 1)
    np.testing.assert_array_equal(values, margins)
    for name in ("seed", "evaluation", "example_id", "correct", "predicted"):
        np.testing.assert_array_equal(told[name], plain[name])


@pytest.mark.embedded_only
def test_a_damaged_signal_ends_it(connection: Connection) -> None:
    add_signal(connection, record(connection, STORY), 0, 0)
    connection.execute(text("UPDATE signal_block SET value = value[2:] WHERE block = 1"))
    with pytest.raises(CorruptOutcomesError, match="evaluation 0, block 1"):
        written(connection, "parquet", "told")


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.embedded_only
def test_unknown_names_list_the_choices(engine: Engine) -> None:
    with engine.begin() as connection:
        record(connection, STORY)
    with pytest.raises(UsageError, match=r"unknown table 'outcomes': did you mean 'outcome'"):
        export(engine, "told", "outcomes", "csv", io.BytesIO())
    with pytest.raises(UsageError, match=r"'tp_block' holds bitmaps.*`tracker psql`"):
        export(engine, "told", "tp_block", "csv", io.BytesIO())
    for table in PAIR_VIEWS:
        with pytest.raises(UsageError, match=rf"of two .* `tracker query {table} --out FILE`"):
            export(engine, "told", table, "csv", io.BytesIO())
    with pytest.raises(UsageError, match=r"unknown format 'xlsx': .* parquet, npz, csv, jsonl"):
        export(engine, "told", "outcome", "xlsx", io.BytesIO())
    with pytest.raises(UsageError, match="--complete chooses among runs"):
        export(engine, "told", "learning_order", "csv", io.BytesIO(), complete=True)
    with pytest.raises(NotFoundError, match="no ensemble 'tolled': choose one of told"):
        export(engine, "tolled", "outcome", "csv", io.BytesIO())


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM outcome_block WHERE evaluation = 2 AND block = 4",
        "DELETE FROM outcome_block WHERE evaluation = 2 AND block = 0",
        "UPDATE outcome_block SET correct = B'1' WHERE evaluation = 2 AND block = 3",
        "UPDATE outcome_block SET predicted = '{}' WHERE evaluation = 2 AND block = 3",
        "UPDATE outcome_block SET predicted = '{1,01}' WHERE evaluation = 2 AND block = 3",
        "UPDATE outcome_block SET predicted = NULL WHERE evaluation = 2 AND block = 3",
        "UPDATE block SET label = '{1}' WHERE block = 1",
    ],
)
@pytest.mark.parametrize("form", ["parquet", "npz"])
@pytest.mark.embedded_only
def test_damaged_blocks_end_it_with_a_line_that_names_verify(
    connection: Connection, damage: str, form: str
) -> None:
    record(connection, STORY)
    connection.execute(text(damage))
    source = source_of(connection, "told", "outcome")
    with pytest.raises((CorruptOutcomesError, UsageError)) as refused:
        FORMATS[form](source, io.BytesIO(), lambda _: None)
    assert "\n" not in str(refused.value)
    if "NULL" not in damage or form == "parquet":
        assert "tracker verify" in str(refused.value)
    # The connection is usable: the interrupted COPY is over.
    assert connection.scalar(text("SELECT 1")) == 1


class FullDisk(io.BytesIO):
    """A file that takes the first bytes only."""

    def write(self, data: Any) -> int:
        if self.tell() > 40:
            raise OSError(28, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("table", ["outcome", "forgetting"])
@pytest.mark.embedded_only
def test_a_file_that_cannot_be_written_ends_it_at_once(
    connection: Connection, form: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(connection, STORY)
    # Writing begins while there is more to read.
    monkeypatch.setattr("tracker.exports.parquet.ROW_GROUP", 1)
    monkeypatch.setattr("tracker.exports.tables.CHUNK_BYTES", 1)
    with pytest.raises(OSError, match="No space left"):
        FORMATS[form](source_of(connection, "told", table), FullDisk(), lambda _: None)
    assert connection.scalar(text("SELECT 1")) == 1


def test_what_is_recorded_meanwhile_is_not_in_it(engine: Engine) -> None:
    """One snapshot: rows that are promised are those that come."""
    growing = Story({"train": 5}, 3, np.zeros(5, int), np.zeros((2, 5, 2), int), [[0], [0]],
                    ["running", "queued"], name="growing")  # fmt: skip
    with engine.begin() as connection:
        recorded = record(connection, growing)
    promised: list[int | None] = []

    def meanwhile(rows: int | None) -> None:
        promised.append(rows)
        with engine.begin() as connection:
            claim = claimed(connection, recorded.run_ids[1])
            write(connection, claim, growing, 1, 1)

    file = io.BytesIO()
    rows = export(engine, "growing", "outcome", "parquet", file, begin=meanwhile)
    assert promised == [10]
    assert rows == pq.read_metadata(file).num_rows == 10
    assert export(engine, "growing", "outcome", "parquet", io.BytesIO()) == 15
