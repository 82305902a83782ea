"""`tracker show`, `tracker plot` and `tracker list`: what the ensembles have learned."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from tracker.cli import output
from tracker.cli.output import counted, number, percent, print_table, table, thin
from tracker.cli.session import open_reader
from tracker.errors import choice_error
from tracker.reports import AccuracyRow, ExampleScore, Summary, snapshot, summarize
from tracker.reports import list_ensembles as read_ensembles
from tracker.specs import EnsembleSpec

PLOTS = ("learning-order", "tp-agreement")
"""Kinds of pictures; named here too, because loading `tracker.plots` takes a second."""

HISTORY_ROWS = 12
"""Evaluations in the table; the first and the last are always among them."""

MOST_FORGOTTEN = 5

MEANING = {
    "trivial": "right in all runs",
    "in between": "right in some",
    "impossible": "right in none",
}


def show(
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    split: Annotated[str, typer.Option(help="Split whose examples are summarized.")] = "train",
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with every evaluation.")
    ] = False,
) -> None:
    """Summarize what an ensemble has learned: accuracy, learning order, forgetting, difficulty."""
    summary = summarize(open_reader(), ensemble, split)
    if json:
        output.print_json(summary)
        return
    for part in (_heading, _history, _accessibility, _forgetting, _difficulty, _extremes):
        part(summary)
    output.note(
        f"labels that may be wrong: `tracker query suspected_label_errors --ensemble {ensemble} "
        "--order-by=-score`"
    )


def plot(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(PLOTS)}.")],
    ensemble: Annotated[str, typer.Argument(help="Name of the ensemble.")],
    out: Annotated[
        Path | None,
        typer.Option(help="File to write, .png, .pdf or .svg; ENSEMBLE-KIND.png if not given."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split whose examples are shown.")] = "train",
) -> None:
    """Draw a picture: images by learning order, or Tp-agreement beside its null model."""
    if kind not in PLOTS:
        raise choice_error("plot", kind, PLOTS)
    # Loads matplotlib, which takes a second, and which no other command needs.
    from tracker import plots

    path = output.picture_path(out, ensemble, kind)
    plots.check_picture(path)
    plots.save(plots.PLOTS[kind](open_reader(), ensemble, split), path)
    output.out.print(f"wrote {path}")


def list_ensembles(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the ensembles, the newest first."""
    with snapshot(open_reader()) as connection:
        ensembles = read_ensembles(connection)
    if json:
        output.print_json(ensembles)
        return
    if not ensembles:
        output.out.print(
            "no ensembles yet: `tracker enqueue --arch mlp-tiny --dataset mnist5k` makes one"
        )
        return
    rows = [
        {
            "ensemble": row.ensemble,
            "dataset": row.dataset,
            "arch": "imported" if row.arch is None else row.arch,
            "runs": f"{row.complete}/{row.runs}",
            "last": row.last_evaluation,
            "train": percent(row.train_accuracy),
            "test": percent(row.test_accuracy),
            "created": f"{row.created_at.astimezone():%Y-%m-%d}",
        }
        for row in ensembles
    ]
    output.out.print(table(rows))
    output.note(
        "runs: complete/all; train, test: mean accuracy at the last evaluation recorded; "
        "train: of the examples that each run trains on"
    )


def _heading(summary: Summary) -> None:
    info = summary.info
    sizes = " and ".join(f"{size:,} {split}" for split, size in info.sizes.items())
    # Imported runs may each have other evaluations: together more than any one of them.
    evaluations = counted(len(summary.evaluations), "evaluation")
    if info.recipe is not None:
        evaluations = f"{len(summary.evaluations)} of {counted(info.evaluations, 'evaluation')}"
    if isinstance(info.spec, EnsembleSpec):
        lines = {"trains": f"{info.spec.arch} on {info.dataset}, {sizes} examples"}
    else:
        lines = {
            "imported": f"{info.spec.file} ({info.spec.format})",
            "examples": f"{sizes}, dataset {info.dataset}",
        }
    told = {"split": info.trained_on, "order": info.order, "recipe": info.recipe}
    lines |= {name: line for name, line in told.items() if line is not None}
    lines["runs"] = f"{info.states}; {evaluations} recorded"
    if summary.runs < sum(info.runs.values()):
        lines["counted"] = (
            f"{counted(summary.runs, 'run')} that {'has' if summary.runs == 1 else 'have'} "
            "recorded something and not failed"
        )
    grid = Table.grid(padding=(0, 2))
    for name, line in lines.items():
        grid.add_row(name, line)
    output.out.print(Text(info.ensemble, style="bold"))
    output.out.print(grid)


