"""`tracker analyze`: scores that SQL cannot sensibly compute."""

from typing import Annotated

import typer
from rich.progress import Progress

from tracker.analysis import SCORES
from tracker.analysis import analyze as compute_score
from tracker.cli import output
from tracker.cli.output import counted
from tracker.cli.session import open_engine

VIEWS = {"ensemble-agreement": "ensemble_agreement"}
"""View that shows each score."""


def analyze(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    score: Annotated[str, typer.Argument(help=f"One of {', '.join(SCORES)}.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute a score of every example from the outputs of all runs, and store it.

    ensemble-agreement: mean Jensen-Shannon divergence between the runs' final softmax outputs,
    which `tracker enqueue --record outputs` keeps. What is stored and current is left alone.
    """
    with Progress(console=output.err, transient=True) as bar:
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
