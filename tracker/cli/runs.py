"""`tracker runs`: the runs of an ensemble, and the life of one."""

from itertools import groupby
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from tracker.cli.output import moment, out, print_json, table
from tracker.cli.session import open_reader
from tracker.ensembles import get_ensemble_id
from tracker.errors import UsageError
from tracker.reports.history import EVALUATION, Event, RunLife, choose_run, life_of
from tracker.reports.progress import RunProgress, runs_of

MACHINE = ("device", "cpu", "host")
VERSIONS = ("tracker", "python", "torch", "numpy", "cuda")


def runs(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    run: Annotated[int | None, typer.Option(help="The life of the run with this id.")] = None,
    seed: Annotated[int | None, typer.Option(help="The life of the run of this seed.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the runs of an ensemble; with --run or --seed, what happened to one of them."""
    if run is not None and seed is not None:
        raise UsageError(f"--run {run} and --seed {seed}: give one of them")
    with open_reader().connect() as connection:
        ensemble_id = get_ensemble_id(connection, ensemble)
        if run is None and seed is None:
            listed = runs_of(connection, ensemble_id)
            print_json(listed) if json else out.print(_listed(listed))
            return
        life = life_of(connection, choose_run(connection, ensemble, ensemble_id, run, seed))
    print_json(life) if json else _print_life(life)


def _listed(found: list[RunProgress]) -> Table:
    return table(
        [
            {
                "seed": run.seed,
                "run": run.run_id,
                "state": run.state,
                "attempt": run.attempt,
                "evaluations": f"{run.evaluations}/{run.evaluations_in_all}",
                "worker": run.worker,
                "last_error": run.reason or None,
            }
            for run in found
        ],
        columns=("seed", "run", "state", "attempt", "evaluations", "worker", "last_error"),
    )


def _print_life(life: RunLife) -> None:
    run = life.run
    out.print(Text(f"{run.ensemble} seed {run.seed} (run {run.run_id})", style="bold"))
    grid = Table.grid(padding=(0, 2))
    for name, line in _lines(life).items():
        grid.add_row(name, Text(line, overflow="fold"))
    out.print(grid)
    out.print()
    out.print(table(_rows(life.history), columns=("at", "event", "attempt", "worker", "detail")))


def _lines(life: RunLife) -> dict[str, str]:
    run, on = life.run, life.provenance or {}
    recorded = f"{run.evaluations} of {run.evaluations_in_all} evaluations"
    lines = {"state": f"{run.state}, attempt {run.attempt}, {recorded}"}
    if life.command:
        lines["queued by"] = life.command
    if on:
        lines["trained by"] = str(on.get("command", "-"))
        lines["on"] = ", ".join(str(on[name]) for name in MACHINE if on.get(name))
        lines["with"] = ", ".join(f"{name} {on[name]}" for name in VERSIONS if on.get(name))
        order = "deterministic" if on.get("deterministic") else "not deterministic"
        lines["arithmetic"] = f"{on.get('threads')} threads, {order}"
    if commit := on.get("git_commit"):
        lines["commit"] = f"{commit}{', and changes to it' if on.get('git_dirty') else ''}"
    if run.reason:
        lines["last error"] = run.reason
    return lines


def _rows(history: list[Event]) -> list[dict[str, object]]:
    """A row for each event; evaluations in a row are one."""
    rows: list[dict[str, object]] = []
    for kind, group in groupby(history, key=lambda one: one.event):
        events = list(group)
        if kind == EVALUATION:
            first, last = events[0], events[-1]
            numbers = f"{first.evaluation}"
            if last is not first:
                numbers += f" to {last.evaluation}"
            rows.append({"at": _time(last), "event": f"{kind} {numbers}"})
            continue
        for one in events:
            told = ", ".join(f"{k} {v}" for k, v in (one.detail or {}).items() if k != "command")
            rows.append(
                {
                    "at": _time(one),
                    "event": one.event.replace("_", " "),
                    "attempt": one.attempt or None,
                    "worker": one.worker,
                    "detail": told or None,
                }
            )
    return rows


def _time(event: Event) -> str:
    return moment(event.at, "seconds")
