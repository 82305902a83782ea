"""`tracker datasets` and `tracker archs`: what can be asked for by name."""

from typing import Annotated

import typer

from tracker.cli.output import out, print_json, table
from tracker.datasets import DATASETS, is_available
from tracker.recipes import ARCHITECTURES
from tracker.settings import get_settings


def datasets(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the datasets, and which of them are at hand."""
    folder = get_settings().data_folder
    rows = [
        {
            "name": info.name,
            "train": info.sizes["train"],
            "test": info.sizes["test"],
            "classes": info.num_classes,
            "size": "x".join(map(str, info.image_shape)),
            "at_hand": "ships" if info.ships else "yes" if is_available(info.name, folder) else "",
            "summary": info.summary,
        }
        for info in DATASETS.values()
    ]
    if json:
        print_json(rows)
        return
    out.print(table(rows))
    out.print(f"Others are downloaded to {folder}, or found there.")


def archs(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the architectures with their stock recipes."""
    rows = [
        {
            "name": architecture.name,
            "summary": architecture.summary,
            "source": architecture.source,
            "length": str(architecture.stock.length),
            "batch": architecture.stock.batch_size,
            "optimizer": architecture.stock.optimizer,
            "lr": architecture.stock.lr,
            "own_recipe_for": ", ".join(architecture.by_dataset),
        }
        for architecture in ARCHITECTURES.values()
    ]
    if json:
        print_json(rows)
        return
    out.print(table(rows))
