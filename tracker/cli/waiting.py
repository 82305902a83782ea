"""Progress bars, one for each run of an ensemble, drawn from `run_progress`."""

import time
from collections import Counter
from collections.abc import Sequence

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from sqlalchemy import Engine

from tracker.cli.output import err, note
from tracker.errors import TrackerError
from tracker.reports.progress import RunProgress, runs_of

ENDED = ("complete", "failed", "cancelled")
PATIENCE_SECONDS = 30.0
"""A worker needs some seconds to start: only later is it missed."""


def wait_for(engine: Engine, ensemble: str, ensemble_id: int, poll_seconds: float = 0.25) -> None:
    """Wait until every run of the ensemble has ended, showing a bar for each.

    Raises
    ------
    TrackerError
        If a run failed or was cancelled: how many, and the first error's last line; if the
        ensemble has been deleted.
    """
    bars: dict[int, TaskID] = {}
    warned = False
    started = time.monotonic()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(compact=True),
        console=err,
    ) as progress:
        while True:
            with engine.connect() as connection:
                rows = runs_of(connection, ensemble_id)
            if not rows:
                raise TrackerError(f"ensemble {ensemble!r} has been deleted: nothing to wait for")
            for row in rows:
                _draw(progress, bars, row)
            if all(row.state in ENDED for row in rows):
                break
            idle = not any(row.state == "running" for row in rows)
            if idle and not warned and time.monotonic() - started > PATIENCE_SECONDS:
                warned = True
                note("no worker has taken a run yet: start one with `tracker worker`")
            time.sleep(poll_seconds)
    _check(rows)


def say_queued(ensemble: str) -> None:
    """What becomes of the runs when nobody waits any more."""
    note(
        f"the runs of {ensemble} stay queued, and train without you: `tracker status` shows them, "
        f"`tracker cancel {ensemble}` stops them"
    )


def _draw(progress: Progress, bars: dict[int, TaskID], row: RunProgress) -> None:
    if row.run_id not in bars:
        bars[row.run_id] = progress.add_task(
            f"seed {row.seed}", total=row.evaluations_in_all, start=False, note=""
        )
    bar = bars[row.run_id]
    if row.state != "queued" and not progress.tasks[bar].started:
        progress.start_task(bar)
    speed = f"{row.examples_per_second:,.0f} examples/s" if row.examples_per_second else ""
    progress.update(
        bar, completed=row.evaluations, note=speed if row.state == "complete" else row.state
    )
    if row.state in ENDED:
        progress.stop_task(bar)


def _check(rows: Sequence[RunProgress]) -> None:
    states = Counter(row.state for row in rows)
    if set(states) == {"complete"}:
        return
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    reasons = [row.reason for row in rows if row.state == "failed" and row.error]
    reason = f": {reasons[0]}" if reasons else ""
    raise TrackerError(f"not every run is complete ({counts}){reason}")
