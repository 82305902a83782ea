"""One message, one run: claimed, trained, recorded; and what the caretaker finds again."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, Engine, select, text, update

from tracker.analysis import analyze
from tracker.datasets import load_dataset
from tracker.db.models import Dataset, Run
from tracker.ensembles import enqueue_runs
from tracker.logs import HumanFormatter
from tracker.outcomes import stream
from tracker.outcomes.layout import Layout
from tracker.outcomes.writer import EvaluationRecord
from tracker.queue import make_celery, send_analysis, send_runs, waiting_messages
from tracker.recipes import get_architecture
from tracker.registry import register_dataset
from tracker.runs import Claim, claim_run, request_cancel
from tracker.settings import Settings
from tracker.spans import Span
from tracker.specs import EnsembleSpec, Recording
from tracker.verification import verify
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
def test_a_failures_text_is_stored_masked(
    engine: Engine,
    settings: Settings,
    runs: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> str:
        raise ValueError("no answer from ftp://me:hush@host")

    monkeypatch.setenv("TRACKER_CHECKPOINT_URL", "ftp://me:hush@host/folder")
    monkeypatch.setattr("workers.task.Attempt.train", fail)
    monkeypatch.setattr(caplog.handler, "formatter", HumanFormatter())
    assert work(engine, settings, runs[0], "here:1") == "failed"
    assert row_of(engine, runs[0]).error.endswith("no answer from ftp://me:***@host\n")
    assert "failed: no answer from ftp://me:***@host" in caplog.text


def test_outputs_are_recorded_when_asked_for_and_compared(
    engine: Engine, settings: Settings
) -> None:
    spec = SPEC.model_copy(update={"recording": Recording(outputs=True)})
    with engine.begin() as connection:
        dataset = register_dataset(connection, load_dataset("digits", examples=50))
        ids = enqueue_runs(connection, "asked", spec, dataset, range(2), settings.queue).added
    assert [work(engine, settings, run, "here:1") for run in ids] == ["complete"] * 2
    found = analyze(engine, "asked", "ensemble-agreement")
    assert (found.runs, found.examples) == (2, 100)
    assert verify(engine, "asked").problems == []
    with engine.connect() as connection:
        [[least, most]] = connection.execute(
            text("SELECT min(ensemble_agreement), max(ensemble_agreement) FROM ensemble_agreement")
        )
    assert 0 < least < most < 0.7


def test_every_run_is_summarised_and_signals_recorded_when_asked(
    engine: Engine, settings: Settings
) -> None:
    recording = Recording(signals=("loss", "confidence"))
    spec = SPEC.model_copy(update={"recording": recording})
    with engine.begin() as connection:
        dataset = register_dataset(connection, load_dataset("digits", examples=50))
        plain = enqueue_runs(connection, "plain", SPEC, dataset, range(1), settings.queue).added
        asked = enqueue_runs(connection, "asked", spec, dataset, range(1), settings.queue).added
    assert [work(engine, settings, run, "here:1") for run in plain + asked] == ["complete"] * 2
    with engine.connect() as connection:
        counts = connection.execute(
            text(
                "SELECT ensemble, signal, evaluations, count(*) FROM run_signal "
                "GROUP BY ensemble, signal, evaluations ORDER BY ensemble, signal"
            )
        ).all()
        # What is recorded, against what is summarised and against the predictions.
        [differing] = connection.execute(
            text(
                """
                SELECT count(*) FROM (
                    SELECT run_id, example_id, signal, avg(value) AS mean,
                        stddev_pop(value) AS deviation, count(*) AS evaluations
                    FROM signal GROUP BY run_id, example_id, signal
                ) AS told
                INNER JOIN run_signal USING (run_id, example_id, signal, evaluations)
                WHERE abs(told.mean - run_signal.mean) > 1e-6 * (1 + told.mean)
                    OR abs(told.deviation - run_signal.deviation) > 1e-6
                """
            )
        ).one()
        wrong_and_sure = connection.scalar(
            text(
                "SELECT count(*) FROM signal JOIN outcome USING (run_id, example_id, evaluation) "
                "WHERE signal = 'confidence' AND value > 0.5 AND NOT correct"
            )
        )
        runs = connection.execute(
            text("SELECT signal, count(*) FROM signal GROUP BY signal ORDER BY signal")
        ).all()
        same = connection.scalar(
            text(
                "SELECT count(DISTINCT correct) FROM outcome_block GROUP BY block, evaluation "
                "ORDER BY 1 DESC LIMIT 1"
            )
        )
    assert [tuple(row) for row in counts] == [
        ("asked", "confidence", 2, 100),
        ("asked", "loss", 2, 100),
        ("asked", "margin", 2, 100),
        ("plain", "confidence", 2, 100),
        ("plain", "margin", 2, 100),
    ]
    assert differing == 0
    assert wrong_and_sure == 0
    assert [tuple(row) for row in runs] == [("confidence", 200), ("loss", 200)]
    assert same == 1, "recording signals does not change the training"


@pytest.mark.embedded_only
def test_summaries_of_a_cancelled_run_cover_what_it_recorded(
    engine: Engine, settings: Settings
) -> None:
    recipe = SPEC.recipe.model_copy(update={"length": Span(5000, "epoch")})
    spec = SPEC.model_copy(update={"recipe": recipe})
    with engine.begin() as connection:
        dataset = register_dataset(connection, load_dataset("digits", examples=50))
        [run] = enqueue_runs(connection, "long", spec, dataset, range(1), settings.queue).added
    record = stream.record_evaluations

    def cancelling(connection: Connection, claim: Claim, layout: Layout,
                   group: Sequence[EvaluationRecord]) -> bool:  # fmt: skip
        if group[-1].evaluation >= 3:
            request_cancel(connection, [run])
        return record(connection, claim, layout, group)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "record_evaluations", cancelling)
        assert work(engine, settings, run, "here:1") == "cancelled"
    with engine.connect() as connection:
        recorded = connection.scalar(text("SELECT count(*) FROM evaluation"))
        covered = connection.scalars(text("SELECT DISTINCT evaluations FROM run_signal")).all()
    assert 4 <= recorded < 5000
    assert covered == [recorded]


@pytest.mark.embedded_only
def test_summaries_of_other_hardware_go_with_its_history(
    engine: Engine, settings: Settings, runs: tuple[int, ...]
) -> None:
    assert work(engine, settings, runs[0], "here:1") == "complete"
    elsewhere = {"state": "queued", "attempt": 1, "provenance": {"device": "a GPU"}}
    with engine.begin() as connection:
        connection.execute(update(Run).where(Run.id == runs[0]).values(elsewhere))
        connection.execute(text("UPDATE signal_summary SET evaluations = 99"))
    assert work(engine, settings, runs[0], "here:1") == "complete"
    with engine.connect() as connection:
        covered = connection.scalars(text("SELECT DISTINCT evaluations FROM run_signal")).all()
    assert covered == [2]


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
    record = stream.record_evaluations

    def taken_away(connection: object, claim: object, *rest: object) -> bool:
        with engine.begin() as other:
            other.execute(update(Run).where(Run.id == runs[0]).values(state="queued"))
            assert claim_run(other, runs[0], "other:1") is not None
        return record(connection, claim, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(stream, "record_evaluations", taken_away)
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


def test_with_once_a_worker_waits_for_runs_and_for_scores_that_were_asked_for(
    engine: Engine, settings: Settings, runs: tuple[int, ...]
) -> None:
    app = make_celery(settings)
    caretaker = Caretaker(app, settings)
    assert not caretaker.is_done(engine)
    with engine.begin() as database:
        request_cancel(database, list(runs))
    assert caretaker.is_done(engine)
    send_analysis(app, "digits", "ensemble-agreement")
    assert not caretaker.is_done(engine)
    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge(settings.queue)
    assert caretaker.is_done(engine)
    app.close()
