"""The second table: tracker alone, at sizes that are tens of times apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from benchmarks import tables
from benchmarks.asking import Asked
from benchmarks.comparison import Effort, ask_ours, tell
from benchmarks.content import Content
from benchmarks.ours import Ours, Written
from benchmarks.progress import say
from benchmarks.queries import QUERIES, parameters
from benchmarks.servers import Server
from benchmarks.timing import Figure


@dataclass
class Size:
    """Figures of one size."""

    content: Content
    written: Written
    asked: dict[str, Asked] = field(default_factory=dict)


def grow(server: Server, content: Content, runs: Sequence[int], effort: Effort) -> list[Size]:
    """The content with each of these numbers of runs, each in a database of its own."""
    return [_measure(server, replace(content, runs=number), effort) for number in runs]


def _measure(server: Server, content: Content, effort: Effort) -> Size:
    say(f"  {content}")
    with server.tracker_database() as engine:
        ours = Ours(engine, content)
        size = Size(content, ours.write())
        fields = {**parameters(content), **ours.fields}
        for query in QUERIES.values():
            size.asked[query.name] = ask_ours(ours, query, fields, effort, content)
            tell(query, (size.asked[query.name],))
    return size


def growth_table(sizes: Sequence[Size]) -> str:
    """Time of each query, its cost per outcome, and the memory of the server."""
    head = [""]
    for size in sizes:
        head += [f"{size.content.outcomes / 1e6:,.3g}M outcomes", "per outcome", "memory"]
    lines = [
        ["write", *_joined(sizes, _write_cells)],
        ["bytes", *_joined(sizes, _byte_cells)],
    ]
    for name, query in QUERIES.items():
        lines.append([query.title, *_joined(sizes, partial(_cells, name=name))])
    peaks = [
        max((asked.peak_bytes or 0 for asked in size.asked.values()), default=0) for size in sizes
    ]
    lines.append(["highest memory", *[c for peak in peaks for c in ("", "", _mib(peak))]])
    return tables.table(head, lines)


def _joined(sizes: Sequence[Size], cells: Callable[[Size], list[str]]) -> list[str]:
    return [cell for size in sizes for cell in cells(size)]


def _mib(peak: int) -> str:
    return tables.mebibytes(peak or None)


def _write_cells(size: Size) -> list[str]:
    rate = size.written.rate
    whole = sum(size.content.outcomes / size.content.runs / value for value in rate.values)
    return [tables.seconds(whole), _per_outcome(whole, size), "-"]


def _byte_cells(size: Size) -> list[str]:
    whole = size.written.bytes_in_all * size.content.outcomes / 2**20
    return [f"{whole:,.0f} MiB", f"{size.written.bytes_in_all:.2f} B", "-"]


def _cells(size: Size, name: str) -> list[str]:
    asked = size.asked[name]
    if not isinstance(asked.figure, Figure):
        return [asked.figure.reason, "-", "-"]
    cost = "-" if QUERIES[name].lookup else _per_outcome(asked.figure.median, size)
    spread = tables.spread(asked.figure, tables.seconds)
    return [spread, cost, tables.mebibytes(asked.peak_bytes)]


def _per_outcome(seconds: float, size: Size) -> str:
    return f"{seconds / size.content.outcomes * 1e9:.3g} ns"
