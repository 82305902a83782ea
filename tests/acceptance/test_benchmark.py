"""`make bench-store` at a tiny size: all engines give the same answers, all tables are printed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.queries import ALL_QUERIES

ROOT = Path(__file__).parents[2]

TINY = (
    *("--runs", "3", "--examples", "300", "--evaluations", "6", "--classes", "5"),
    *("--repeats", "2", "--lookups", "2", "--mlflow-outcomes", "0"),
    *("--many-classes", "2", "300", "--class-evaluations", "2", "--growth-runs", "2"),
)


def bench(*options: str | Path) -> subprocess.CompletedProcess[str]:
    """`python -m benchmarks.store` at a tiny size, from the root of the repository."""
    kept = {name: value for name, value in os.environ.items() if name[:8] != "TRACKER_"}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.store", *TINY, *options],
        cwd=ROOT,
        env=kept,
        capture_output=True,
        text=True,
        timeout=200,
    )


def rows_of(printed: str, heading: str) -> list[list[str]]:
    """Cells of the Markdown table whose head begins with `heading`, without head and rule."""
    lines = iter(printed.splitlines())
    head = next(line for line in lines if line.startswith(f"| {heading} |"))
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    assert all(len(cells) == head.count(" | ") + 1 for cells in found), head
    return found[1:]


def test_all_engines_agree_and_all_tables_are_printed(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    out = tmp_path / "results.md"
    folder = home.parent
    tables = ("--tables", "comparison", "classes", "growth")
    done = bench("--out", out, "--folder", folder, *tables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert out.read_text() == done.stdout
    for part in ("PostgreSQL 18", "embedded, as shipped", "duckdb 2", "cores", "Many classes"):
        assert part in done.stdout

    asked = rows_of(done.stdout, "median (min - max)")
    assert [title for title, *_ in asked] == [query.title for query in ALL_QUERIES.values()]
    of_rows = {query.title for query in ALL_QUERIES.values() if query.rows is not None}
    for title, ours, rows, duck, by_rows, by_duckdb in asked:
        assert ours.endswith("s)"), title
        assert duck.endswith("s)"), title
        assert by_duckdb.endswith("x"), title
        assert (rows.endswith("s)"), by_rows.endswith("x")) == (title in of_rows,) * 2, title
    assert {form for _, form, _ in rows_of(done.stdout, "DuckDB")} >= {"bit masks", "windows"}
    assert len(rows_of(done.stdout, "figure")) == 12
    assert len(rows_of(done.stdout, "content")) == 2
    assert list(folder.iterdir()) == []


def test_a_wrong_option_is_refused_before_anything_is_started(home: Path) -> None:
    for options, message in (
        (("--evaluations", "46"), "--evaluations must be at most 45"),
        (("--evaluations", "1"), "--evaluations must be at least 2"),
        (("--classes", "1"), "--classes must be at least 2"),
        (("--runs", "0"), "must be at least 1, got 0"),
    ):
        done = bench("--folder", home.parent, *options)
        assert done.returncode == 2
        assert message in done.stderr
        assert list(home.parent.iterdir()) == []


def test_the_sampler_is_measured_beside_torchs(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.md"
    tiny = ("--examples", "3000", "--runs", "2", "--stored-examples", "300", "--evaluations", "3")
    kept = {name: value for name, value in os.environ.items() if name[:8] != "TRACKER_"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.sampler", *tiny, "--repeats", "2"),
            *("--out", out, "--folder", home.parent),
        ],
        cwd=ROOT,
        env=kept,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert out.read_text() == done.stdout
    assert "PostgreSQL 18" in done.stdout
    assert len(rows_of(done.stdout, "to make")) == 7
    pairs = rows_of(done.stdout, "a whole epoch, plan and iteration")
    assert [theirs.partition("`")[2].partition("`")[0] for theirs, *_ in pairs] == [
        *("RandomSampler", "WeightedRandomSampler", "DistributedSampler", "BatchSampler"),
    ]
    assert all(ratio.endswith("x") for *_, ratio in pairs)
    assert len(rows_of(done.stdout, "score of every example")) == 4
