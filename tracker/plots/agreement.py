"""The distribution of Tp-agreement by evaluation beside its null model (Hacohen 2020 Fig. 3, 4)."""

from collections.abc import Callable, Iterator, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from tracker.plots.canvas import NULL, OBSERVED, STYLE, add_axes, add_page, new_figure
from tracker.reports import BimodalityRow, TpHistogram

HISTOGRAMS = 5
COLOURS = "BuPu"

# Pixels from the left and upper edges.
LEFT, RIGHT, HEIGHT = 140, 1570, 1470
MAPS_TOP, MAPS_HEIGHT = 160, 430
BARS_TOP, BARS_HEIGHT = 760, 240
LINE_TOP, LINE_HEIGHT = 1140, 240

Shares = Callable[[TpHistogram], NDArray[np.float64]]


def _observed(histogram: TpHistogram) -> NDArray[np.float64]:
    return np.asarray(histogram.examples / histogram.examples.sum())


def _null(histogram: TpHistogram) -> NDArray[np.float64]:
    return np.asarray(histogram.null_examples / histogram.examples.sum())


def draw_tp_agreement(
    histograms: Sequence[TpHistogram],
    bimodality: Sequence[BimodalityRow],
    *,
    title: str,
    unit: str = "epoch",
    some_held_out: bool = False,
) -> Figure:
    """Heat maps, histograms at about five evaluations, and bimodality, each beside the null.

    Parameters
    ----------
    histograms : sequence of TpHistogram
        The distribution at each evaluation recorded, in order.
    bimodality : sequence of BimodalityRow
        Of the same evaluations.
    title : str
        Which ensemble, split and runs.
    unit : str
        What the ordinals of evaluations count.
    some_held_out : bool
        Whether runs hold some of the examples out.
    """
    examples = int(histograms[-1].examples.sum())
    subtitle = f"Tp-agreement: share of the runs that are right, for each of {examples:,} examples"
    if some_held_out:
        subtitle += "; runs that held it out count too"
    with mpl.rc_context(STYLE):
        figure = new_figure(HEIGHT)
        page = add_page(figure)
        page.text(LEFT, 42, title, size=10, weight="bold", va="center")
        page.text(LEFT, 82, subtitle, va="center")
        _draw_maps(figure, histograms, unit)
        _draw_bars(figure, histograms, unit)
        _draw_line(figure, bimodality, unit)
    return figure


def _draw_maps(figure: Figure, histograms: Sequence[TpHistogram], unit: str) -> None:
    highest = max(float(shares(each).max()) for each in histograms for shares in (_observed, _null))
    # The square root, or all but the two peaks would be one pale colour.
    norm = PowerNorm(0.5, 0, highest)
    panels = (
        ("observed", _observed),
        ("null model: independent runs, same accuracies", _null),
    )
    width = (RIGHT - LEFT - 150) // 2 - 20
    for number, (name, shares) in enumerate(panels):
        axes = add_axes(figure, LEFT + number * (width + 40), MAPS_TOP, width, MAPS_HEIGHT)
        for group in _alike(histograms):
            _draw_map(axes, group, shares, norm)
        margin = 0.5 / min(each.runs for each in histograms)
        axes.set_ylim(-margin, 1 + margin)
        axes.set_yticks((0, 0.5, 1), ("0", "0.5", "1") if number == 0 else ("", "", ""))
        _set_time(axes, [each.evaluation for each in histograms], unit)
        axes.set_title(name)
        if number == 0:
            _label(axes, "Tp-agreement", width)
    bar = figure.colorbar(
        ScalarMappable(norm, COLOURS),
        cax=add_axes(figure, RIGHT - 130, MAPS_TOP, 24, MAPS_HEIGHT),
        format=PercentFormatter(1, decimals=0),
    )
    bar.set_label("share of examples")


def _label(axes: Axes, words: str, width: float) -> None:
    axes.set_ylabel(words)
    # Below each other, whatever the width of the numbers beside the axes.
    axes.yaxis.set_label_coords(-84 / width, 0.5)


def _set_time(axes: Axes, evaluations: Sequence[int], unit: str) -> None:
    axes.set_xlim(evaluations[0] - 0.5, evaluations[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=(1, 2, 5, 10), min_n_ticks=1))
    axes.set_xlabel(unit)


