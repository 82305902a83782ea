"""`tracker status` and `tracker cancel`: what is going on, and stopping it."""

import time
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine, select

from tracker.cli.output import out, print_json, table
from tracker.db import get_engine
from tracker.db.models import Run
from tracker.ensembles import get_ensemble_id
from tracker.errors import UsageError
from tracker.reports.progress import (
    EnsembleProgress,
    RunProgress,
    ensembles_in_progress,
    running_runs,
)
from tracker.runs import request_cancel


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing, until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    limit: Annotated[int, typer.Option(help="Show at most this many ensembles and runs.")] = 20,
) -> None:
    """Show the newest ensembles, the runs that are training, their speed and time left."""
    if limit < 1:
        raise UsageError(f"--limit must be at least 1, got {limit}")
    engine = get_engine()
    if json:
        ensembles, running = _read(engine, limit)
        print_json({"ensembles": ensembles, "running": running})
    elif watch:
        _watch(engine, limit)
    else:
        out.print(_render(*_read(engine, limit)))


def _read(engine: Engine, limit: int) -> tuple[list[EnsembleProgress], list[RunProgress]]:
    with engine.connect() as connection:
        return ensembles_in_progress(connection, limit), running_runs(connection, limit)


def _watch(engine: Engine, limit: int) -> None:
    try:
        with Live(console=out, auto_refresh=False) as live:
            while True:
                live.update(_render(*_read(engine, limit)), refresh=True)
                time.sleep(1)
    except KeyboardInterrupt:
        return


def _render(ensembles: list[EnsembleProgress], running: list[RunProgress]) -> RenderableType:
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
    return Group(overview, Text(), _bars(running)) if running else overview


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


def cancel(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    seed: Annotated[
        list[int] | None, typer.Option(help="Only this seed; may be given several times.")
    ] = None,
) -> None:
    """Cancel runs: queued ones at once, running ones at their next evaluation.

    What they have recorded stays.
    """
    engine = get_engine()
    with engine.begin() as connection:
        query = select(Run.id, Run.seed).where(
            Run.ensemble_id == get_ensemble_id(connection, ensemble)
        )
        runs = {row.seed: row.id for row in connection.execute(query)}
        for wanted in seed or ():
            if wanted not in runs:
                known = f"{min(runs)} to {max(runs)}" if runs else "none"
                raise UsageError(f"ensemble {ensemble!r} has no seed {wanted}: it has {known}")
        ids = [runs[wanted] for wanted in seed] if seed else list(runs.values())
        done = request_cancel(connection, ids)
    if not any(done.values()):
        out.print(f"nothing to cancel: no such run of {ensemble} is queued or running")
        return
    out.print(
        f"cancelled {done['cancelled']} queued; {done['asked']} running will stop at their next "
        "evaluation"
    )
