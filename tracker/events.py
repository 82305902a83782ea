"""What happened to runs, kept beside their state: `run_event`, and how to read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB

from tracker.db.models import Run, RunEvent


def note_event(
    connection: Connection,
    event: str,
    run_ids: Sequence[int],
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note that `event` happened to the runs, within the transaction that made it so.

    Attempt and worker are those of the run's row at this point of the transaction.
    """
    if not run_ids:
        return
    said = None if detail is None else dict(detail)
    runs = select(
        Run.id,
        literal(event),
        Run.attempt,
        Run.worker,
        literal(said, JSONB(none_as_null=True)),
    ).where(Run.id.in_(run_ids))
    connection.execute(
        insert(RunEvent).from_select(["run_id", "event", "attempt", "worker", "detail"], runs)
    )
