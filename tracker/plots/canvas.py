"""What the pictures share: size, letters, colours, and writing them to files."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tracker.errors import choice_error
from tracker.files import check_target, whole_file

DPI = 200
WIDTH = 1600
"""Pixels. The smallest letters are legible when that is shown at 1200, and in print at 8 inches."""

OBSERVED, NULL = "#1f5a94", "#f28e2b"
INK, MUTED = "#222222", "#5f5f5f"

# Typed loosely: matplotlib lists every key of its settings as a literal.
STYLE: Any = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same letters everywhere
    "font.size": 8,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 8,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "text.parse_math": False,  # a $ in a name is a $
    "svg.hashsalt": "tracker",  # else each file names its parts anew
}

# Without dates, equal figures make equal files.
METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}


def new_figure(height: int) -> Figure:
    """A white figure of `WIDTH` x `height` pixels, drawn by Agg.

    Made of matplotlib's objects alone: pyplot would keep it, and look for a window.
    """
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def add_axes(
    figure: Figure, left: float, top: float, width: float, height: float, **options: Any
) -> Axes:
    """Axes at a place given in pixels, from the left and upper edges of the figure."""
    whole_width, whole_height = figure.get_size_inches() * DPI
    bottom = whole_height - top - height
    rectangle = (
        left / whole_width,
        bottom / whole_height,
        width / whole_width,
        height / whole_height,
    )
    return figure.add_axes(rectangle, **options)


def add_page(figure: Figure) -> Axes:
    """Invisible axes over the whole figure, in pixels with y downwards, for words and images."""
    width, height = figure.get_size_inches() * DPI
    axes = add_axes(figure, 0, 0, width, height, xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    # Adding an image would fit the limits to it.
    axes.autoscale(False)
    return axes


def check_picture(path: Path) -> None:
    """Raise `UsageError` unless `save` can write a file of that name."""
    if path.suffix.lower() not in METADATA:
        raise choice_error("kind of file", path.name, METADATA)
    check_target(path, force=True)


def save(figure: Figure, path: Path) -> None:
    """Write the figure in the format that the name of `path` ends with.

    Raises
    ------
    UsageError
        If the format is unknown, the folder missing, or the file cannot be written.
    """
    check_picture(path)
    kind = path.suffix.lower()
    with whole_file(path, force=True) as file, mpl.rc_context(STYLE):
        figure.savefig(file, format=kind[1:], dpi=DPI, metadata=METADATA[kind])
