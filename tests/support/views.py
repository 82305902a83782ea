"""The rows of a view compared with those of its reference."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from tests.support import reference, reference_blocks, reference_runs, reference_signals
from tests.support.bits import counts_of
from tests.support.ensembles import Recorded
from tests.support.reference import Row

RELATIVE = 1e-9


@dataclass(frozen=True)
class View:
    """What one row of a view is, and what the rows must be.

    Attributes
    ----------
    key
        Columns of which no two rows have the same values.
    reference
        The rows that a story must give.
    slices
        Columns that hold slices; compared as counts.
    clock
        Columns that depend on the time of day; not compared.
    """

    key: tuple[str, ...]
    reference: Callable[[Recorded], list[Row]]
    slices: tuple[str, ...] = ()
    clock: tuple[str, ...] = ()


HISTORY = ("forgotten", "learned", "first_correct", "last_mistake")

VIEWS = {
    "counted_run": View(("run_id",), reference.counted_run),
    "ensemble_evaluation": View(("ensemble_id", "evaluation"), reference.ensemble_evaluation),
    "outcome": View(("run_id", "example_id", "evaluation"), reference.outcome),
    "run_accuracy": View(("run_id", "split", "evaluation"), reference.run_accuracy),
    "run_progress": View(
        ("run_id",), reference.run_progress, clock=("started_at", "heartbeat_at", "finished_at")
    ),
    "tp_block": View(
        ("ensemble_id", "block", "evaluation"), reference_blocks.tp_block, slices=("correct",)
    ),
    "tp_agreement": View(("ensemble_id", "example_id", "evaluation"), reference.tp_agreement),
    "tp_agreement_histogram": View(
        ("ensemble_id", "split", "evaluation", "runs_correct"), reference.tp_agreement_histogram
    ),
    "bimodality": View(("ensemble_id", "split", "evaluation"), reference.bimodality),
    "history_part": View(("run_id", "block"), reference_blocks.history_part, slices=HISTORY),
    "history_block": View(("run_id", "block"), reference_blocks.history_block, slices=HISTORY),
    "forgetting": View(("run_id", "example_id"), reference.forgetting),
    "accessibility_block": View(("ensemble_id", "block"), reference_blocks.accessibility_block),
    "accessibility": View(("ensemble_id", "example_id"), reference.accessibility),
    "learning_order": View(("ensemble_id", "example_id"), reference.learning_order),
    "agreement_part": View(
        ("ensemble_id", "block", "evaluation"),
        reference_blocks.agreement_part,
        slices=("agreeing",),
    ),
    "agreement_block": View(
        ("ensemble_id", "block", "evaluation"),
        reference_blocks.agreement_block,
        slices=("agreeing",),
    ),
    "agreement": View(("ensemble_id", "example_id", "evaluation"), reference_runs.agreement),
    "agreement_histogram": View(
        ("ensemble_id", "split", "evaluation", "runs_agreeing"), reference_runs.agreement_histogram
    ),
    "error_consistency": View(
        ("run_a", "run_b", "split", "evaluation"), reference_runs.error_consistency
    ),
    "decision_swaps": View(("run_id", "split", "evaluation"), reference_runs.decision_swaps),
    "signal": View(("run_id", "example_id", "evaluation", "signal"), reference_signals.signal),
    "run_signal": View(("run_id", "example_id", "signal"), reference_signals.run_signal),
}


def read(connection: Connection, view: str, ensemble: str | None = None) -> list[Row]:
    """All rows of a view, or those of one ensemble, with counts in place of slices."""
    query = f"SELECT * FROM {view}" + (" WHERE ensemble = :ensemble" if ensemble else "")
    result = connection.execute(text(query), {"ensemble": ensemble} if ensemble else {})
    rows = [dict(row) for row in result.mappings()]
    for row in rows:
        for column in VIEWS[view].slices:
            row[column] = counts_of(row[column])
        for column in VIEWS[view].clock:
            del row[column]
    return rows


def check(connection: Connection, view: str, recorded: Recorded) -> None:
    """Assert that the view says of the story, asked for by name, what the reference says."""
    assert_rows(view, read(connection, view, recorded.story.name), VIEWS[view].reference(recorded))


def assert_rows(view: str, actual: Sequence[Row], expected: Sequence[Row]) -> None:
    """Assert that two sets of rows are the same, and that there is one row per key."""
    key = VIEWS[view].key

    def keyed(rows: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
        found = {tuple(row[column] for column in key): row for row in rows}
        assert len(found) == len(rows), f"{view}: more than one row for one {key}"
        return found

    got, wanted = keyed(actual), keyed(expected)
    assert got.keys() == wanted.keys(), f"{view}: other rows than the reference"
    for place, row in wanted.items():
        at = dict(zip(key, place, strict=True))
        assert got[place].keys() == row.keys(), f"{view}: other columns than the reference"
        for column, value in row.items():
            found = got[place][column]
            assert same(found, value), f"{view}.{column} is {found!r}, not {value!r}, at {at}"


def same(found: object, expected: object) -> bool:
    """Equal and of one type; floats nearly equal, also in lists."""
    if type(found) is not type(expected):
        return False
    if isinstance(expected, list):
        assert isinstance(found, list)
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float):
        assert isinstance(found, float)
        return math.isclose(found, expected, rel_tol=RELATIVE, abs_tol=RELATIVE)
    return found == expected
