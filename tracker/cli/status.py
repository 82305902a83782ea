"""`tracker status`, `tracker cancel`, `tracker retry`: what is going on, stopping it, again."""

import time
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection, Engine, select

from tracker.cli.output import note, out, print_json, table
from tracker.cli.session import open_engine, open_reader
from tracker.db.models import Run
from tracker.ensembles import get_ensemble_id
from tracker.errors import UsageError, ranges
from tracker.exports.query import MAX_ROWS
from tracker.reports.progress import (
    EnsembleProgress,
    RunProgress,
    ensembles_in_progress,
    failed_runs,
    running_runs,
)
from tracker.runs import request_cancel
from tracker.runs import retry as queue_again
from tracker.settings import get_settings

FAILURES_SHOWN = 3


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing, until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[int, typer.Option(help="Show at most this many ensembles and runs.")] = 20,
) -> None:
    """Show the newest ensembles, the runs that are training, their speed and time left."""
    if limit < 1:
        raise UsageError(f"--limit must be at least 1, got {limit}")
    limit = min(limit, MAX_ROWS)
    if watch and not out.is_terminal:
        raise UsageError("--watch redraws a terminal, and this is none: leave it out")
    engine = open_reader()
    if json:
        ensembles, running, failed = _read(engine, limit)
        print_json({"ensembles": ensembles, "running": running, "failed": failed})
    elif watch:
        _watch(engine, limit)
    else:
        out.print(_render(*_read(engine, limit)))


Shown = tuple[list[EnsembleProgress], list[RunProgress], list[RunProgress]]


def _read(engine: Engine, limit: int) -> Shown:
    with engine.connect() as connection:
        return (
            ensembles_in_progress(connection, limit),
            running_runs(connection, limit),
            failed_runs(connection, FAILURES_SHOWN),
        )


def _watch(engine: Engine, limit: int) -> None:
    try:
        with Live(console=out, auto_refresh=False) as live:
            while True:
                live.update(_render(*_read(engine, limit)), refresh=True)
                time.sleep(1)
    except KeyboardInterrupt:
        return


def _render(
    ensembles: list[EnsembleProgress], running: list[RunProgress], failed: list[RunProgress]
) -> RenderableType:
    if not ensembles:
        return Text("nothing is queued: `tracker enqueue --arch mlp-tiny --dataset mnist5k`")
    overview = table(
        [
            {
                **{key: getattr(row, key) for key in ("ensemble", "queued", "running", "complete")},
                "failed": row.failed,
                "cancelled": row.cancelled,
                "left": _duration(row.seconds_left),
            }
            for row in ensembles
        ]
    )
    parts: list[RenderableType] = [overview]
    if running:
        parts += [Text(), _bars(running)]
    if failed:
        parts += [Text(), Text("\n".join(map(_failure, failed)))]
    return Group(*parts)


def _failure(run: RunProgress) -> str:
    return f"failed: {run.ensemble} seed {run.seed}: {run.reason}"


def _bars(running: list[RunProgress]) -> Table:
    bars = Table("run", "", "evaluations", "examples/s", "left", "worker", box=None)
    for row in running:
        again = f" (try {row.attempt})" if row.attempt > 1 else ""
        silence = row.silent_seconds or 0.0
        bars.add_row(
            f"{row.ensemble} seed {row.seed}{again}",
            ProgressBar(total=1, completed=row.share, width=20),
            f"{row.evaluations}/{row.evaluations_in_all}",
            f"{row.examples_per_second:,.0f}" if row.examples_per_second else "",
            _duration(row.seconds_left),
            f"{row.worker} silent for {silence:.0f} s" if silence > 30 else row.worker,
        )
    return bars


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {rest:02d}s"


SeedOption = Annotated[
    list[int] | None, typer.Option(help="Only this seed; may be given several times.")
]


def retry(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    seed: SeedOption = None,
) -> None:
    """Queue failed and cancelled runs again.

    What they have recorded stays, and is compared with what the new attempt says.
    """
    # Celery takes half a second to load.
    from tracker.queue import check_broker, make_celery, send_runs

    settings = get_settings()
    engine = open_engine(settings, broker=True)
    celery = make_celery(settings)
    check_broker(celery, settings)
    with engine.begin() as connection:
        again = queue_again(connection, _chosen(connection, ensemble, seed))
    send_runs(celery, engine, again)
    if again:
        out.print(f"queued {len(again)} again")
        note("next: `tracker worker` trains them, `tracker status --watch` shows how far they are")
    else:
        out.print(f"nothing to retry: no such run of {ensemble} has failed or was cancelled")
        note("`tracker status` shows the states of the runs, `tracker doctor` what holds them up")


def _chosen(connection: Connection, ensemble: str, seeds: list[int] | None) -> list[int]:
    """Ids of the ensemble's runs with these seeds, or of all."""
    query = select(Run.id, Run.seed).where(Run.ensemble_id == get_ensemble_id(connection, ensemble))
    runs = {row.seed: row.id for row in connection.execute(query)}
    for wanted in seeds or ():
        if wanted not in runs:
            raise UsageError(f"ensemble {ensemble!r} has no seed {wanted}: it has {ranges(runs)}")
    return [runs[wanted] for wanted in seeds] if seeds else list(runs.values())


def cancel(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    seed: SeedOption = None,
) -> None:
    """Cancel runs: queued ones at once, running ones at their next evaluation.

    What they have recorded stays.
    """
    with open_engine().begin() as connection:
        done = request_cancel(connection, _chosen(connection, ensemble, seed))
    if not any(done.values()):
        out.print(f"nothing to cancel: no such run of {ensemble} is queued or running")
        return
    out.print(
        f"cancelled {done['cancelled']} queued; {done['asked']} running will stop at their next "
        "evaluation"
    )
