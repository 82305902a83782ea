"""`tracker datasets` and `tracker archs`: what can be asked for by name."""

from typing import Annotated

import typer

from tracker.cli.output import out, print_json, table
from tracker.datasets import DATASETS, is_available
from tracker.recipes import ARCHITECTURES
from tracker.reports import recipe_line
from tracker.settings import get_settings
from tracker.specs import Recording


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
    if json:
        print_json(
            [
                {
                    "name": architecture.name,
                    "summary": architecture.summary,
                    "source": architecture.source,
                    "recipe": architecture.stock.model_dump(mode="json"),
                    "recipe_by_dataset": {
                        dataset: recipe.model_dump(mode="json")
                        for dataset, recipe in architecture.by_dataset.items()
                    },
                }
                for architecture in ARCHITECTURES.values()
            ]
        )
        return
    for architecture in ARCHITECTURES.values():
        out.print(f"{architecture.name:<13} {architecture.summary} ({architecture.source})")
        out.print(f"{'':<13} {recipe_line(architecture.stock, Recording())}", style="dim")
        if architecture.by_dataset:
            others = ", ".join(architecture.by_dataset)
            out.print(f"{'':<13} recipes of their own for {others}", style="dim")
