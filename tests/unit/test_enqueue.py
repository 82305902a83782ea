"""`tracker enqueue --record`: what it asks for and how much that is."""

import pytest
import typer
from typer.testing import CliRunner

from tests.unit.test_specs import spec
from tracker.cli import enqueue
from tracker.ensembles import Enqueued
from tracker.errors import UsageError
from tracker.specs import EnsembleSpec, Recording


def recording(*signals: str, **changes: object) -> EnsembleSpec:
    return spec(dataset="cifar10", signals=signals, **changes)


def test_bytes_of_signals() -> None:
    # CIFAR-10 has 60,000 examples; three epochs.
    assert enqueue.recorded_bytes(recording("loss"), 1) == 60_000 * 3 * 4
    assert enqueue.recorded_bytes(recording("loss", "el2n"), 7) == 60_000 * 3 * 4 * 2 * 7
    assert enqueue.recorded_bytes(recording("loss", initial=True), 1) == 60_000 * 4 * 4
    assert enqueue.recorded_bytes(recording("loss", examples=20_000), 1) == 30_000 * 3 * 4
    assert enqueue.recorded_bytes(recording(), 100) == 0
    # Ten classes, at the last evaluation alone.
    assert enqueue.recorded_bytes(recording("loss", outputs=True), 2) == 60_000 * (3 + 10) * 4 * 2


def test_much_is_noted_in_one_line() -> None:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enqueue, "note", said.append)
        enqueue._note_storage(recording("loss", "el2n"), 600)
        enqueue._note_storage(recording("loss", "el2n"), 700)
        enqueue._note_storage(recording(), 100_000)
    assert said == ["--record el2n,loss: 1.0 GB in the database when all runs are complete"]


def test_names_are_trimmed_sorted_and_unique() -> None:
    assert enqueue._recording("1epoch", False, None) == Recording()
    told = enqueue._recording("1epoch", False, "loss, outputs,confidence,loss")
    assert (told.signals, told.outputs) == (("confidence", "loss"), True)
    assert told.named == ("confidence", "loss", "outputs")
    with pytest.raises(
        UsageError, match=r"unknown signal 'los': choose one of .* el2n, output_margin, outputs"
    ):
        enqueue._recording("1epoch", False, "los")


def test_who_stops_waiting_is_told_that_the_runs_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    queued = Enqueued(1, "mine", created=True, added=(1,), states={"queued": 1})
    monkeypatch.setattr(enqueue, "open_engine", lambda *_, **__: None)
    monkeypatch.setattr(enqueue, "queue_ensemble", lambda *_, **__: (spec(), queued))
    monkeypatch.setattr(enqueue, "wait_for", interrupted)
    app = typer.Typer()
    app.command()(enqueue.enqueue)
    command = ["--arch", "mlp-tiny", "--dataset", "digits", "--seeds", "1", "--wait"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 130
    assert "`tracker cancel mine` stops them" in " ".join(result.stderr.split())
