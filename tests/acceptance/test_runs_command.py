"""`tracker runs`: the runs of an ensemble, and the life of one."""

import json

import pytest

from tests.acceptance.conftest import Tracker, Typed

pytestmark = pytest.mark.embedded_only


def test_runs_are_listed(digits_ensemble: Tracker) -> None:
    head, _, *rows = digits_ensemble("runs", "digits").splitlines()
    assert head.split() == [
        "seed", "run", "state", "attempt", "evaluations", "worker", "last", "error"
    ]  # fmt: skip
    assert [row.split()[0] for row in rows] == [str(seed) for seed in range(10)]
    assert {tuple(row.split()[2:5]) for row in rows} == {("complete", "1", "31/31")}
    listed = json.loads(digits_ensemble("runs", "digits", "--json"))
    assert [run["seed"] for run in listed] == list(range(10))


def test_a_life_is_told(digits_ensemble: Tracker) -> None:
    told = digits_ensemble("runs", "digits", "--seed", "3")
    assert "digits seed 3 (run " in told
    assert "queued by   tracker enqueue --arch mlp-tiny --dataset mnist5k --seeds 10" in told
    assert "trained by  tracker worker" in told
    assert "torch 2." in told
    happened = [line for line in told.splitlines() if line.startswith("20")]
    assert [line.split("  ")[1].split()[0] for line in happened] == [
        "queued", "claimed", "evaluation", "complete"
    ]  # fmt: skip
    assert "evaluation 0 to 30" in happened[2]
    life = json.loads(digits_ensemble("runs", "digits", "--seed", "3", "--json"))
    [[run]] = digits_ensemble.sql("SELECT id FROM run WHERE seed = 3")
    assert life["run"]["run_id"] == int(run)
    assert digits_ensemble("runs", "digits", "--run", run) == told
    numbers = [one["evaluation"] for one in life["history"] if one["event"] == "evaluation"]
    assert numbers == list(range(31))
    assert life["provenance"]["deterministic"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits", "--seed", "10"), "ensemble 'digits' has no seed 10: it has 0 to 9"),
        (("digits", "--run", "99999"), "ensemble 'digits' has no run 99999: it has "),
        (("digits", "--run", "1", "--seed", "1"), "--run 1 and --seed 1: give one of them"),
        (("digit",), "no ensemble 'digit': choose one of digits"),
    ],
    ids=str,
)
def test_what_is_not_there_is_said(digits: Typed, arguments: tuple[str, ...], message: str) -> None:
    done = digits.run("runs", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [("doctor",), ("query", "run_accuracy", "--limit", "2")])
def test_json_is_asked_for_in_one_way_everywhere(digits: Typed, command: tuple[str, ...]) -> None:
    asked = digits.run(*command, "--json")
    spelled = digits.run(*command, "--format", "json")
    # What doctor finds of memory and disk may change from one to the next.
    one, other = json.loads(asked.stdout), json.loads(spelled.stdout)
    assert len(one) == len(other) > 1
    assert [list(each) for each in one] == [list(each) for each in other]
    assert asked.returncode == spelled.returncode == 0
