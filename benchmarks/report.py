"""The comparison as Markdown tables, with what was to be reached."""

from benchmarks import tables
from benchmarks.asking import Asked
from benchmarks.comparison import Comparison
from benchmarks.mlflow_store import Logged
from benchmarks.queries import ALL_QUERIES
from benchmarks.timing import Figure, Missing

_FASTER_THAN_DUCKDB = {
    "accessibility": 1.0,
    "learning_order": 4.0,
    "forgetting": 1.0,
    "tp_agreement_histogram": 10.0,
    "agreement_histogram": 10.0,
    "error_consistency": 1.0,
}
"""How many times faster than DuckDB on rows each view is to be."""


def storage_table(found: Comparison) -> str:
    """Speed of writing, and size."""
    ours, rows, duck, mlflow = found.ours, found.rows, found.duck, found.mlflow
    logged = mlflow if isinstance(mlflow, Logged) else None
    rates = [ours.rate, rows.rate, duck.rate, _mlflow_rate(mlflow)]
    sizes = [
        f"{ours.bytes_per_outcome:.2f} ({ours.bytes_in_all:.2f} with the dataset)",
        f"{rows.table_bytes:.1f} (+ {rows.index_bytes:.1f} index)",
        f"{duck.bytes_per_outcome:.2f}",
        f"{logged.bytes_per_outcome:.0f}" if logged else "-",
    ]
    lines = [
        ["write, outcomes/s", *[tables.spread(one, tables.rate) for one in rates]],
        ["tracker's write is faster by", "", *[_faster(rates[0], one) for one in rates[1:]]],
        ["bytes per outcome", *sizes],
    ]
    head = ["", "tracker", "rows, COPY", "DuckDB, from Parquet", "MLflow `log_batch`"]
    notes = [f"Of tracker's writing: packing alone {tables.spread(ours.packing, tables.rate)}."]
    if logged:
        notes.append(f"MLflow logged a sample of {logged.outcomes:,} outcomes, in 1,000s.")
    return f"{tables.table(head, lines)}\n\n{' '.join(notes)}"


def _mlflow_rate(mlflow: Logged | Missing) -> Figure | Missing:
    return mlflow.rate if isinstance(mlflow, Logged) else mlflow


def _faster(ours: Figure | Missing, theirs: Figure | Missing) -> str:
    return tables.ratio(theirs, ours)


def query_table(found: Comparison) -> str:
    """Each view in full against both rivals."""
    head = ["median (min - max)", "tracker", "rows", "DuckDB", "rows / tracker", "DuckDB / tracker"]
    lines = []
    for name, (ours, rows, duck) in found.asked.items():
        lines.append(
            [
                ALL_QUERIES[name].title,
                *[tables.spread(one.figure, tables.seconds) for one in (ours, rows, duck)],
                tables.ratio(ours.figure, rows.figure),
                tables.ratio(ours.figure, duck.figure),
            ]
        )
    return f"{tables.table(head, lines)}\n\n{_of_two(found)}"


def _of_two(found: Comparison) -> str:
    """What has no rival: the analysis task, and `tracker compare`."""
    compared = "-" if found.compared is None else tables.spread(found.compared, tables.seconds)
    return (
        "Signals, held-out examples and scores are a second ensemble's, of as many other runs. "
        f"`tracker analyze` computed its ensemble agreement in {tables.seconds(found.analysis)} "
        f"(once); what `tracker compare` asks of the two takes {compared}."
    )


def form_table(found: Comparison) -> str:
    """Every way in which DuckDB was asked; the fastest is the one that counts."""
    lines = [
        [ALL_QUERIES[name].title, form, tables.spread(figure, tables.seconds)]
        for name, (_, _, duck) in found.asked.items()
        for form, figure in duck.forms.items()
    ]
    return tables.table(["DuckDB", "form", "median (min - max)"], lines)


def target_table(found: Comparison) -> str:
    """What was to be reached, and what was."""
    ours, rows, mlflow = found.ours, found.rows, found.mlflow
    rate = ours.rate.median
    lines = [
        _target("bytes per outcome, everything", ours.bytes_in_all, 1.0, "{:.2f}", at_most=True),
        _target("write, M outcomes/s", rate / 1e6, 15, "{:.1f}"),
        _target("write against COPY of rows", rate / rows.rate.median, 10, "{:.1f}x"),
    ]
    if isinstance(mlflow, Logged):
        against = rate / mlflow.rate.median
        lines.append(_target("write against MLflow", against, 1000, "{:.0f}x"))
    for name, least in _FASTER_THAN_DUCKDB.items():
        lines.append(_against_duckdb(name, found.asked[name], least))
    own, by_rows, _ = found.asked["full_aggregate"]
    if isinstance(own.figure, Figure) and isinstance(by_rows.figure, Figure):
        share = by_rows.figure.median / own.figure.median
        lines.append(_target("full aggregate over `outcome` against rows", share, 1, "{:.1f}x"))
    lookup = found.asked["history"][0].figure
    if isinstance(lookup, Figure):
        milliseconds = lookup.median * 1000
        lines.append(_target("one example, ms", milliseconds, 20, "{:.1f}", at_most=True))
    if found.deletion is not None:
        line = _target("delete everything, s", found.deletion.seconds, 2, "{:.2f}", at_most=True)
        line[2] += f" ({found.deletion})"
        lines.append(line)
    return tables.table(["figure", "reach", "measured", ""], lines)


def _against_duckdb(name: str, asked: tuple[Asked, ...], least: float) -> list[str]:
    ours, duck = asked[0].figure, asked[2].figure
    title = f"`{name}` against DuckDB"
    if isinstance(ours, Missing) or isinstance(duck, Missing):
        return [title, f"{least:g}x", "-", "not measured"]
    line = _target(title, duck.median / ours.median, least, "{:.1f}x")
    others = [
        f"{form}: {other.median / ours.median:.1f}x"
        for form, other in asked[2].forms.items()
        if form != asked[2].form
    ]
    line[2] += f" ({', '.join(others)})" if others else ""
    return line


def _target(
    title: str, value: float, bound: float, form: str, *, at_most: bool = False
) -> list[str]:
    reached = value <= bound if at_most else value >= bound
    words = "at most" if at_most else "at least"
    verdict = "reached" if reached else "NOT REACHED"
    return [title, f"{words} {bound:g}", form.format(value), verdict]
