"""`tracker types`: the four kinds of difficulty, in numbers and in pictures."""

from pathlib import Path
from typing import Annotated

import typer

from tracker.cli import output
from tracker.cli.output import counted, number, percent, print_table
from tracker.cli.session import open_engine
from tracker.errors import ranges
from tracker.reports import snapshot
from tracker.reports.types import (
    AMBIGUOUS_UNLABELLED,
    AmbiguousExamples,
    DifficultyTypes,
    difficulty_types,
)

FEW_RUNS = 10
"""With fewer, what most runs say of an example that they held out is mostly chance."""


def types(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Picture to write, .png, .pdf or .svg; ENSEMBLE-difficulty-types.png if not given."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, and draw nothing.")] = False,
) -> None:
    """Show the difficulty types of the training examples: easy, and three ways to be hard.

    Needs runs that held examples out, and probes: enqueue --split 90:10 --probe final.
    """
    engine = open_engine()
    if json:
        with snapshot(engine) as connection:
            output.print_json(difficulty_types(connection, ensemble))
        return
    # Loads matplotlib, which takes a second.
    from tracker import plots

    path = output.picture_path(out, ensemble, "difficulty-types")
    plots.check_picture(path)
    told, figure = plots.types(engine, ensemble)
    _summary(told)
    _doubts(told)
    if told.ambiguous is not None:
        _layers(told.ambiguous)
    elif any(row.type == AMBIGUOUS_UNLABELLED for row in told.types):
        output.note("no votes of probes are stored (enqueue --probe-votes): no layer to compare")
    else:
        output.note("no example is ambiguous unless the label is given: no layer to compare")
    plots.save(figure, path)
    output.out.print(f"wrote {path}")


def _summary(told: DifficultyTypes) -> None:
    noisy = any(row.mislabelled for row in told.types)
    rows = []
    for row in told.types:
        cells: dict[str, object] = {
            "type": row.type.replace("_", " "),
            "examples": f"{row.examples:,}",
            "share": percent(row.share),
        }
        if noisy:
            cells["of the mislabelled"] = percent(row.mislabelled_share)
        rows.append(
            cells
            | {
                "depth held out": number(row.depth_held_out, 2),
                "trained on": number(row.depth_trained_on, 2),
                "right when held out": percent(row.consistency),
                "consensus": percent(row.consensus_consistency),
            }
        )
    print_table(f"Difficulty types of the training examples of {told.info.ensemble}", rows)


def _doubts(told: DifficultyTypes) -> None:
    """What the table does not count, and how few runs it may rest on."""
    if told.untyped:
        output.out.print(
            f"without a type: {counted(told.untyped, 'training example')}, held out by no run "
            "(or by all), or without a depth"
        )
    training, several = told.info.open_runs > 0, len(told.probed_at) > 1
    if training or several:
        output.note(
            f"{told.probed_runs} of {counted(told.counted_runs, 'run')} probed, at "
            f"{'evaluations' if several else 'evaluation'} {ranges(told.probed_at)}"
            + ("; still training" if training else "")
            + (": the depths of each run's last are averaged" if several else "")
        )
    if told.probed_runs < FEW_RUNS:
        output.note(
            f"only {counted(told.probed_runs, 'probed run')}: depths and consensus of fewer than "
            f"{FEW_RUNS} are doubtful" + ("" if training else "; enqueue again with more --seeds")
        )


def _layers(ambiguous: AmbiguousExamples) -> None:
    cells = {layer.name: percent(layer.accuracy) for layer in ambiguous.layers}
    print_table(
        f"Probes of the {ambiguous.examples} examples most ambiguous unless the label is given, by "
        f"layer ({ambiguous.answers:,} answers of runs that held them out)",
        [cells | {"network": percent(ambiguous.network_accuracy)}],
    )
