"""`tracker import`: other people's trajectories as an ensemble."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tracker.cli.output import counted, err, note, out, print_json
from tracker.cli.session import open_engine
from tracker.imports import FORMATS, Imported, import_ensemble
from tracker.imports.trajectories import DEFAULT_SPLIT
from tracker.imports.writing import Progress as Report
from tracker.settings import get_settings


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(help="File or folder; several are runs (forgetting, cartography)."),
    ],
    name: Annotated[str, typer.Option(help="Name of the ensemble.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help=f"One of {', '.join(FORMATS)}; told by the file's name."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Dataset of the examples; one of their own if not given.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split of the examples; train, or what the file says.")
    ] = None,
    first_evaluation: Annotated[
        int | None, typer.Option(help="Number of the first evaluation; 0 is before training.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Import trajectories that others recorded, as an ensemble like any other.

    Everything is imported, or nothing. npz: correct or predicted, of runs x examples x
    evaluations. Parquet: a row an outcome. Also the files of dataset cartography
    (dynamics_epoch_N.jsonl) and of the example-forgetting code (stats_dict.pkl).
    """
    settings = get_settings()
    with _bar(name) as report:
        imported = import_ensemble(
            open_engine(settings),
            files,
            name,
            form=form,
            dataset=dataset,
            split=split,
            first_evaluation=first_evaluation,
            data_folder=settings.data_folder,
            progress=report,
        )
    if json:
        print_json(imported)
        return
    _tell(imported)


@contextmanager
def _bar(name: str) -> Iterator[Report]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("evaluations"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(f"reading {name}", total=None)
        yield lambda done, total: bar.update(
            task, completed=done, total=total, description=f"writing {name}"
        )


def _tell(imported: Imported) -> None:
    examples = " and ".join(f"{size:,} {split}" for split, size in imported.sizes.items())
    runs = counted(imported.runs, "run")
    out.print(
        f"imported {imported.ensemble}: {runs}, {examples} examples, "
        f"{imported.outcomes:,} outcomes (dataset {imported.dataset})"
    )
    if imported.ignored:
        note(f"left out, because nothing is made of them: {', '.join(imported.ignored)}")
    if imported.unlabelled:
        note(
            f"{counted(imported.unlabelled, 'example')} without a label: views show class "
            f"{imported.unlabelled_class}, which is called unknown"
        )
    option = "" if DEFAULT_SPLIT in imported.sizes else f" --split {next(iter(imported.sizes))}"
    note(f"next: `tracker show {imported.ensemble}{option}`")
