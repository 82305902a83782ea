"""`tracker status` and `tracker cancel`: what is going on, and stopping it."""

import time
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine, Row, select, text

from tracker.cli.output import out, print_json
from tracker.db import get_engine
from tracker.db.models import Run
from tracker.ensembles import get_ensemble_id
from tracker.errors import UsageError
from tracker.runs import request_cancel

_ENSEMBLES = text(
    "SELECT ensemble, count(*) AS runs,"
    " count(*) FILTER (WHERE state = 'queued') AS queued,"
    " count(*) FILTER (WHERE state = 'running') AS running,"
    " count(*) FILTER (WHERE state = 'complete') AS complete,"
    " count(*) FILTER (WHERE state = 'failed') AS failed,"
    " count(*) FILTER (WHERE state = 'cancelled') AS cancelled,"
    " sum(share) FILTER (WHERE state = 'running') AS running_share,"
    " sum(examples_per_second) FILTER (WHERE state = 'running') AS examples_per_second,"
    " avg(extract(EPOCH FROM finished_at - started_at)) FILTER (WHERE state = 'complete')"
    " AS seconds_per_run"
    " FROM run_progress GROUP BY ensemble, ensemble_id ORDER BY ensemble_id DESC LIMIT :limit"
)
_RUNNING = text(
    "SELECT ensemble, seed, attempt, evaluations, evaluations_in_all, share,"
    " examples_per_second, seconds_left, worker,"
    " extract(EPOCH FROM clock_timestamp() - heartbeat_at) AS silent_seconds"
    " FROM run_progress WHERE state = 'running' ORDER BY ensemble_id, seed LIMIT :limit"
)


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
        print_json(
            {
                "ensembles": [row._asdict() for row in ensembles],
                "running": [row._asdict() for row in running],
            }
        )
    elif watch:
        _watch(engine, limit)
    else:
        out.print(_render(*_read(engine, limit)))


def _read(engine: Engine, limit: int) -> tuple[list[Row[Any]], list[Row[Any]]]:
    with engine.connect() as connection:
        ensembles = connection.execute(_ENSEMBLES, {"limit": limit}).all()
        running = connection.execute(_RUNNING, {"limit": limit}).all()
    return list(ensembles), list(running)


def _watch(engine: Engine, limit: int) -> None:
    try:
        with Live(console=out, auto_refresh=False) as live:
            while True:
                live.update(_render(*_read(engine, limit)), refresh=True)
                time.sleep(1)
    except KeyboardInterrupt:
        return


def _render(ensembles: list[Row[Any]], running: list[Row[Any]]) -> RenderableType:
    if not ensembles:
        return Text("nothing is queued: `tracker enqueue --arch mlp-tiny --dataset mnist5k`")
    overview = Table("ensemble", "queued", "running", "complete", "failed", "left", box=None)
    for row in ensembles:
        counts = (row.queued, row.running, row.complete, row.failed + row.cancelled)
        overview.add_row(row.ensemble, *map(str, counts), _duration(_ensemble_seconds(row)))
    if not running:
        return overview
    bars = Table("run", "", "evaluations", "examples/s", "left", "worker", box=None)
    for row in running:
        silent = row.silent_seconds is not None and row.silent_seconds > 30
        bars.add_row(
            f"{row.ensemble} seed {row.seed}"
            + (f" (try {row.attempt})" if row.attempt > 1 else ""),
            ProgressBar(total=1, completed=row.share, width=20),
            f"{row.evaluations}/{row.evaluations_in_all}",
            f"{row.examples_per_second:,.0f}" if row.examples_per_second else "",
            _duration(row.seconds_left),
            row.worker + (f" silent for {row.silent_seconds:.0f} s" if silent else ""),
        )
    return Group(overview, Text(), bars)


def _ensemble_seconds(row: Row[Any]) -> float | None:
    """Time left: the runs still to do at the pace of the complete ones, side by side as now."""
    if not row.running or row.seconds_per_run is None:
        return None
    to_do = row.queued + row.running - float(row.running_share)
    return float(to_do * float(row.seconds_per_run) / row.running)


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
