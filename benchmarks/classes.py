"""The third table: agreement where there are many classes."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from benchmarks import tables
from benchmarks.asking import Asked
from benchmarks.comparison import Effort, ask_all, duck_file, tell
from benchmarks.content import Content
from benchmarks.duck import Loaded
from benchmarks.ours import Ours, Written
from benchmarks.progress import say
from benchmarks.queries import parameters
from benchmarks.queries.evaluations import AGREEMENT_HISTOGRAM, suited
from benchmarks.servers import Server
from benchmarks.timing import Figure


@dataclass(frozen=True)
class Classes:
    """Figures of one number of classes."""

    content: Content
    ours: Written
    duck: Loaded
    agreement: tuple[Asked, Asked, Asked]


def measure_classes(
    server: Server, content: Content, numbers: Sequence[int], effort: Effort
) -> list[Classes]:
    """The content with each of these numbers of classes."""
    return [_measure(server, replace(content, classes=number), effort) for number in numbers]


def _measure(server: Server, content: Content, effort: Effort) -> Classes:
    say(f"  {content}")
    with ExitStack() as stack:
        ours = Ours(stack.enter_context(server.tracker_database()), content)
        duck = stack.enter_context(duck_file(effort.folder, content))
        written, loaded = ours.write(), duck.write()
        query = suited(AGREEMENT_HISTOGRAM, content.classes)
        fields = {**parameters(content), **ours.fields}
        asked = ask_all(query, ours, None, duck, fields, effort, content)
        tell(query, (asked[0], asked[2]))
    return Classes(content, written, loaded, asked)


def classes_table(measured: Sequence[Classes]) -> str:
    """Size, writing and agreement for each number of classes."""
    head = [
        *("content", "bytes per outcome", "DuckDB", "write", "DuckDB"),
        *("agreement histograms", "DuckDB", "DuckDB / tracker", "per evaluation", "memory"),
    ]
    return tables.table(head, [_line(one) for one in measured])


def _line(one: Classes) -> list[str]:
    ours, _, duck = one.agreement
    each = "-"
    if isinstance(ours.figure, Figure):
        each = tables.seconds(ours.figure.median / one.content.evaluations)
    return [
        str(one.content),
        f"{one.ours.bytes_per_outcome:.2f} ({one.ours.bytes_in_all:.2f} with the dataset)",
        f"{one.duck.bytes_per_outcome:.2f}",
        tables.spread(one.ours.rate, tables.rate),
        tables.spread(one.duck.rate, tables.rate),
        tables.spread(ours.figure, tables.seconds),
        tables.spread(duck.figure, tables.seconds),
        tables.ratio(ours.figure, duck.figure),
        each,
        tables.mebibytes(ours.peak_bytes),
    ]
