"""A curriculum before it is trained: its pool and classes by epoch, and both ends of its order."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from tracker.curriculum.description import Curriculum
from tracker.curriculum.training import CurriculumOptions
from tracker.plots.canvas import MUTED, OBSERVED, STYLE, WIDTH, add_axes, add_page, new_figure
from tracker.plots.images import COLUMNS, draw_image, magnification

NAMED_CLASSES = 20
"""With more classes their names would cover each other."""

COLOURS = "RdBu_r"

# Pixels from the left and upper edges.
LEFT, RIGHT = 150, 1570
POOL_TOP, POOL_HEIGHT = 160, 270
BALANCE_TOP, BALANCE_HEIGHT = 560, 330
IMAGES_TOP, ROWS = 1010, 2
SUBTITLE_LINE = 36
BAR = 130
"""Width of what tells the colours."""
CELL = (WIDTH - LEFT - 20) // COLUMNS
GAP, LINE, BETWEEN, BOTTOM = 14, 24, 34, 60


def draw_preview(
    pools: NDArray[np.int64],
    counts: NDArray[np.int64],
    images: NDArray[np.uint8],
    ranking: NDArray[np.int64],
    labels: NDArray[np.int64],
    class_names: Sequence[str],
    *,
    title: str,
    subtitle: str,
) -> Figure:
    """The size of the pool, the balance of classes, the images that come first and last.

    Parameters
    ----------
    pools : int64 array [epochs]
        Examples in the pool of each epoch.
    counts : int64 array [epochs, classes]
        How many of each class an epoch shows.
    images : uint8 array [N, H, W, C]
        By position; 1, 3 or 4 channels.
    ranking : int64 array [M]
        Positions, first to enter the pool first; without those that never do.
    labels : int64 array [N]
    class_names : sequence of str
        By class.
    title, subtitle : str
        Which curriculum; a subtitle of several lines moves the rest down.

    Returns
    -------
    Figure
        `WIDTH` pixels wide.
    """
    scale = magnification(images.shape[1:3], CELL - GAP)
    row_height = round(scale * images.shape[1]) + LINE + GAP
    block = ROWS * row_height
    lines = subtitle.splitlines()
    shift = SUBTITLE_LINE * (len(lines) - 1)
    images_top = IMAGES_TOP + shift
    height = images_top + block + BETWEEN + block + BOTTOM
    with mpl.rc_context(STYLE):
        figure = new_figure(height)
        page = add_page(figure)
        page.text(LEFT, 42, title, size=10, weight="bold", va="center")
        for line, words in enumerate(lines):
            page.text(LEFT, 82 + SUBTITLE_LINE * line, words, va="center")
        _draw_pools(figure, pools, len(images), POOL_TOP + shift)
        whole = np.bincount(labels, minlength=len(class_names))
        _draw_balance(figure, counts, whole, class_names, BALANCE_TOP + shift)
        first = ranking[: COLUMNS * ROWS]
        last = ranking[len(first) :][-COLUMNS * ROWS :]
        for top, words, ends in (
            (images_top, "first", first),
            (images_top + block + BETWEEN, "last", last),
        ):
            page.text(LEFT - 24, top + block / 2, words, weight="bold", ha="right", va="center")
            for place, position in enumerate(ends.tolist()):
                corner = (LEFT + CELL * (place % COLUMNS), top + row_height * (place // COLUMNS))
                draw_image(page, images[position], corner, scale, class_names[labels[position]])
        footer = "Under each image: its label. Each row from left to right, in the order of entry."
        page.text(LEFT, height - 30, footer, size=7, color=MUTED, va="center")
    return figure


def preview_subtitle(
    options: CurriculumOptions, curriculum: Curriculum, missing: str | None
) -> str:
    """Whose scores order the examples, and all that is in effect besides, in up to three lines."""
    parts = []
    if options.easy is not None and curriculum.easy is not None:
        parts.append(f"{curriculum.easy} is easy")
    if (pacing := curriculum.pacing) is not None:
        parts += [f"pacing {pacing.name}", f"start {pacing.start}"]
        if pacing.grow is not None:
            parts.append(f"grow {pacing.grow}")
    parts.append(f"seed {curriculum.seed}")
    first = f"{options.score} of {' + '.join(options.ensembles)}; {', '.join(parts)}"
    second = ", ".join(
        words
        for words, there in (
            ("classes balanced", curriculum.balance),
            ("without suspected label errors", options.drop_suspected),
        )
        if there
    )
    return "\n".join(filter(None, (first, second, missing)))


def _draw_pools(figure: Figure, pools: NDArray[np.int64], n: int, top: int) -> None:
    axes = add_axes(figure, LEFT, top, RIGHT - LEFT - BAR, POOL_HEIGHT)
    axes.stairs(pools, np.arange(len(pools) + 1) - 0.5, fill=True, color=OBSERVED)
    axes.axhline(n, color=MUTED, lw=0.6, ls=":")
    axes.set_xlim(-0.5, len(pools) - 0.5)
    axes.set_ylim(0, 1.05 * n)
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_title(f"examples in the pool, of {n:,}")
    axes.set_xlabel("epoch")
    share = axes.twinx()
    share.spines["right"].set_visible(True)
    share.set_ylim(0, 1.05)
    share.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    share.set_ylabel("share")


def _draw_balance(
    figure: Figure,
    counts: NDArray[np.int64],
    whole: NDArray[np.int64],
    class_names: Sequence[str],
    top: int,
) -> None:
    axes = add_axes(figure, LEFT, top, RIGHT - LEFT - BAR, BALANCE_HEIGHT)
    epochs, classes = counts.shape
    shown = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    expected = whole / whole.sum()
    # How many times its share of the dataset; a class that the dataset lacks has no colour.
    ratio = np.divide(shown, expected, out=np.full(shown.shape, np.nan), where=expected > 0)
    # Beyond four times there is little to tell; and a scale must have a width.
    most = min(max(float(np.nanmax(ratio)), 1.1), 4.0)
    mesh = axes.pcolormesh(
        np.arange(epochs + 1) - 0.5,
        np.arange(classes + 1) - 0.5,
        ratio.T,
        norm=TwoSlopeNorm(1.0, 0.0, most),
        cmap=COLOURS,
        rasterized=True,
    )
    axes.set_ylim(classes - 0.5, -0.5)
    if classes <= NAMED_CLASSES:
        axes.set_yticks(range(classes), class_names)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_ylabel("class")
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
    axes.set_title("share of each class, as a multiple of its share of the dataset")
    axes.set_xlabel("epoch")
    bar = figure.colorbar(
        mesh,
        cax=add_axes(figure, RIGHT - BAR + 36, top, 24, BALANCE_HEIGHT),
        extend="max" if float(np.nanmax(ratio)) > most else "neither",
    )
    bar.set_ticks([0, 0.5, 1, most], labels=["0", "0.5", "1", f"{most:.2g}"])
