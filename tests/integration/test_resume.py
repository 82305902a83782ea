"""Runs that are interrupted and go on: from a checkpoint, and with the same bits."""

import errno
import itertools
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import torch
from sqlalchemy import Connection, Engine, event, select, text, update

from tests.support.recorded import everything_recorded
from tracker import runs
from tracker.checkpoints import CheckpointFolder
from tracker.datasets import load_dataset
from tracker.db.engine import make_engine
from tracker.db.models import Run
from tracker.deletion import delete_checkpoints, delete_ensemble
from tracker.ensembles import enqueue_runs
from tracker.errors import DatasetUnavailableError
from tracker.outcomes import stream
from tracker.recipes import get_architecture
from tracker.registry import register_dataset
from tracker.settings import Settings
from tracker.spans import Span
from tracker.specs import EnsembleSpec, Recording
from workers import attempt
from workers.task import work

pytestmark = pytest.mark.embedded_only

SPEC = EnsembleSpec(
    dataset="digits",
    examples=100,
    arch="mnist-cnn",
    recipe=get_architecture("mlp-tiny").stock.model_copy(
        update={"length": Span(4, "epoch"), "batch_size": 16, "lr": 0.1}
    ),
    recording=Recording(every=Span(5, "step"), signals=("loss",)),
)
EVALUATIONS = 6


@pytest.fixture
def eager(settings: Settings) -> Settings:
    """A checkpoint at every evaluation."""
    return settings.model_copy(update={"checkpoint_seconds": 0.0, "stale_seconds": 3.0})


@pytest.fixture
def run_ids(engine: Engine, settings: Settings) -> tuple[int, ...]:
    """The same seed in two ensembles: one to disturb, one to compare with."""
    with engine.begin() as connection:
        dataset = register_dataset(connection, load_dataset("digits", examples=100))
        return tuple(
            enqueue_runs(connection, name, SPEC, dataset, range(1), settings.queue).added[0]
            for name in ("disturbed", "undisturbed")
        )


def row_of(engine: Engine, run_id: int) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(Run.__table__).where(Run.id == run_id)).one()


def events(engine: Engine, run_id: int) -> list[str]:
    with engine.connect() as connection:
        query = text("SELECT event FROM run_event WHERE run_id = :id ORDER BY id")
        return list(connection.scalars(query, {"id": run_id}))


def detail(engine: Engine, run_id: int, name: str) -> Any:
    with engine.connect() as connection:
        query = text(
            "SELECT detail FROM run_event WHERE run_id = :id AND event = :name "
            "ORDER BY id DESC LIMIT 1"
        )
        return connection.scalar(query, {"id": run_id, "name": name})


def after(evaluations: int) -> Callable[[], bool]:
    """Says at the so-many-th evaluation that the worker is to stop."""
    asked = itertools.count(1)
    return lambda: next(asked) >= evaluations


def names(settings: Settings, engine: Engine, run_id: int) -> list[str]:
    return CheckpointFolder(settings.checkpoint_folder).names(row_of(engine, run_id).uid)


def assert_same(engine: Engine, run_ids: tuple[int, ...]) -> None:
    """The two runs have recorded the same: outcomes, signals, summaries, losses."""
    with engine.connect() as connection:
        disturbed, undisturbed = (everything_recorded(connection, run_id) for run_id in run_ids)
    assert disturbed == undisturbed
    assert disturbed["evaluation"]


# --- going on -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stops", [(1,), (3,), (2, 1, 2)], ids=str)
def test_a_run_that_was_drained_goes_on_and_ends_with_the_same_bits(
    engine: Engine, settings: Settings, run_ids: tuple[int, ...], stops: tuple[int, ...]
) -> None:
    disturbed, undisturbed = run_ids
    assert work(engine, settings, undisturbed, "here:1") == "complete"
    for stop in stops:
        assert work(engine, settings, disturbed, "here:1", after(stop)) == "queued"
        row = row_of(engine, disturbed)
        assert (row.state, row.error, row.sent_at) == ("queued", None, None)
    assert names(settings, engine, disturbed)
    assert work(engine, settings, disturbed, "here:2") == "complete"
    row = row_of(engine, disturbed)
    assert row.max_attempts - row.attempt == 2, "draining uses up no attempts"
    assert_same(engine, run_ids)
    once = ["checkpoint", "given_back", "claimed", "resumed"]
    assert events(engine, disturbed) == ["queued", "claimed", *once * len(stops), "complete"]
    assert detail(engine, disturbed, "resumed") == {"evaluation": sum(stops), "deleted": 0}
    assert names(settings, engine, disturbed) == [], "of no use to a complete run"


def lost_after(engine: Engine, settings: Settings, run_id: int, evaluation: int) -> None:
    """A worker that vanishes once so much is recorded, without a word."""

    class Vanished(BaseException):
        pass

    record = stream.record_evaluations

    def vanishing(connection: Any, claim: Any, layout: Any, records: Any) -> bool:
        if records[-1].evaluation > evaluation:  # what has waited is written together
            raise Vanished
        return record(connection, claim, layout, records)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "record_evaluations", vanishing)
        with pytest.raises(Vanished):
            work(engine, settings, run_id, "gone:1")
    with engine.begin() as connection:
        connection.execute(text("UPDATE run SET heartbeat_at = now() - interval '1 hour'"))
        [silent] = runs.reap(connection, settings.queue, timedelta(minutes=1))
        assert (silent.run_id, silent.worker, silent.state) == (run_id, "gone:1", "queued")


def test_a_lost_run_goes_on_from_its_last_checkpoint(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...]
) -> None:
    assert work(engine, eager, run_ids[1], "here:1") == "complete"
    lost_after(engine, eager, run_ids[0], 4)
    assert work(engine, eager, run_ids[0], "here:1") == "complete"
    assert detail(engine, run_ids[0], "resumed")["evaluation"] == 4
    assert_same(engine, run_ids)
    assert "lost" in events(engine, run_ids[0])


def test_without_a_checkpoint_it_starts_again_and_agrees(
    engine: Engine, settings: Settings, run_ids: tuple[int, ...]
) -> None:
    assert work(engine, settings, run_ids[1], "here:1") == "complete"
    lost_after(engine, settings, run_ids[0], 4)
    assert names(settings, engine, run_ids[0]) == [], "none was due"
    assert work(engine, settings, run_ids[0], "here:1") == "complete"
    assert "resumed" not in events(engine, run_ids[0])
    assert_same(engine, run_ids)


def test_after_the_last_evaluation_nothing_is_left_to_train(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded whole, but its worker died before it could say so."""
    assert work(engine, eager, run_ids[1], "here:1") == "complete"
    assert work(engine, eager, run_ids[0], "here:1") == "complete"
    with engine.begin() as connection:
        connection.execute(update(Run).where(Run.id == run_ids[0]).values(state="queued"))
    assert work(engine, eager, run_ids[0], "here:1") == "complete"
    assert_same(engine, run_ids)


def test_damaged_checkpoints_cost_time_and_no_bit(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...]
) -> None:
    assert work(engine, eager, run_ids[1], "here:1") == "complete"
    assert work(engine, eager, run_ids[0], "here:1", after(4)) == "queued"
    folder = Path(eager.checkpoint_folder) / str(row_of(engine, run_ids[0]).uid)
    [_, newer] = sorted(folder.iterdir())
    newer.write_bytes(newer.read_bytes()[:-1])
    assert work(engine, eager, run_ids[0], "here:1", after(1)) == "queued"
    assert detail(engine, run_ids[0], "resumed")["evaluation"] == 3
    for path in folder.iterdir():
        path.write_bytes(b"nothing of use")
    assert work(engine, eager, run_ids[0], "here:1") == "complete"
    assert events(engine, run_ids[0]).count("resumed") == 1
    assert_same(engine, run_ids)


def test_a_replay_that_disagrees_with_what_is_recorded_fails_loudly(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...]
) -> None:
    """An evaluation that was recorded after the checkpoint, and is not what it was."""
    lost_after(engine, eager, run_ids[0], 4)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE outcome_block SET correct = ~correct WHERE evaluation = 4 AND block = 0")
        )
    folder = Path(eager.checkpoint_folder) / str(row_of(engine, run_ids[0]).uid)
    (folder / "00000004.checkpoint").unlink()
    assert work(engine, eager, run_ids[0], "here:1") == "failed"
    assert "evaluation 4 differs from the recorded one" in row_of(engine, run_ids[0]).error


def test_deleting_an_ensemble_deletes_the_checkpoints_of_its_runs(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...]
) -> None:
    for run_id in run_ids:
        assert work(engine, eager, run_id, "here:1", after(1)) == "queued"
    kept = row_of(engine, run_ids[1]).uid
    with engine.begin() as connection:
        found = delete_ensemble(connection, "disturbed", force=True)
    assert delete_checkpoints(eager.checkpoint_folder, found.uids) is None
    assert CheckpointFolder(eager.checkpoint_folder).runs() == [kept]
    assert "nowhere://x stay" in (delete_checkpoints("nowhere://x", found.uids) or "")


# --- on hardware that does not repeat its bits ----------------------------------------------------


@pytest.fixture
def unrepeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything happens on a CPU that calls itself a GPU."""
    true = attempt.provenance
    monkeypatch.setattr(
        attempt, "provenance", lambda device: {**true(device), "device": "some GPU"}
    )


def test_on_a_gpu_what_is_recorded_after_the_checkpoint_is_recorded_anew(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...], unrepeatable: None
) -> None:
    assert work(engine, eager, run_ids[1], "here:1") == "complete"
    lost_after(engine, eager, run_ids[0], 4)
    with engine.begin() as connection:
        # As if the lost attempt had gone another way after its last checkpoint but one.
        for change in ("outcome_block SET correct = ~correct", "evaluation SET checksum = ''"):
            where = "WHERE evaluation = 4 AND run_id = :id"
            connection.execute(text(f"UPDATE {change} {where}"), {"id": run_ids[0]})
    assert work(engine, eager, run_ids[0], "here:1") == "complete"
    assert detail(engine, run_ids[0], "resumed") == {"evaluation": 3, "deleted": 1}
    assert_same(engine, run_ids)


def test_on_a_gpu_without_a_checkpoint_the_history_is_begun_anew(
    engine: Engine, settings: Settings, run_ids: tuple[int, ...], unrepeatable: None
) -> None:
    assert work(engine, settings, run_ids[1], "here:1") == "complete"
    lost_after(engine, settings, run_ids[0], 4)
    assert work(engine, settings, run_ids[0], "here:1") == "complete"
    assert detail(engine, run_ids[0], "begun_anew") == {"deleted": 4}
    assert_same(engine, run_ids)


# --- what goes wrong, and whether it is tried again -----------------------------------------------


def failing(error: Exception, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """The training raises `error` so many times."""
    left = [error] * times
    true = attempt.train

    def train(*given: Any) -> Iterator[Any]:
        for count, record in enumerate(true(*given)):
            yield record
            if count == 1 and left:
                raise left.pop()

    monkeypatch.setattr(attempt, "train", train)


PASSING = [
    MemoryError("no more"),
    OSError(errno.EIO, "Input/output error"),
    ConnectionResetError("reset by peer"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_an_error_that_may_pass_is_tried_again_later(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...], error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    failing(error, monkeypatch)
    run_id = run_ids[0]
    assert work(engine, eager, run_id, "here:1") == "queued"
    row = row_of(engine, run_id)
    assert (row.state, row.attempt, row.max_attempts) == ("queued", 1, 3)
    assert "Traceback" in row.error
    assert str(error) in detail(engine, run_id, "retried")["error"]
    assert work(engine, eager, run_id, "here:1") == "skipped", "not at once"
    with engine.begin() as connection:
        assert run_id not in runs.unsent_runs(connection, eager.queue, timedelta(0))
        connection.execute(text("UPDATE run SET retry_at = now()"))
        assert run_id in runs.unsent_runs(connection, eager.queue, timedelta(0))
    assert work(engine, eager, run_id, "here:1") == "complete"
    assert row_of(engine, run_id).error is None


def test_attempts_are_not_endless(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(MemoryError("no more"), monkeypatch, times=9)
    for ended in ("queued", "queued", "failed"):
        assert work(engine, eager, run_ids[0], "here:1") == ended
        with engine.begin() as connection:
            connection.execute(text("UPDATE run SET retry_at = NULL"))
    row = row_of(engine, run_ids[0])
    assert (row.attempt, row.error.splitlines()[-1]) == (3, "MemoryError: no more")
    assert detail(engine, run_ids[0], "failed") == {"error": "MemoryError: no more"}


@pytest.mark.parametrize("error", [ValueError("a layer too few"), RuntimeError("shapes differ")])
def test_a_network_that_raises_fails_at_once_with_its_traceback(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...], error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    failing(error, monkeypatch)
    assert work(engine, eager, run_ids[0], "here:1") == "failed"
    row = row_of(engine, run_ids[0])
    assert (row.state, row.attempt) == ("failed", 1)
    assert row.error.startswith("Traceback")
    assert row.error.splitlines()[-1] == f"{type(error).__name__}: {error}"
    # The queue goes on, and the run does when it is asked to: from its checkpoint.
    assert work(engine, eager, run_ids[1], "here:1") == "complete"
    with engine.begin() as connection:
        assert runs.retry(connection, [run_ids[0]]) == [run_ids[0]]
    assert work(engine, eager, run_ids[0], "here:1") == "complete"
    told = [name for name in events(engine, run_ids[0]) if name != "checkpoint"]
    assert told == ["queued", "claimed", "failed", "retried", "claimed", "resumed", "complete"]
    assert_same(engine, run_ids)


def test_a_worker_without_the_data_leaves_the_run_to_others(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise DatasetUnavailableError("dataset 'digits' is not in /nowhere")

    with monkeypatch.context() as patch:
        patch.setattr(attempt, "load_tensors", missing)
        for _ in range(5):
            assert work(engine, eager, run_ids[0], "poor:1") == "queued"
            assert work(engine, eager, run_ids[0], "poor:1") == "skipped", "backs off"
            with engine.begin() as connection:
                connection.execute(text("UPDATE run SET retry_at = NULL"))
    assert row_of(engine, run_ids[0]).error == "dataset 'digits' is not in /nowhere"
    with engine.connect() as connection:
        # `tracker worker --once` there waits for the other run alone.
        assert runs.open_runs(connection, eager.queue, "poor:1") == 1
        assert runs.open_runs(connection, eager.queue, "rich:1") == 2
    assert work(engine, eager, run_ids[0], "rich:1") == "complete"


# --- a database that goes away --------------------------------------------------------------------


def test_a_database_that_breaks_off_in_a_commit_is_asked_again(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...]
) -> None:
    """Carried out or not: the evaluation is there once, and the training has not begun again."""
    assert work(engine, eager, run_ids[1], "here:1") == "complete"
    breaks = iter([True, True, False, True])

    def break_off(connection: Connection) -> None:
        recording = connection.info.pop("recording", False)
        if recording and next(breaks, False):
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    def note(connection: Any, _: Any, statement: str, *__: Any) -> None:
        if statement.startswith("INSERT INTO evaluation"):
            connection.info["recording"] = True

    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "commit", break_off)
    assert work(engine, eager, run_ids[0], "here:1") == "complete"
    assert next(breaks, None) is None, "it did break off"
    assert row_of(engine, run_ids[0]).attempt == 1
    assert_same(engine, run_ids)


def test_workers_that_die_use_up_no_attempts_while_they_get_on(
    engine: Engine, eager: Settings, run_ids: tuple[int, ...]
) -> None:
    for evaluation in range(1, EVALUATIONS):
        lost_after(engine, eager, run_ids[0], evaluation)
    assert work(engine, eager, run_ids[0], "here:1") == "complete"
    assert row_of(engine, run_ids[0]).attempt == EVALUATIONS
    assert work(engine, eager, run_ids[1], "here:1") == "complete"
    assert_same(engine, run_ids)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_sessions_that_an_administrator_ended_are_replaced(engine: Engine) -> None:
    with engine.connect() as connection:
        [pid] = connection.execute(text("SELECT pg_backend_pid()")).one()
    admin = make_engine(engine.url)
    with admin.begin() as connection:
        assert connection.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    admin.dispose()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != pid
