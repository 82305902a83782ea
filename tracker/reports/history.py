"""The life of one run: what happened to it, what it recorded meanwhile, and on what."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from tracker.db.models import Evaluation, Run
from tracker.errors import UsageError, ranges
from tracker.reports.progress import RunProgress, runs_of
from tracker.reports.views import run_history

EVALUATION = "evaluation"
"""Name of the event that an evaluation is; it has a row of its own in the database."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a run."""

    at: datetime
    event: str
    attempt: int | None
    """The run's latest attempt at that time; None for evaluations."""
    worker: str | None
    evaluation: int | None
    """Ordinal, where the event is an evaluation."""
    detail: dict[str, Any] | None


@dataclass(frozen=True)
class RunLife:
    """One run, from its queueing to its end."""

    run: RunProgress
    provenance: dict[str, Any] | None
    """Of the latest attempt; None before the first."""
    history: list[Event]
    """In order of time; evaluations that were deleted since are not in it."""

    @property
    def command(self) -> str | None:
        """The command line that queued it, where that is known."""
        queued = next((one for one in self.history if one.event == "queued"), None)
        return None if queued is None else (queued.detail or {}).get("command")


def choose_run(
    connection: Connection, ensemble: str, ensemble_id: int, run_id: int | None, seed: int | None
) -> RunProgress:
    """The ensemble's run with this id or, without one, this seed.

    Raises
    ------
    UsageError
        If it has none such, naming those that it has.
    """
    runs = runs_of(connection, ensemble_id)
    what, wanted = ("seed", seed) if run_id is None else ("run", run_id)
    by_number = {run.seed if run_id is None else run.run_id: run for run in runs}
    if wanted not in by_number:
        raise UsageError(
            f"ensemble {ensemble!r} has no {what} {wanted}: it has {ranges(by_number)}"
        )
    return by_number[wanted]


def life_of(connection: Connection, run: RunProgress) -> RunLife:
    """What happened to `run`."""
    events = [
        Event(
            row.at, row.event, row.attempt, row.worker, None, row.detail and json.loads(row.detail)
        )
        for row in connection.execute(
            select(run_history)
            .where(run_history.c.run_id == run.run_id)
            .order_by(run_history.c.event_number)
        )
    ]
    events += [
        Event(row.recorded_at, EVALUATION, None, None, row.evaluation, None)
        for row in connection.execute(
            select(Evaluation.recorded_at, Evaluation.evaluation)
            .where(Evaluation.run_id == run.run_id)
            .order_by(Evaluation.evaluation)
        )
    ]
    provenance = connection.scalar(select(Run.provenance).where(Run.id == run.run_id))
    return RunLife(run, provenance, sorted(events, key=lambda event: event.at))
