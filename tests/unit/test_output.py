"""How commands print: tables that lose nothing, JSON, and the words of `tracker show`."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.support.typed import typed
from tracker.cli import output
from tracker.cli.show import thin
from tracker.reports import LearningScores, TpHistogram, difficulty_groups, recipe_line
from tracker.spans import Span
from tracker.specs import EnsembleSpec, Recipe, Recording, StepDecay

ROW = {"name": "mnist5k [a]", "share_of_all": "97.3%", "runs": 10, "left": None}


def rendered(*items: object, width: int = 80) -> str:
    console = Console(width=width, markup=False, highlight=False, color_system=None)
    with console.capture() as capture:
        for item in items:
            console.print(item)
    return capture.get()


# --- tables ---------------------------------------------------------------------------------------


def test_a_table_has_a_column_for_each_key() -> None:
    lines = rendered(output.table([ROW, ROW | {"name": "b", "runs": 7}])).splitlines()
    assert [line.rstrip() for line in lines] == [
        "name         share of all  runs  left",
        "─────────────────────────────────────",
        "mnist5k [a]         97.3%    10     -",
        "b                   97.3%     7     -",
    ]


def test_columns_can_be_chosen() -> None:
    first = rendered(output.table([ROW], columns=("runs", "name"))).splitlines()[0]
    assert first.split() == ["runs", "name"]


def test_nothing_is_cut_when_the_terminal_is_narrow() -> None:
    long = "cifar100-resnet18-lr0.05-every50steps"
    row = {"ensemble": long, "runs": "10/10", "created": "2026-01-02"}
    lines = rendered(output.table([row]), width=40).splitlines()
    assert "".join(line.split()[0] for line in lines[2:]) == long
    # The other columns stay whole while there is a wider one to fold.
    assert lines[2].split()[1:] == ["10/10", "2026-01-02"]


def test_no_word_of_a_heading_is_broken_while_a_text_can_be_folded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output.out, "width", 40)
    row = {"type": "ambiguous unless the label is given", "of the mislabelled": "5%", "share": "1%"}
    lines = [line.split() for line in rendered(output.table([row]), width=40).splitlines()]
    assert lines[:3] == [["of"], ["the"], ["type", "mislabelled", "share"]]


def test_headings_stand_on_one_line_where_there_is_room() -> None:
    assert "of the mislabelled" in rendered(output.table([{"of the mislabelled": "5%"}]))


def test_a_table_without_rows_is_empty() -> None:
    assert rendered(output.table([])).strip() == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (True, "yes"),
        (False, "no"),
        (0.123456, "0.1235"),
        (12, "12"),
        (Path("a/b"), "a/b"),
    ],
)
def test_cells(value: object, shown: str) -> None:
    assert output.cell(value) == shown


@pytest.mark.parametrize(
    ("zone", "shown"), [("UTC", "03:04+00:00"), ("Asia/Kolkata", "08:34+05:30")]
)
def test_times_are_of_this_machines_zone_and_name_it(
    zone: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        assert output.cell(moment) == f"2026-01-02 {shown}"
        assert output.moment(moment, "seconds") == f"2026-01-02 {shown[:5]}:05{shown[5:]}"
    time.tzset()


@pytest.mark.parametrize("text", ["1", "-1.5", "1,234", "97.3%", "97 %", "3/10", "-", ""])
def test_numbers_are_flush_right(text: str) -> None:
    assert output.NUMBER.fullmatch(text)


@pytest.mark.parametrize("text", ["mnist5k", "28x28", "2026-01-02", "9.5 (6.9-13.6)", "1 run"])
def test_words_are_flush_left(text: str) -> None:
    assert not output.NUMBER.fullmatch(text)


# --- JSON -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    name: str
    at: datetime
    inner: tuple[object, ...]


def test_json_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    spec = EnsembleSpec(dataset="mnist5k", arch="mlp-tiny", recipe=RECIPE)
    time = datetime(2026, 1, 2, tzinfo=UTC)
    inner = (np.arange(2), np.float64(0.5), Decimal("1.5"), Path("a"), spec, "[b]é" * 100, None)
    output.print_json({"sample": Sample("x", time, inner)})
    assert json.loads(capsys.readouterr().out)["sample"] == {
        "name": "x",
        "at": "2026-01-02T00:00:00+00:00",
        "inner": [[0, 1], 0.5, 1.5, "a", spec.model_dump(mode="json"), "[b]é" * 100, None],
    }


@pytest.mark.parametrize("value", [object(), {1, 2}, Sample])
def test_json_refuses_what_has_no_form(value: object) -> None:
    with pytest.raises(TypeError, match="no JSON form of"):
        output.print_json(value)


def test_json_refuses_nan_which_is_no_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        output.print_json(float("nan"))


# --- consoles -------------------------------------------------------------------------------------


def run(program: str, *, shell_tail: str = "") -> subprocess.CompletedProcess[str]:
    command = f'"$0" -c "$1"{shell_tail}'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command, sys.executable, program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )


def test_piped_output_is_plain_and_not_wrapped() -> None:
    line = "[red]x[/red] :smile: " + " ".join(["word"] * 100)
    done = run(f"from tracker.cli.output import out, note; out.print({line!r}); note('remark')")
    assert done.stdout == line + "\n"
    assert done.stderr == "remark\n"


def test_a_reader_that_has_had_enough_is_no_failure() -> None:
    program = "from tracker.cli.output import out\nfor i in range(100_000): out.print(i)"
    done = run(program, shell_tail=" | head -n 1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


# --- words of `tracker show` ----------------------------------------------------------------------

RECIPE = Recipe(length=Span(30, "epoch"), batch_size=128, optimizer="sgd", lr=0.01)
EVERY = StepDecay(divisor=1.8, every=Span(20, "epoch"))
AT = StepDecay(divisor=5, at=(Span(2500, "step"), Span(8000, "step")))


@pytest.mark.parametrize(
    ("changes", "recording", "line"),
    [
        ({}, {}, "30 epochs, batch 128, sgd lr 0.01, scored every epoch"),
        (
            {"optimizer": "adam", "momentum": 0.9, "weight_decay": 1e-4, "decay": EVERY},
            {"initial": True},
            "30 epochs, batch 128, adam lr 0.01 momentum 0.9 weight decay 0.0001, "
            "lr / 1.8 every 20 epochs, scored every epoch and before training",
        ),
        (
            {"length": Span(1, "step"), "decay": AT},
            {"every": Span(50, "step")},
            "1 step, batch 128, sgd lr 0.01, lr / 5 after 2500 steps and after 8000 steps, "
            "scored every 50 steps",
        ),
    ],
)
def test_a_recipe_in_one_line(
    changes: dict[str, object], recording: dict[str, object], line: str
) -> None:
    recipe = RECIPE.model_copy(update=changes)
    assert recipe_line(recipe, Recording().model_copy(update=recording)) == line


@pytest.mark.parametrize("length", [1, 2, 11, 12, 13, 31, 1000])
def test_thinning_keeps_the_ends(length: int) -> None:
    kept = thin(range(length), 12)
    assert len(kept) == min(length, 12)
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (0, length - 1)


def test_order_of_equal_examples() -> None:
    scores = LearningScores(
        runs=3,
        evaluations=9,
        labels=np.zeros(6, dtype=np.int64),
        # 0.1 + 0.2 and 0.3 are the same share of runs, summed in another order.
        accessibility=np.array([0.3, 0.1 + 0.2, 0.3, 0.9, 0.3, 0.3]),
        mean_learned=np.array([4.0, 2.0, np.nan, 5.0, 2.0, 9.0]),
        learned_share=np.ones(6),
        forgetting_events=np.array([0.0, 0.0, 0.0, 2.0, 0.0, 1.0]),
    )
    order = scores.order().tolist()
    assert (order[0], {*order[1:3]}, order[3:]) == (3, {1, 4}, [0, 2, 5])
    assert scores.order().tolist() == order, "the same every time"
    assert scores.tied_with(0) == 5
    assert scores.example(2, ("zero",)).mean_learned is None


def test_many_equals_are_not_listed_by_position() -> None:
    """Of a set that is sorted by class, the first ten of many equals would be of one class."""
    ones, labels = np.ones(500), np.repeat(np.arange(10), 50)
    scores = LearningScores(3, 9, labels, ones, ones, ones, np.zeros(500))
    assert len(set(labels[scores.order()[:10]])) > 3


@pytest.mark.parametrize(
    ("examples", "shares"),
    [([1, 2, 3, 4], [0.4, 0.5, 0.1]), ([3, 7], [0.7, 0.0, 0.3])],
)
def test_difficulty_groups_are_the_ends_of_the_histogram(
    examples: list[int], shares: list[float]
) -> None:
    counts = np.array(examples)
    groups = difficulty_groups(TpHistogram(5, len(examples) - 1, counts, counts[::-1] * 1.0))
    assert [group.group for group in groups] == ["trivial", "in between", "impossible"]
    assert [group.share for group in groups] == pytest.approx(shares)
    assert [group.null_share for group in groups] == pytest.approx(shares[::-1])
    assert sum(group.examples for group in groups) == sum(examples)


@pytest.mark.parametrize(
    "command",
    [
        ("doctor", "--format", "text"),
        ("query", "learning_order", "--format", "csv"),
        ("curriculum", "replay", "mine", "--epoch", "0", "--format", "lines"),
    ],
    ids=lambda command: command[0],
)
def test_json_and_another_format_are_refused(command: tuple[str, ...]) -> None:
    refusal = f"tracker: --json and --format {command[-1]}: give one of them\n"
    assert typed([*command, "--json"]) == (2, "", refusal)


@pytest.mark.parametrize(
    ("form", "json", "chosen"),
    [(None, False, None), ("csv", False, "csv"), (None, True, "json"), ("json", True, "json")],
)
def test_the_format_that_is_asked_for(form: str | None, json: bool, chosen: str | None) -> None:
    assert output.chosen_format(form, json) == chosen
