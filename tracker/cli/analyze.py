"""`tracker analyze`: scores that SQL cannot sensibly compute."""

from typing import Annotated

import typer
from rich.progress import Progress

from tracker.analysis import SCORES, check_score, find_material
from tracker.analysis import analyze as compute_score
from tracker.cli import output
from tracker.cli.output import counted
from tracker.cli.session import open_engine
from tracker.settings import get_settings

VIEWS = {"ensemble-agreement": "ensemble_agreement"}
"""View that shows each score."""


def analyze(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    score: Annotated[str, typer.Argument(help=f"One of {', '.join(SCORES)}.")],
    queue: Annotated[
        bool, typer.Option("--queue", help="Let a worker compute it; do not wait.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute a score of every example from the outputs of all runs, and store it.

    ensemble-agreement: mean Jensen-Shannon divergence between the runs' final softmax outputs,
    which `tracker enqueue --record outputs` keeps. What is stored and current is left alone.
    """
    if queue:
        _queue(ensemble, score, json=json)
        return
    err = output.err
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(f"{score} of {ensemble}", total=None)
        found = compute_score(
            open_engine(),
            ensemble,
            score,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    if json:
        output.print_json(found)
        return
    what = f"{score} of {counted(found.examples, 'example')} from {counted(found.runs, 'run')}"
    if found.computed:
        output.out.print(f"computed {what}")
    else:
        output.out.print(f"nothing to do: {what} is there and current")
    output.note(f"next: `tracker query {VIEWS[score]} --ensemble {ensemble}`")


def _queue(ensemble: str, score: str, *, json: bool) -> None:
    """Have it computed by a worker, once it is known that there is something to compute."""
    # Celery takes half a second to load.
    from tracker.queue import check_broker, make_celery, send_analysis

    settings = get_settings()
    engine = open_engine(settings, broker=True)
    check_score(score)
    with engine.connect() as connection:
        found = find_material(connection, ensemble)
    celery = make_celery(settings)
    check_broker(celery, settings)
    send_analysis(celery, ensemble, score)
    if json:
        output.print_json({"ensemble": ensemble, "score": score, "queued": True})
        return
    runs = counted(len(found.run_ids), "run")
    output.out.print(f"queued {score} of {counted(found.examples, 'example')} from {runs}")
    output.note(f"next: `tracker worker` computes it; `tracker query {VIEWS[score]}` shows it")
