"""The images nearest to the corners of the four difficulty types (Baldock 2021 Fig. 7)."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.plots.canvas import MUTED, STYLE, WIDTH, add_page, new_figure
from tracker.plots.images import COLUMNS, GAP, draw_image, magnification
from tracker.reports.types import TYPES, TypedExample

WORDS = {
    "easy": ("easy", "shallow held out,\nshallow trained on"),
    "looks_like_a_different_class": (
        "looks like a\ndifferent class", "shallow held out,\ndeep trained on",
    ),
    "ambiguous_unless_the_label_is_given": (
        "ambiguous unless\nthe label is given", "deep held out,\nshallow trained on",
    ),
    "ambiguous": ("ambiguous", "deep held out,\ndeep trained on"),
}  # fmt: skip
"""What stands beside each row: the type, and of which depths it is."""

# Pixels, as in `tracker.plots.images`; here the words beside the rows are longer.
LEFT, RIGHT, TOP, BOTTOM = 300, 20, 130, 60
CELL = (WIDTH - LEFT - RIGHT) // COLUMNS
LINE = 22


def draw_types(
    images: NDArray[np.uint8],
    purest: Mapping[str, Sequence[TypedExample]],
    class_names: Sequence[str],
    *,
    title: str,
) -> Figure:
    """A row of images for each difficulty type, the nearest to its corner first.

    Parameters
    ----------
    images : array of uint8 [N, H, W, C]
        Pixels by position; 1, 3 or 4 channels.
    purest : mapping
        By type, up to `COLUMNS` examples that are shown; a type without any has an empty row.
    class_names : sequence of str
        Name of each class.
    title : str
        Which ensemble and runs.

    Returns
    -------
    Figure
        `WIDTH` pixels wide.
    """
    scale = magnification(images.shape[1:3], CELL - GAP)
    noisy = any(one.original_label is not None for some in purest.values() for one in some)
    row_height = round(scale * images.shape[1]) + (3 if noisy else 2) * LINE + 2 * GAP
    height = TOP + len(TYPES) * row_height + BOTTOM
    left = LEFT + (CELL - round(scale * images.shape[2])) // 2
    with mpl.rc_context(STYLE):
        figure = new_figure(height)
        page = add_page(figure)
        page.text(40, 42, title, size=10, weight="bold", va="center")
        page.text(40, 82, "Training images nearest to the corners of difficulty", va="center")
        for row, of_type in enumerate(TYPES):
            top, (name, depths) = TOP + row * row_height, WORDS[of_type]
            page.text(40, top, name, weight="bold", va="top")
            page.text(40, top + 2.6 * LINE, depths, size=6.5, color=MUTED, va="top")
            for column, example in enumerate(purest.get(of_type, ())[:COLUMNS]):
                words = _words(example, class_names)
                corner = (left + CELL * column, top)
                draw_image(page, images[example.position], corner, scale, words)
        footer = (
            f"Under each image: its label,{' what that was before label noise,' if noisy else ''} "
            "and what most runs that held it out predict"
        )
        page.text(40, height - 30, footer, size=7, color=MUTED, va="center")
    return figure


def _words(example: TypedExample, class_names: Sequence[str]) -> str:
    consensus, original = example.consensus_class, example.original_label
    predicted = "?" if consensus is None else class_names[consensus]
    lines = [class_names[example.label]]
    lines += [] if original is None else [f"was {class_names[original]}"]
    return "\n".join([*lines, f"\N{RIGHTWARDS ARROW} {predicted}"])