def _alike(histograms: Sequence[TpHistogram]) -> Iterator[list[TpHistogram]]:
    """Evaluations in a row with as many runs, which are one rectangle of a heat map."""
    group: list[TpHistogram] = []
    for each in histograms:
        if group and (each.runs, each.evaluation) != (group[-1].runs, group[-1].evaluation + 1):
            yield group
            group = []
        group.append(each)
    yield group


def _draw_map(
    axes: Axes, histograms: Sequence[TpHistogram], shares: Shares, norm: Normalize
) -> None:
    runs, first = histograms[0].runs, histograms[0].evaluation
    axes.pcolormesh(
        first - 0.5 + np.arange(len(histograms) + 1),
        (np.arange(runs + 2) - 0.5) / runs,
        np.column_stack([shares(each) for each in histograms]),
        norm=norm,
        cmap=COLOURS,
        rasterized=True,
    )


def _draw_bars(figure: Figure, histograms: Sequence[TpHistogram], unit: str) -> None:
    chosen = choose(histograms, HISTOGRAMS)
    alike = len({each.runs for each in histograms}) == 1
    width = (RIGHT - LEFT + 36) / HISTOGRAMS - 36
    highest = max(float(max(_observed(each).max(), _null(each).max())) for each in chosen)
    for number, each in enumerate(chosen):
        axes = add_axes(figure, LEFT + number * (width + 36), BARS_TOP, width, BARS_HEIGHT)
        edges = (np.arange(each.runs + 2) - 0.5) / each.runs
        axes.stairs(_observed(each), edges, fill=True, color=OBSERVED, label="observed")
        axes.stairs(_null(each), edges, color=NULL, lw=1.6, label="null model")
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0, 1.05 * highest)
        axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.tick_params(labelleft=number == 0)
        accuracy = float(edges[:-1] @ _observed(each)) + 0.5 / each.runs
        runs = "" if alike else f" ({each.runs} run{'' if each.runs == 1 else 's'})"
        axes.set_title(f"{unit} {each.evaluation}{runs}\naccuracy {accuracy:.0%}")
        axes.set_xlabel("Tp-agreement")
        if number == 0:
            _label(axes, "share of examples", width)
            axes.legend(loc="best", edgecolor="none", fontsize=7, handlelength=1)


def choose(histograms: Sequence[TpHistogram], most: int) -> list[TpHistogram]:
    """At most `most` evaluations of networks in training, denser where learning is faster."""
    trained = [each for each in histograms if each.evaluation > 0] or list(histograms)
    places = np.geomspace(1, len(trained), most).round().astype(int)
    return [trained[place - 1] for place in dict.fromkeys(places.tolist())]


def _draw_line(figure: Figure, bimodality: Sequence[BimodalityRow], unit: str) -> None:
    axes = add_axes(figure, LEFT, LINE_TOP, RIGHT - LEFT, LINE_HEIGHT)
    at = np.array([row.evaluation for row in bimodality])
    observed = np.array([row.bimodality for row in bimodality], dtype=float)
    null = np.array([row.null_bimodality for row in bimodality], dtype=float)
    marker = "o" if len(at) <= 60 else None
    for heights, colour in ((null, NULL), (observed, OBSERVED)):
        axes.plot(at, heights, color=colour, lw=1.6, marker=marker, ms=2.4)
    both = np.flatnonzero(np.isfinite(observed) & np.isfinite(null))
    if len(both):
        last = both[-1]
        upper = "observed" if observed[last] > null[last] else "null model"
        for name, heights, colour in (("null model", null, NULL), ("observed", observed, OBSERVED)):
            axes.annotate(
                name,
                (at[last], heights[last]),
                xytext=(0, 6 if name == upper else -6),
                textcoords="offset points",
                color=colour,
                weight="bold",
                ha="right",
                va="bottom" if name == upper else "top",
            )
    _set_time(axes, at.tolist(), unit)
    # Room for the upper name, and below 0 for the lower where the lines are there (one run).
    top = 1.2 * max(axes.get_ylim()[1], 0.5)
    least = np.min(observed[np.isfinite(observed)], initial=top)
    axes.set_ylim(-0.25 * top if least < 0.1 * top else 0, top)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    _label(axes, "bimodality", RIGHT - LEFT)
    axes.set_title("bimodality of Tp-agreement: lower is more two-peaked, 0 is two points")
