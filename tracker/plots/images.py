"""The images that an ensemble learns first and last (Hacohen 2020 Fig. 1)."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tracker.plots.canvas import MUTED, STYLE, WIDTH, add_page, new_figure
from tracker.reports import LearningScores

COLUMNS = 10
ROWS = 3
"""Rows of images learned first, and as many of those learned last."""

# Pixels. A cell holds an image, at most as large as CELL less the gap, and one or two lines.
LEFT, RIGHT, TOP, BOTTOM = 150, 20, 150, 70
CELL = (WIDTH - LEFT - RIGHT) // COLUMNS
GAP, LINE, BETWEEN = 14, 24, 44


def draw_learning_order(
    images: NDArray[np.uint8],
    scores: LearningScores,
    class_names: Sequence[str],
    *,
    title: str,
    unit: str = "epoch",
    some_held_out: bool = False,
) -> Figure:
    """Rows of the images learned first, above rows of those learned last.

    Parameters
    ----------
    images : array of uint8 [N, H, W, C]
        Pixels by position; 1, 3 or 4 channels.
    scores : LearningScores
        How each was learned.
    class_names : sequence of str
        Name of each class. With at most ten classes each has a column of its own; with more,
        the images stand in one order from left to right, each above its class.
    title : str
        Which ensemble, split and runs.
    unit : str
        What the ordinals of evaluations count.
    some_held_out : bool
        Whether runs hold some of the images out.

    Returns
    -------
    Figure
        `WIDTH` pixels wide; every pixel of a small image is a square of whole pixels.
    """
    by_class = len(class_names) <= COLUMNS
    first, last = _ends_by_class(scores, len(class_names)) if by_class else _ends(scores)
    scale = magnification(images.shape[1:3])
    row_height = round(scale * images.shape[1]) + LINE * (1 if by_class else 2) + GAP
    block = ROWS * row_height
    height = TOP + block + BETWEEN + block + BOTTOM
    left = LEFT + (CELL - round(scale * images.shape[2])) // 2
    which = "Each class's images" if by_class else f"Images of {len(class_names)} classes"
    subtitle = f"{which} learned first and last"
    if some_held_out:
        subtitle += "; runs that held an image out count too"
    footer = (
        f"Under each image: accessibility, and the {unit} from which on a run is always right, "
        "mean of the runs that are (never: none)"
    )
    with mpl.rc_context(STYLE):
        figure = new_figure(height)
        page = add_page(figure)
        page.text(left, 42, title, size=10, weight="bold", va="center")
        page.text(left, 82, subtitle, va="center")
        if by_class:
            for column, name in enumerate(class_names):
                page.text(LEFT + CELL * (column + 0.5), TOP - 22, name, ha="center", va="center")
        for top, words, grid in (
            (TOP, "learned\nfirst", first),
            (TOP + block + BETWEEN, "learned\nlast or\nnever", last),
        ):
            page.text(left - 24, top + block / 2, words, weight="bold", ha="right", va="center")
            for (row, column), position in np.ndenumerate(grid):
                if position >= 0:
                    corner = (left + CELL * column, top + row_height * row)
                    below = _words(scores, int(position), None if by_class else class_names)
                    draw_image(page, images[position], corner, scale, below)
        page.text(left, height - 36, footer, size=7, color=MUTED, va="center")
    return figure


def _ends_by_class(
    scores: LearningScores, classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the first and the last of each class [ROWS, classes]; -1 where there is none."""
    first = np.full((ROWS, classes), -1)
    last = np.full((ROWS, classes), -1)
    order = scores.order()
    for label in range(classes):
        own = order[scores.labels[order] == label]
        # Never an image on both sides: of a class with few, half are called early.
        early = own[: min(ROWS, -(-len(own) // 2))]
        late = own[len(early) :][-ROWS:]
        first[: len(early), label] = early
        last[ROWS - len(late) :, label] = late
    return first, last


def _ends(scores: LearningScores) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the first and the last of all [ROWS, COLUMNS]; -1 where there is none."""
    size = ROWS * COLUMNS
    first, last = np.full(size, -1), np.full(size, -1)
    order = scores.order()
    early = order[: min(size, -(-len(order) // 2))]
    late = order[len(early) :][-size:]
    first[: len(early)] = early
    last[size - len(late) :] = late
    return first.reshape(ROWS, COLUMNS), last.reshape(ROWS, COLUMNS)


def magnification(size: tuple[int, ...], most: int = CELL - GAP) -> float:
    """How many times larger images [height, width] can be shown within `most` pixels.

    A whole number, unless they must shrink.
    """
    room = most / max(size)
    return int(room) if room >= 1 else room


def draw_image(
    page: Axes, image: NDArray[np.uint8], corner: tuple[float, float], scale: float, below: str
) -> None:
    """Draw an image of uint8 [H, W, C], `scale` times as large, with words below it."""
    (left, top), (height, width) = corner, (round(scale * side) for side in image.shape[:2])
    # Grey as three colours: a colour map would round some of them.
    page.imshow(
        image.repeat(3, axis=2) if image.shape[2] == 1 else image,
        extent=(left, left + width, top + height, top),
        interpolation="nearest" if scale >= 1 else "antialiased",
        aspect="auto",
    )
    page.text(
        left + width / 2, top + height + 6, below, size=6.5, color=MUTED, ha="center", va="top"
    )


def _words(scores: LearningScores, position: int, class_names: Sequence[str] | None) -> str:
    learned = float(scores.mean_learned[position])
    when = "never" if np.isnan(learned) else f"{learned:.1f}"
    words = f"{scores.accessibility[position]:.2f}   {when}"
    return words if class_names is None else f"{class_names[scores.labels[position]]}\n{words}"
