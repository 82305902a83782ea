"""`tracker export`, `tracker verify` and `tracker delete` as a user types them."""

import csv
import io
import json
import os
import pty
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.acceptance.conftest import TRACKER, Tracker, Typed, wait_until

# The same on both pairs of servers, as the integration tests show.
pytestmark = pytest.mark.embedded_only

OUTCOMES = 10 * 31 * 5000


def test_outcomes_are_exported_and_read_again(digits_ensemble: Tracker, tmp_path: Path) -> None:
    path = tmp_path / "digits.parquet"
    printed = digits_ensemble("export", "digits", "--out", str(path))
    assert printed.startswith(f"wrote {path}: {OUTCOMES:,} rows, ")
    frame = pl.read_parquet(path)
    assert len(frame) == OUTCOMES
    [[correct, predicted]] = digits_ensemble.sql(
        "SELECT sum(correct::integer), sum(predicted) FROM outcome"
    )
    assert frame["correct"].sum() == int(correct)
    assert frame["predicted"].sum() == int(predicted)


def test_the_file_is_named_after_what_it_holds(
    digits_ensemble: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    digits_ensemble("export", "digits", "--table", "learning_order", "--format", "csv")
    rows = read_csv((tmp_path / "digits-learning_order.csv").read_text())
    assert len(rows) == 5000
    digits_ensemble("export", "digits", "--out", "digits.npz")
    with np.load("digits.npz") as arrays:
        assert arrays["correct"].shape == arrays["predicted"].shape == (10, 5000, 31)
        scores = arrays["correct"].mean(axis=(0, 2))
    accessibility = [float(row["accessibility"]) for row in sorted(rows, key=_example)]
    np.testing.assert_allclose(scores, accessibility)
    assert sorted(os.listdir()) == ["digits-learning_order.csv", "digits.npz"]


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _example(row: dict[str, str]) -> int:
    return int(row["example_id"])


@pytest.mark.parametrize("form", ["npz", "parquet"])
def test_what_is_exported_can_be_imported(
    digits_ensemble: Tracker, tmp_path: Path, form: str
) -> None:
    path = tmp_path / f"digits.{form}"
    digits_ensemble("export", "digits", "--out", str(path))
    try:
        digits_ensemble("import", str(path), "--name", "again")
        assert "nothing is wrong" in digits_ensemble("verify", "again")
        sums = [
            digits_ensemble.sql(
                "SELECT seed, evaluation, sum(correct::integer * example_id),"
                f" sum(predicted * example_id) FROM outcome WHERE ensemble = '{name}'"
                " GROUP BY seed, evaluation ORDER BY seed, evaluation"
            )
            for name in ("digits", "again")
        ]
        assert len(sums[0]) == 310
        assert sums[1] == sums[0]
    finally:
        digits_ensemble("delete", "again", "--yes")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_pipe_gets_nothing_but_rows(digits_ensemble: Tracker, form: str) -> None:
    arguments = ("--table", "run_accuracy", "--out", "-", "--format", form)
    done = digits_ensemble.run("export", "digits", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    if form == "csv":
        rows = read_csv(done.stdout)
    else:
        rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 10 * 31 * 2
    assert {row["ensemble"] for row in rows} == {"digits"}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("digits", "--format", "xlsx"), ["'xlsx'", "parquet, npz, csv, jsonl"]),
        (("digits", "--out", "digits.json"), ["'json'", "parquet, npz, csv, jsonl"]),
        (("digits", "--out", "-", "--format", "npz"), ["--out -", "csv or jsonl", "npz"]),
        (("digits", "--table", "outcomes"), ["'outcomes'", "did you mean 'outcome'", "lists all"]),
        (("digits", "--table", "tp_block"), ["'tp_block'", "bitmaps", "tracker psql"]),
        (("digit",), ["'digit'", "digits"]),
        (("digits", "--out", "there.csv"), ["there.csv exists", "--force"]),
        (("digits", "--out", "no/folder.csv"), ["no folder no"]),
        (("digits", "--table", "forgetting", "--complete"), ["--complete", "forgetting"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_exported(
    digits: Typed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    parts: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.csv").write_text("mine")
    done = digits.run("export", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    for part in parts:
        assert part in done.stderr
    assert os.listdir() == ["there.csv"]
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_verify_says_what_it_checked(digits_ensemble: Tracker) -> None:
    assert digits_ensemble("verify", "digits") == (
        f"digits: 10 runs, 310 evaluations, 620 blocks, {OUTCOMES:,} outcomes checked, "
        "nothing is wrong\n"
    )
    found = digits_ensemble.json("verify", "digits")
    assert (found["problems"], found["problem_count"], found["outcomes"]) == ([], 0, OUTCOMES)


def trained(tracker: Tracker, **options: tuple[str, ...]) -> None:
    """Small complete ensembles, each with its options."""
    for name, each in options.items():
        tracker(
            "enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--examples", "64",
            "--epochs", "3", "--seeds", "2", "--name", name, *each,
        )  # fmt: skip
    with tracker.worker("--once") as worker:
        assert worker.wait(timeout=120) == 0, tracker.logged


def test_verify_finds_damage_and_says_so_to_scripts(tracker: Tracker) -> None:
    trained(tracker, small=())
    tracker("psql", "-c", "UPDATE outcome_block SET correct = ~correct WHERE evaluation = 2")
    done = tracker.run("verify", "small", "--limit", "2")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("run seed 0, evaluation 2, block 0: correct is not [predicted = ")
    assert lines[1].startswith("run seed 0, evaluation 2, block 1: ")
    assert lines[2:] == [
        "... and 4 more: --limit shows them",
        "small: 2 runs, 6 evaluations, 12 blocks, 768 outcomes checked, 6 problems",
    ]
    found = tracker.run("verify", "small", "--json")
    assert found.returncode == 1
    told = json.loads(found.stdout)
    assert told["problem_count"] == len(told["problems"]) == 6
    assert told["problems"][2]["what"] == "the checksum is not that of its outcomes"
    assert told["problems"][2]["block"] is None


def test_delete_asks_and_removes_everything(tracker: Tracker) -> None:
    trained(tracker, small=(), other=("--lr", "0.5"))
    refused = tracker.run("delete", "small")
    assert refused.returncode == 2
    assert "say --yes" in refused.stderr
    assert asked(tracker, "delete", "small", answer="n") != 0
    assert tracker.sql("SELECT count(*) FROM ensemble") == [["2"]]
    assert asked(tracker, "delete", "small", answer="y") == 0
    printed = tracker("delete", "other", "--yes")
    assert printed.splitlines() == [
        "deleted other: 2 runs, 6 evaluations, 768 outcomes",
        "deleted dataset digits-64 too: no other ensemble is of it",
    ]
    assert tracker.sql("SELECT count(*) FROM example") == [["0"]]
    gone = tracker.run("delete", "small", "--yes")
    assert (gone.returncode, gone.stderr.count("\n")) == (2, 1)
    assert "no ensemble 'small'" in gone.stderr


def asked(tracker: Tracker, *arguments: str, answer: str) -> int:
    """Exit code of a command on a terminal on which somebody types `answer`."""
    controller, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [TRACKER, *arguments],
            env=tracker.full_environment,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.write(controller, f"{answer}\n".encode())
        _, error = process.communicate(timeout=60)
        assert b"for good?" in error
        return process.returncode
    finally:
        os.close(controller)
        os.close(terminal)


def test_delete_by_force_stops_the_worker(tracker: Tracker) -> None:
    options = ("--dataset", "mnist5k", "--epochs", "5000", "--seeds", "2", "--name", "long")
    tracker("enqueue", "--arch", "mlp-tiny", *options)
    with tracker.worker("--once") as worker:
        wait_until(lambda: tracker.sql("SELECT 1 FROM evaluation LIMIT 1") != [])
        refused = tracker.run("delete", "long", "--yes")
        assert refused.returncode == 2
        assert "1 queued, 1 running" in refused.stderr
        tracker("delete", "long", "--yes", "--force")
        assert worker.wait(timeout=60) == 0, tracker.logged
    assert "is lost to this worker" in tracker.logged
    assert tracker.sql("SELECT count(*) FROM outcome_block") == [["0"]]
