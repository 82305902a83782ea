"""The shape of the house: arrows point down, and the command line starts fast."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_tracker_never_imports_workers() -> None:
    files = list((ROOT / "tracker").rglob("*.py"))
    assert len(files) > 20
    assert [path for path in files if "workers" in imported(path)] == []


@pytest.mark.parametrize("module", ["tracker", "tracker.cli.main", "tracker.datasets"])
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "heavy = {'torch', 'torchvision', 'celery', 'alembic', 'matplotlib', 'sklearn', 'mlxtend',"
        " 'pyarrow', 'pandas', 'polars', 'duckdb'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
