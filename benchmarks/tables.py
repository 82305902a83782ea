"""Figures as text, and Markdown tables of them."""

from collections.abc import Callable, Sequence

from benchmarks.timing import Figure, Missing


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def spread(figure: Figure | Missing, text: Callable[[float], str]) -> str:
    """Median with smallest and largest, or why there is none."""
    if isinstance(figure, Missing):
        return figure.reason
    if len(figure.values) == 1:
        return f"{text(figure.median)} (once)"
    return f"{text(figure.median)} ({text(figure.low)} - {text(figure.high)})"


def seconds(value: float) -> str:
    """A duration with its unit: `1.23 s`, `45 ms`, `4.5 ms`."""
    if value >= 1:
        return f"{value:.3g} s" if value < 1000 else f"{value:.0f} s"
    return f"{value * 1000:.3g} ms"


def rate(value: float) -> str:
    """Outcomes a second: `41.2 M/s`, `4.7 k/s`."""
    return f"{value / 1e6:.3g} M/s" if value >= 1e6 else f"{value / 1e3:.3g} k/s"


def ratio(ours: Figure | Missing, theirs: Figure | Missing) -> str:
    """How many times the median of `theirs` ours is."""
    if isinstance(ours, Missing) or isinstance(theirs, Missing):
        return "-"
    return times(theirs.median / ours.median)


def times(value: float) -> str:
    """A ratio: `12x`, `0.4x`."""
    return f"{value:,.0f}x" if value >= 10 else f"{value:.2g}x"


def mebibytes(value: int | None) -> str:
    """Bytes in MiB."""
    return "-" if value is None else f"{value / 2**20:.0f} MiB"
