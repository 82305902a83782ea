"""What `tracker status` and `enqueue --wait` read, and how they show it."""

import io

import numpy as np
import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from tests.support.ensembles import add_ensemble, claimed, story_of
from tracker.cli import waiting
from tracker.cli.status import _chosen, _render
from tracker.cli.waiting import wait_for
from tracker.deletion import delete_ensemble
from tracker.errors import TrackerError, UsageError
from tracker.reports.history import choose_run
from tracker.reports.progress import ensembles_in_progress, running_runs, runs_of

# Of 8 evaluations: 70 optimizer steps.
STORY = story_of(np.ones((4, 3, 8)), name="demo")


@pytest.mark.embedded_only
def test_states_speed_and_time_left(engine: Engine) -> None:
    with engine.begin() as connection:
        recorded = add_ensemble(connection, STORY)
        first, second, _, _ = recorded.run_ids
        for run_id in (first, second):
            claimed(connection, run_id)
        connection.execute(
            text(
                "UPDATE run SET state = 'complete', finished_at = now(), step = 70,"
                " started_at = now() - interval '100 seconds' WHERE id = :id"
            ),
            {"id": first},
        )
        connection.execute(
            text(
                "UPDATE run SET step = 35, examples_per_second = 1234, worker = 'here:1',"
                " started_at = now() - interval '50 seconds',"
                " heartbeat_at = now() - interval '40 seconds' WHERE id = :id"
            ),
            {"id": second},
        )
        (ensemble,) = ensembles_in_progress(connection, limit=5)
        (running,) = running_runs(connection, limit=5)
        assert [run.state for run in runs_of(connection, recorded.ensemble_id)] == [
            "complete",
            "running",
            "queued",
            "queued",
        ]
    assert (ensemble.runs, ensemble.queued, ensemble.running, ensemble.complete) == (4, 2, 1, 1)
    assert ensemble.examples_per_second == 1234
    assert ensemble.seconds_left == pytest.approx(250), "two and a half runs of 100 s, one by one"
    assert (running.seed, running.share, running.attempt) == (1, 0.5, 1)
    assert running.silent_seconds == pytest.approx(40, abs=5)

    screen = Console(file=io.StringIO(), width=120)
    screen.print(_render([ensemble], [running], []))
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    for part in ("demo", "4m 10s", "demo seed 1", "1,234", "here:1 silent for 40 s"):
        assert part in shown


@pytest.mark.embedded_only
def test_an_empty_database_says_what_to_do(engine: Engine) -> None:
    with engine.connect() as connection:
        assert ensembles_in_progress(connection, limit=5) == []
        assert running_runs(connection, limit=5) == []
    screen = Console(file=io.StringIO(), width=120)
    screen.print(_render([], [], []))
    assert "tracker enqueue" in screen.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.embedded_only
def test_waiting_for_what_is_deleted_ends_with_a_line_that_says_so(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        recorded = add_ensemble(connection, STORY)
    polls = []

    def delete(seconds: float) -> None:
        polls.append(seconds)
        with engine.begin() as connection:
            delete_ensemble(connection, "demo", force=True)

    monkeypatch.setattr(waiting.time, "sleep", delete)
    with pytest.raises(TrackerError) as raised:
        wait_for(engine, "demo", recorded.ensemble_id, poll_seconds=0.5)
    assert str(raised.value) == "ensemble 'demo' has been deleted: nothing to wait for"
    assert polls == [0.5]


@pytest.mark.embedded_only
def test_a_run_that_there_is_not_names_those_that_there_are(engine: Engine) -> None:
    with engine.begin() as connection:
        recorded = add_ensemble(connection, STORY)
        gone = recorded.run_ids[1]
        connection.execute(text("DELETE FROM run WHERE id = :id"), {"id": gone})
        for chosen in (
            lambda: choose_run(connection, "demo", recorded.ensemble_id, None, 1),
            lambda: _chosen(connection, "demo", [0, 1]),
        ):
            with pytest.raises(UsageError, match=r"'demo' has no seed 1: it has 0, 2 to 3$"):
                chosen()
        run = choose_run(connection, "demo", recorded.ensemble_id, None, 2)
        assert run.run_id == recorded.run_ids[2]
        with pytest.raises(UsageError, match=rf"no run {gone}: it has {gone - 1}, {gone + 1} to"):
            choose_run(connection, "demo", recorded.ensemble_id, gone, None)
