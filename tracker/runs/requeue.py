"""Queueing runs again, whoever asks for it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, or_, update

from tracker.db.models import Run
from tracker.events import note_event


def due() -> ColumnElement[bool]:
    """May a queued run be tried now?"""
    return or_(Run.retry_at.is_(None), Run.retry_at <= func.clock_timestamp())


def queue_again(
    connection: Connection,
    which: ColumnElement[bool],
    retry_after: timedelta = timedelta(0),
    **values: Any,
) -> dict[int, str]:
    """Queue runs again, or cancel those that were to be; their new states by id."""
    now = func.clock_timestamp()
    rows = connection.execute(
        update(Run)
        .where(which)
        .values(
            state=case((Run.cancel_requested, "cancelled"), else_="queued"),
            queued_at=now,
            finished_at=case((Run.cancel_requested, now), else_=None),
            retry_at=now + retry_after if retry_after else None,
            sent_at=None,
            **values,
        )
        .returning(Run.id, Run.state)
    )
    return {row.id: row.state for row in rows}


def note_cancelled(connection: Connection, states: Mapping[int, str]) -> None:
    """Note it of those runs whose state is `cancelled`."""
    cancelled = [run_id for run_id, state in states.items() if state == "cancelled"]
    note_event(connection, "cancelled", cancelled)
