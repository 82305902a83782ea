"""`tracker curriculum`: recorded curricula, their epochs once more, a look before training."""

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table
from rich.text import Text

from tracker.cli import output
from tracker.cli.curriculum_compare import compare
from tracker.cli.curriculum_options import (
    BalanceOption,
    DropSuspectedOption,
    EasyOption,
    GrowOption,
    PacingOption,
    StartOption,
    check_pacing_name,
)
from tracker.cli.output import counted, table
from tracker.cli.session import open_reader
from tracker.curriculum.order import ORDERS, Indices
from tracker.curriculum.records import epochs_of, list_curricula, load_curriculum
from tracker.curriculum.replay import replay_epoch, replay_run
from tracker.curriculum.source import shown_score
from tracker.curriculum.training import CurriculumOptions
from tracker.errors import UsageError, choice_error
from tracker.files import check_target, whole_file
from tracker.reports import snapshot

FORMATS = ("lines", "json", "npy")

app = typer.Typer(no_args_is_help=True, help="Recorded curricula, replays, previews, comparisons.")
app.command()(compare)


@app.command()
def show(
    name: Annotated[
        str | None, typer.Argument(help="Name of a curriculum; all if left out.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the recorded curricula, or show one with the epochs that it has begun."""
    with snapshot(open_reader()) as connection:
        if name is None:
            _print_list([dict(row._mapping) for row in list_curricula(connection)], json)
            return
        record = load_curriculum(connection, name)
        epochs = [_epoch(row) for row in epochs_of(connection, name)]
    source = {key: value for key, value in vars(record.source).items() if value}
    whole = {
        "curriculum": name,
        "parameters": record.curriculum.as_json(),
        "source": source,
        "examples": len(record.examples),
        "versions": record.versions,
        "epochs": epochs,
    }
    if json:
        output.print_json(whole)
    else:
        _print_one(whole)


@app.command()
def replay(
    name: Annotated[
        str, typer.Argument(help="Name of a curriculum; with --seed, of an ensemble under one.")
    ],
    epoch: Annotated[int, typer.Option(help="Which epoch, from 0.")],
    seed: Annotated[int | None, typer.Option(help="Which run of an ensemble.")] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help=f"One of {', '.join(FORMATS)}; lines.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON: --format json.")] = False,
    out: Annotated[Path | None, typer.Option(help="File to write.")] = None,
) -> None:
    """Print the exact indices of an epoch again, checked against what was recorded.

    One index a line, in order, over all processes together. With --seed, the order in which that
    run of an ensemble under a curriculum sees its training examples, of which nothing is recorded.
    """
    file_format = output.chosen_format(file_format, json)
    if file_format is None:
        file_format = FORMATS[0]
    if file_format not in FORMATS:
        raise choice_error("format", file_format, FORMATS)
    if file_format == "npy" and out is None:
        raise UsageError("--format npy needs --out, a file")
    if out is not None:
        check_target(out, force=True)
    with snapshot(open_reader()) as connection:
        indices = (
            replay_epoch(connection, name, epoch)
            if seed is None
            else replay_run(connection, name, seed, epoch)
        )
    if out is None:
        sys.stdout.write(_text(indices, file_format))
        return
    with whole_file(out, force=True) as file:
        if file_format == "npy":
            np.save(file, indices)
        else:
            file.write(_text(indices, file_format).encode())
    recorded = ", as recorded" if seed is None else ""
    output.out.print(f"wrote {out}: {len(indices):,} indices{recorded}")


@app.command()
def preview(
    ensemble: Annotated[str, typer.Argument(help="Ensemble that gives the scores; a,b: the mean.")],
    order: Annotated[str, typer.Option(help=f"One of {', '.join(ORDERS)}.")] = "easy-first",
    score: Annotated[
        str, typer.Option(help="Column of a view that the scores are.")
    ] = "accessibility",
    easy: EasyOption = None,
    pacing: PacingOption = None,
    start: StartOption = None,
    grow: GrowOption = None,
    balance: BalanceOption = False,
    drop_suspected: DropSuspectedOption = False,
    epochs: Annotated[int, typer.Option(help="Length of training.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the order.")] = 0,
    out: Annotated[Path, typer.Option(help="File to write, .png, .pdf or .svg.")] = Path(
        "curriculum.png"
    ),
) -> None:
    """Draw a curriculum before training: pool and classes by epoch, both ends of its order."""
    check_pacing_name(pacing)
    options = CurriculumOptions(
        order,
        tuple(name.strip() for name in ensemble.split(",")),
        score=score,
        easy=easy,
        pacing=pacing,
        start=start,
        grow=grow,
        balance=balance,
        drop_suspected=drop_suspected,
    )
    options.check(epochs, seed)
    # Loads matplotlib, which takes a second, and which no other command needs.
    from tracker import plots

    plots.check_picture(out)
    figure, missing = plots.curriculum_preview(open_reader(), options, epochs, seed)
    plots.save(figure, out)
    output.out.print(f"wrote {out}")
    if missing:
        output.note(f"{score}: {missing}")


def _text(indices: Indices, file_format: str) -> str:
    numbers = indices.tolist()
    return f"{numbers}\n" if file_format == "json" else "".join(f"{n}\n" for n in numbers)


def _epoch(row: Any) -> dict[str, Any]:
    return {
        "epoch": row.epoch,
        "pool_size": row.pool_size,
        "examples": row.examples,
        "checksum": bytes(row.checksum).hex(),
        "scores": bytes(row.snapshot).hex(),
        "begun_at": row.begun_at,
    }


def _print_list(curricula: list[dict[str, Any]], json: bool) -> None:
    if json:
        output.print_json(curricula)
        return
    if not curricula:
        output.out.print("no curricula yet: CurriculumSampler(..., record=True) records them")
        return
    rows = [
        {
            "curriculum": each["name"],
            "order": each["parameters"]["order"],
            "scores": " + ".join(each["source"].get("ensembles", ())) or "own",
            "seed": each["seed"],
            "epochs": f"{each['epochs']}/{each['parameters']['epochs']}",
            "created": each["created_at"],
        }
        for each in curricula
    ]
    output.out.print(table(rows))
    output.note("epochs: recorded/planned")


def _print_one(whole: dict[str, Any]) -> None:
    source = whole["source"]
    scores = (
        f"{shown_score(source['score'])} of {' + '.join(source['ensembles'])}"
        if source.get("ensembles")
        else "the user's own"
    )
    parameters = {k: v for k, v in whole["parameters"].items() if k not in ("pacing", "seed")}
    pacing = whole["parameters"].get("pacing", {})
    lines = {
        "orders": f"{counted(whole['examples'], 'example')} by {scores}",
        "parameters": ", ".join(f"{key} {value}" for key, value in parameters.items()),
        "pacing": ", ".join(f"{key} {value}" for key, value in pacing.items()),
        "seed": str(whole["parameters"]["seed"]),
        "versions": ", ".join(f"{key} {value}" for key, value in whole["versions"].items()),
    }
    grid = Table.grid(padding=(0, 2))
    for key, line in lines.items():
        if line:
            grid.add_row(key, line)
    output.out.print(Text(whole["curriculum"], style="bold"))
    output.out.print(grid)
    output.out.print()
    if not whole["epochs"]:
        output.out.print("no epoch begun yet")
        return
    rows = [
        {
            "epoch": each["epoch"],
            "pool size": f"{each['pool_size']:,}",
            "examples": f"{each['examples']:,}",
            "indices": each["checksum"][:12],
            "scores": each["scores"][:12],
            "begun": each["begun_at"],
        }
        for each in whole["epochs"]
    ]
    output.out.print(table(rows))
    output.note("indices, scores: the first digits of their BLAKE2b")
