"""`tracker query`: any view as a table or a file, from the command line."""

import csv
import io
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from tests.acceptance.conftest import Tracker, Typed

pytestmark = pytest.mark.embedded_only


def test_a_table(digits_ensemble: Tracker) -> None:
    tracker = digits_ensemble
    lines = tracker(
        "query", "learning_order", "--ensemble", "digits", "--where", "split=train",
        "--order-by", "rank,position", "--columns", "position,label,accessibility",
    ).splitlines()  # fmt: skip
    assert lines[0].split() == ["position", "label", "accessibility"]
    assert set(lines[1]) == {"─"}
    assert lines[22] == "3,980 more rows: --limit shows more, --out writes all to a file"
    assert len(lines) == 23
    cells = [line.split() for line in lines[2:22]]
    expected = tracker.sql(
        "SELECT position, label, accessibility FROM learning_order WHERE ensemble = 'digits' "
        "AND split = 'train' ORDER BY rank, position LIMIT 20"
    )
    assert [row[:2] for row in cells] == [row[:2] for row in expected]
    for shown, stored in zip(cells, expected, strict=True):
        assert float(shown[2]) == pytest.approx(float(stored[2]), abs=1e-4)
    # Numbers stand with their points below each other.
    assert len({line.rindex(".") for line in lines[2:22]}) == 1


def test_a_table_fits_the_terminal(digits_ensemble: Tracker) -> None:
    tracker = Tracker(digits_ensemble.environment, digits_ensemble.log, {"COLUMNS": "60"})
    text = tracker("query", "learning_order", "--limit", "3")
    assert max(map(len, text.splitlines())) <= 60
    assert "too wide for ensemble" in text
    assert "--columns chooses" in " ".join(text.split())


def test_no_rows(digits: Typed) -> None:
    assert digits("query", "learning_order", "--where", "rank<0") == "no rows\n"


def test_formats_on_standard_output(digits: Typed) -> None:
    tracker = digits
    question = ("query", "run_accuracy", "--where", "evaluation>=29", "--where", "split = test")
    as_json = json.loads(tracker(*question, "--format", "json"))
    assert len(as_json) == 20
    lines = tracker(*question, "--format", "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == as_json
    as_csv = list(csv.DictReader(io.StringIO(tracker(*question, "--format", "csv"))))
    assert [float(row["accuracy"]) for row in as_csv] == [row["accuracy"] for row in as_json]


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet"])
def test_files(digits: Typed, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"order.{suffix}"
    question = ("query", "learning_order", "--ensemble", "digits", "--out", str(path))
    assert digits(*question).startswith(f"wrote {path}: 5,000 rows")
    if suffix == "parquet":
        assert parquet.read_table(path).num_rows == 5000
    again = digits.run(*question)
    assert again.returncode == 2
    assert "--force replaces it" in again.stderr
    digits(*question, "--force")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (
            ("learning_orde",),
            ["unknown view 'learning_orde'", "mean 'learning_order'", "lists all"],
        ),
        (("tp_block",), ["'tp_block' holds bitmaps", "`tracker psql`"]),
        (("outcome", "--where", "correct"), ["'correct'", "is not null"]),
        (("outcome", "--where", "predictd=1"), ["'predictd'", "predicted"]),
        (("outcome", "--where", "label=x"), ["label is of type integer", "'x'"]),
        (("outcome", "--where", "split='train'"), ["unknown split", "test, train"]),
        (("outcome", "--where", "ensemble='; DROP TABLE run; --"), ["DROP", "digits"]),
        (("outcome", "--ensemble", "nobody"), ["'nobody'", "digits"]),
        (("outcome", "--columns", "seed,sed"), ["'sed'", "seed"]),
        (("outcome", "--columns", ""), ["''", "seed"]),
        (("outcome", "--order-by", "-sed"), ["'sed'", "seed"]),
        (("outcome", "--limit", "0"), ["--limit must be at least 1, got 0"]),
        (("outcome", "--format", "xml"), ["'xml'", "table, csv, json, jsonl, parquet"]),
        (("outcome", "--format", "parquet"), ["--out"]),
        (("outcome", "--out", "order.txt"), ["'txt'", "parquet"]),
    ],
    ids=str,
)
def test_one_line_lists_the_choices(
    digits: Typed, arguments: tuple[str, ...], parts: list[str]
) -> None:
    done = digits.run("query", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr
