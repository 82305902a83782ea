"""One message, one run: claimed, trained, recorded; and what the caretaker finds again."""

import pytest
from sqlalchemy import Engine, select, text, update

from tracker.datasets import load_dataset
from tracker.db.models import Dataset, Run
from tracker.ensembles import enqueue_runs
from tracker.outcomes import writer
from tracker.queue import make_celery, send_runs, waiting_messages
from tracker.recipes import get_architecture
from tracker.registry import register_dataset
from tracker.runs import claim_run
from tracker.settings import Settings
from tracker.specs import EnsembleSpec, Span
from workers.caretaker import Caretaker
from workers.task import work

SPEC = EnsembleSpec(
    dataset="digits",
    examples=50,
    arch="mlp-tiny",
    recipe=get_architecture("mlp-tiny").stock.model_copy(update={"length": Span(2, "epoch")}),
)


@pytest.fixture
def runs(engine: Engine, settings: Settings) -> tuple[int, ...]:
    """Ids of two queued runs."""
    with engine.begin() as connection:
        dataset = register_dataset(connection, load_dataset("digits", examples=50))
        return enqueue_runs(connection, "digits", SPEC, dataset, range(2), settings.queue).added


def row_of(engine: Engine, run_id: int) -> Run:
    with engine.connect() as connection:
        return connection.execute(select(Run.__table__).where(Run.id == run_id)).one()  # type: ignore[return-value]


def test_a_run_is_trained_recorded_and_complete(
    engine: Engine, settings: Settings, runs: tuple[int, ...]
) -> None:
    assert work(engine, settings, runs[0], "here:1") == "complete"
    row = row_of(engine, runs[0])
    assert (row.state, row.attempt, row.step, row.error) == ("complete", 1, 2, None)
    assert row.examples_per_second > 0
    assert row.provenance["device"] == "cpu"
    assert row.provenance["deterministic"] is True
    assert row.worker == "here:1"
    with engine.connect() as connection:
        outcomes = connection.scalar(text("SELECT count(*) FROM outcome"))
    assert outcomes == 2 * 100, "two evaluations of 50 training and 50 test examples"


@pytest.mark.embedded_only
def test_the_same_message_twice_trains_once(
    engine: Engine, settings: Settings, runs: tuple[int, ...]
) -> None:
    assert [work(engine, settings, runs[0], "here:1") for _ in range(3)] == [
        "complete",
        "skipped",
        "skipped",
    ]
    assert work(engine, settings, 12345, "here:1") == "skipped"


@pytest.mark.embedded_only
def test_other_data_on_the_worker_fails_the_run_and_records_nothing(
    engine: Engine, settings: Settings, runs: tuple[int, ...]
) -> None:
    with engine.begin() as connection:
        connection.execute(update(Dataset).values(fingerprint="of something else"))
    assert work(engine, settings, runs[0], "here:1") == "failed"
    assert "is not the one that the ensemble was queued with" in (
        row_of(engine, runs[0]).error or ""
    )
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM evaluation")) == 0


@pytest.mark.embedded_only
def test_a_second_attempt_agrees_with_what_the_first_recorded(
    engine: Engine, settings: Settings, runs: tuple[int, ...]
) -> None:
    assert work(engine, settings, runs[0], "here:1") == "complete"
    again = {"state": "queued", "attempt": 1}
    with engine.begin() as connection:
        connection.execute(update(Run).where(Run.id == runs[0]).values(again))
    assert work(engine, settings, runs[0], "here:1") == "complete"
    with engine.begin() as connection:
        connection.execute(update(Run).where(Run.id == runs[0]).values(again))
        connection.execute(
            text("UPDATE outcome_block SET correct = ~correct WHERE evaluation = 2 AND block = 0")
        )
    assert work(engine, settings, runs[0], "here:1") == "failed"
    assert "evaluation 2 differs from the recorded one" in (row_of(engine, runs[0]).error or "")


@pytest.mark.embedded_only
def test_a_worker_whose_run_was_taken_away_stops_and_leaves_no_mark(
    engine: Engine, settings: Settings, runs: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = writer.record_evaluation

    def taken_away(connection: object, claim: object, *rest: object) -> bool:
        with engine.begin() as other:
            other.execute(update(Run).where(Run.id == runs[0]).values(state="queued"))
            assert claim_run(other, runs[0], "other:1") is not None
        return record(connection, claim, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(writer, "record_evaluation", taken_away)
    assert work(engine, settings, runs[0], "here:1") == "lost"
    row = row_of(engine, runs[0])
    assert (row.state, row.attempt, row.worker, row.error) == ("running", 2, "other:1", None)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM evaluation")) == 0


def test_the_caretaker_queues_silent_runs_and_sends_lost_messages_again(
    engine: Engine, settings: Settings, runs: tuple[int, ...]
) -> None:
    app = make_celery(settings)
    caretaker = Caretaker(app, settings)
    send_runs(app, engine, runs)
    assert waiting_messages(app, settings) == 2
    caretaker.look_after(engine)
    assert waiting_messages(app, settings) == 2, "nothing is lost: nothing is sent"

    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge(settings.queue)
    caretaker.look_after(engine)
    assert waiting_messages(app, settings) == 0, "sent a moment ago: a worker may hold it"
    long_ago = text("UPDATE run SET sent_at = now() - interval '1 hour'")
    with engine.begin() as database:
        database.execute(long_ago)
    caretaker.look_after(engine)
    assert waiting_messages(app, settings) == 2
    caretaker.look_after(engine)
    assert waiting_messages(app, settings) == 2

    with engine.begin() as database:
        assert claim_run(database, runs[0], "gone:1") is not None
        database.execute(text("UPDATE run SET heartbeat_at = now() - interval '1 hour'"))
    caretaker.look_after(engine)
    assert row_of(engine, runs[0]).state == "queued"
    assert waiting_messages(app, settings) == 3
    app.close()