def _history(summary: Summary) -> None:
    accuracy = {(row.split, row.evaluation): row for row in summary.accuracy}
    bimodality = {row.evaluation: row for row in summary.bimodality}
    rows = []
    for at in thin(summary.evaluations, HISTORY_ROWS):
        row: dict[str, object] = {"evaluation": at.evaluation, "epoch": f"{at.epoch:.2f}"}
        if summary.time_unit == "epoch":
            row = {"epoch": at.evaluation}
        row["runs"] = at.runs
        for split in summary.info.sizes:
            found = accuracy[split, at.evaluation]
            row[f"{split} %"] = _accuracy(found)
            if split == "train" and found.held_out is not None:
                row["held out %"] = f"{found.held_out:5.1%}".replace("%", "")
        if summary.runs > 1:
            agreement = bimodality[at.evaluation]
            # One run has no others to agree with.
            several = at.runs > 1
            row["bimodality"] = number(agreement.bimodality if several else None, 2)
            row["null"] = number(agreement.null_bimodality if several else None, 2)
        rows.append(row)
    title = "Accuracy in %"
    if summary.runs > 1:
        title += f": mean (min-max over runs). Bimodality of Tp-agreement: {summary.split}"
    print_table(title, rows)
    if any(row.held_out is not None for row in summary.accuracy if row.split == "train"):
        output.out.print(
            "train %: of the examples that each run trains on; held out %: of the rest."
        )
    if summary.runs > 1:
        below, compared = summary.evaluations_below_null, summary.evaluations_compared
        among = counted(compared, "evaluation")
        output.out.print("Lower bimodality is more two-peaked; null is that of independent runs.")
        output.out.print(f"Below the null at {below} of {among} after training began.")
    else:
        output.out.print("Bimodality takes two runs.")
    if summary.some_held_out:
        output.out.print(
            "All but accuracy counts every run, also where it holds the example out;\n"
            f"`tracker query learning_by_held_out --ensemble {summary.info.ensemble}` "
            "has either kind."
        )


def _accuracy(row: AccuracyRow) -> str:
    if row.runs == 1:
        return f"{row.mean:5.1%}".replace("%", "")
    return f"{row.mean:5.1%} ({row.min:.1%}-{row.max:.1%})".replace("%", "")


def _accessibility(summary: Summary) -> None:
    size = summary.info.sizes[summary.split]
    title = (
        f"Accessibility: quantiles over {size:,} {summary.split} examples, "
        f"{counted(summary.runs, 'run')}, {counted(len(summary.evaluations), 'evaluation')}"
    )
    cells = {f"{at.share:.0%}": f"{at.accessibility:.3f}" for at in summary.accessibility}
    print_table(title, [cells])


def _forgetting(summary: Summary) -> None:
    forgetting = summary.forgetting
    cells = {
        "events per run and example": f"{forgetting.mean_events:.3f}",
        "never forgotten": f"{forgetting.unforgettable_share:.1%}",
        "forgotten": f"{forgetting.forgotten_share:.1%}",
        "never learned": f"{forgetting.never_learned_share:.1%}",
    }
    print_table(f"Forgetting on {summary.split}: {counted(forgetting.runs, 'run')}", [cells])


def _difficulty(summary: Summary) -> None:
    difficulty = summary.difficulty
    rows = [
        {
            "group": group.group,
            "": MEANING[group.group],
            "examples": f"{group.examples:,}",
            "share": f"{group.share:.1%}",
            "if independent": f"{group.null_share:.1%}",
        }
        for group in difficulty.groups
    ]
    behind = f"{difficulty.runs} runs" if difficulty.runs > 1 else "1 run, so never in between"
    print_table(
        f"Difficulty of {summary.split} at {summary.time_unit} {difficulty.evaluation} ({behind})",
        rows,
    )


def _extremes(summary: Summary) -> None:
    for word, examples, tied in (
        ("easiest", summary.easiest, summary.easiest_tied),
        ("hardest", summary.hardest, summary.hardest_tied),
    ):
        _print_examples(word, examples, summary)
        last = examples[-1].accessibility
        if tied > sum(example.accessibility == last for example in examples):
            output.out.print(f"{tied} examples in all are as accessible as the last one.")
    if most := summary.most_forgotten[:MOST_FORGOTTEN]:
        _print_examples("most forgotten", most, summary)


def _print_examples(word: str, examples: Sequence[ExampleScore], summary: Summary) -> None:
    rows = [_example(example, summary) for example in examples]
    print_table(f"The {len(rows)} {word} of {summary.split}", rows)


def _example(example: ExampleScore, summary: Summary) -> dict[str, object]:
    return {
        "position": example.position,
        "class": example.class_name,
        "accessibility": f"{example.accessibility:.3f}",
        f"learned at {summary.time_unit}": number(example.mean_learned, 1),
        "in runs": f"{round(example.learned_share * summary.runs)}/{summary.runs}",
        "forgotten": f"{example.forgetting_events:.1f}",
    }
