"""`make bench-store`: the outcome store against rows in PostgreSQL, DuckDB and MLflow.

    python -m benchmarks.store --quick --out results.md

Everything is written and asked in this one process, on one machine, with the same content.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import machine
from benchmarks.asking import Disagreement
from benchmarks.classes import classes_table, measure_classes
from benchmarks.comparison import Effort, compare
from benchmarks.content import Content
from benchmarks.growth import grow, growth_table
from benchmarks.progress import say
from benchmarks.queries import ALL_QUERIES, parameters
from benchmarks.queries.query import MOST_EVALUATIONS
from benchmarks.report import form_table, query_table, storage_table, target_table
from benchmarks.servers import Server, running_server
from tracker.errors import TrackerError

TABLES = ("comparison", "classes", "growth")
FULL_RUNS, QUICK_RUNS = 50, 5


class Report:
    """Markdown, printed as it comes and kept for a file."""

    def __init__(self, out: Path | None) -> None:
        self._out = out
        self._text = ""

    def add(self, *paragraphs: str) -> None:
        """Print and keep these paragraphs; the file is complete up to here."""
        text = "".join(f"{paragraph}\n\n" for paragraph in paragraphs)
        print(text, end="", flush=True)
        self._text += text
        if self._out is not None:
            self._out.write_text(self._text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit status is 1 where engines disagree."""
    options = parse(arguments)
    # `kill` ends it as Ctrl-C does: servers are stopped, databases dropped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = Report(options.out)
    try:
        with running_server(options.database_url, options.folder) as server:
            run(options, server, report)
    except KeyboardInterrupt:
        return 130
    except (Disagreement, TrackerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    add = parser.add_argument
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} runs: 7.5M outcomes")
    size.add_argument("--large", action="store_true", help="growth to 750M outcomes, ours only")
    add("--runs", type=_positive, help=f"default: {FULL_RUNS}")
    add("--examples", type=_positive, default=50_000)
    add("--evaluations", type=_positive, default=30)
    add("--classes", type=_positive, default=10)
    add("--repeats", type=_positive, default=5, help="after one warm-up")
    add("--lookups", type=_positive, default=50, help="examples whose history is looked up")
    add("--timeout", type=float, default=60.0, help="seconds given to rows in PostgreSQL")
    add("--mlflow-outcomes", type=int, default=20_000, help="size of MLflow's sample; 0: none")
    add("--tables", nargs="+", choices=TABLES, help="default: comparison classes")
    add("--growth-runs", type=_positive, nargs="+", default=[5, 50, 500])
    add("--many-classes", type=_positive, nargs="+", default=[10, 100, 1000])
    add("--class-evaluations", type=_positive, default=3, help="evaluations of the classes' table")
    add("--database-url", help="a server to use; else the embedded one is started, new")
    add("--folder", type=Path, help="where data goes; default: the system's temporary folder")
    add("--out", type=Path, help="Markdown file to write as well")
    options = parser.parse_args(arguments)
    if options.tables is None:
        options.tables = ["growth"] if options.large else ["comparison", "classes"]
    if options.runs is None:
        options.runs = QUICK_RUNS if options.quick else FULL_RUNS
    if options.evaluations > MOST_EVALUATIONS:
        parser.error(f"--evaluations must be at most {MOST_EVALUATIONS}: rivals use bit masks")
    if options.evaluations < 2:
        parser.error("--evaluations must be at least 2, or nothing is forgotten")
    if min(options.classes, *options.many_classes) < 2:
        parser.error("--classes must be at least 2")
    return options


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def run(options: argparse.Namespace, server: Server, report: Report) -> None:
    """Measure and report the tables that are asked for."""
    content = Content(options.runs, options.examples, options.evaluations, options.classes)
    effort = Effort(
        repeats=options.repeats,
        lookups=options.lookups,
        timeout=options.timeout,
        mlflow_outcomes=options.mlflow_outcomes,
        folder=options.folder,
    )
    report.add("# Outcome store", *about(server, options))
    if "comparison" in options.tables:
        say(f"  {content}")
        found = compare(server, content, effort)
        report.add(
            f"## {content}",
            *(storage_table(found), query_table(found), form_table(found), target_table(found)),
        )
    if "classes" in options.tables:
        few = replace(content, evaluations=options.class_evaluations)
        measured = measure_classes(server, few, options.many_classes, effort)
        report.add("## Many classes", classes_table(measured))
    if "growth" in options.tables:
        sizes = grow(server, content, options.growth_runs, effort)
        report.add("## Growth with the number of runs", growth_table(sizes))
    report.add("## What tracker was asked", *asked_sql(content))


def about(server: Server, options: argparse.Namespace) -> list[str]:
    """Where and with what this was measured."""
    with server.tracker_database() as engine:
        database = machine.server(engine, server.kind)
    return [
        f"- {machine.hardware()}\n- {machine.versions()}\n- {database}\n- `{machine.command()}`",
        f"Times are medians of {options.repeats} after a warm-up, with smallest and largest; "
        f"rates are of single runs. Answers of all engines are compared.",
    ]


def asked_sql(content: Content) -> list[str]:
    """The SQL of our side; each stands inside `SELECT count(*), sum(every column)`."""
    fields = {**parameters(content), "example": 4711, "first_run": 1}
    return [f"`{' '.join(query.ours.format(**fields).split())}`" for query in ALL_QUERIES.values()]


if __name__ == "__main__":
    sys.exit(main())
