"""Which columns a table too wide for the terminal loses, and in which order."""

import pytest

from tracker.cli.narrowing import next_to_go

ACCESSIBILITY = [
    "ensemble",
    "ensemble_id",
    "split",
    "example_id",
    "position",
    "label",
    "evaluations",
    "accessibility",
    "rank",
    "block",
    "runs_held_out",
    "accessibility_trained_on",
    "accessibility_held_out",
]
OUTCOME = [
    "ensemble",
    "ensemble_id",
    "run_id",
    "seed",
    "split",
    "example_id",
    "position",
    "evaluation",
    "label",
    "correct",
    "predicted",
    "held_out",
]
BY_HELD_OUT = [
    "ensemble",
    "ensemble_id",
    "split",
    "example_id",
    "position",
    "label",
    "held_out",
    "runs",
    "mean",
]


def order_of_going(columns: list[str], **varied: list[str]) -> list[str]:
    """What goes first to last, until one column is left; cells are `x` where not given."""
    rows = [{name: varied.get(name, ["x", "x"])[number] for name in columns} for number in range(2)]
    kept, gone = list(columns), list[str]()
    while len(kept) > 1:
        gone += next_to_go(kept, rows)
        kept = [name for name in columns if name not in gone]
    return gone


def test_columns_that_tell_rows_apart_stay() -> None:
    gone = order_of_going(ACCESSIBILITY, ensemble=["a", "b"])
    assert gone == [
        *("block", "ensemble_id", "position"),
        *("accessibility_held_out", "accessibility_trained_on", "runs_held_out", "rank"),
        *("evaluations", "label", "example_id", "split", "accessibility"),
    ]


def test_what_runs_held_out_takes_its_counterpart_along() -> None:
    kept = ["example_id", "accessibility", "runs_trained_on", "rank", "runs_held_out"]
    rows = [dict.fromkeys(kept, value) for value in "ab"]
    assert next_to_go(kept, rows) == ["runs_held_out", "runs_trained_on"]


def test_one_ensemble_for_all_goes_early() -> None:
    gone = order_of_going(ACCESSIBILITY, example_id=["7", "8"])
    assert gone[:4] == ["block", "ensemble_id", "position", "ensemble"]
    assert gone[-2:] == ["split", "accessibility"]


def test_the_last_number_stays_longer_than_what_is_said_beside_it() -> None:
    gone = order_of_going(OUTCOME, evaluation=["1", "2"])
    assert gone[:4] == ["ensemble_id", "run_id", "position", "ensemble"]
    assert gone[4:] == [
        *("held_out", "predicted", "label", "example_id", "split", "seed", "correct")
    ]


def test_held_out_tells_rows_apart_where_none_is_of_one_run() -> None:
    gone = order_of_going(BY_HELD_OUT, held_out=["no", "yes"])
    assert gone[-1] == "mean"
    assert "held_out" not in gone


def test_what_a_number_is_made_of_goes_before_it() -> None:
    columns = ["evaluation", "examples", "accuracy_a", "accuracy_b", "observed", "kappa"]
    gone = order_of_going(columns, evaluation=["1", "2"])
    assert gone == ["observed", "accuracy_b", "accuracy_a", "examples", "kappa"]


@pytest.mark.parametrize("columns", [["runs_trained_on", "runs_held_out"], ["a", "b"]])
def test_one_column_is_left(columns: list[str]) -> None:
    assert order_of_going(columns) == columns[1:]
