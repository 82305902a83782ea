"""Finding wrong labels: the view `suspected_label_errors` beside cleanlab.

    python -m benchmarks.label_errors --noise-seeds 10 11 12

Digits of mnist5k get wrong labels, drawn anew for each seed of noise; tracker trains ensembles on
them, in servers of its own below a temporary folder. cleanlab is given what it asks for, the
probabilities of the same ensemble: the mean of the final softmax outputs. It wants them out of
sample (its documentation of `find_label_issues`), so a second ensemble of each noise holds a tenth
out of every run (`--split 90:10`), and its mean is over the runs that held an example out; over
all, where none did. Either ensemble is asked for its suspects, too.

Nothing is chosen by the answer but one row, "the best of its filters", which is the rival's.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from benchmarks import machine
from benchmarks.progress import say
from benchmarks.suspects import Found, Told, average_precision, choices, found, rankings, read
from benchmarks.tables import table
from tracker.db.engine import make_engine
from tracker.embedded import EmbeddedServers

TRACKER = Path(sys.executable).with_name("tracker")


@contextmanager
def home() -> Iterator[tuple[Callable[..., None], Engine]]:
    """Servers of one's own: `tracker` as a command on them, and their database."""
    with tempfile.TemporaryDirectory(prefix="tracker-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        place = Path(folder) / "home"
        kept = {name: value for name, value in os.environ.items() if name[:8] != "TRACKER_"}
        environment = kept | {"TRACKER_HOME": str(place)}

        def tracker(*arguments: str) -> None:
            command = [str(TRACKER), *arguments]
            subprocess.run(command, env=environment, check=True, stdout=sys.stderr)

        tracker("up")
        engine = make_engine(EmbeddedServers(place).addresses.database_url)
        try:
            yield tracker, engine
        finally:
            engine.dispose()
            tracker("down")


def train(tracker: Callable[..., None], options: argparse.Namespace) -> dict[str, list[str]]:
    """Train all ensembles; their names by what they are, one for each seed of noise."""
    runs = {"in sample": (options.seeds, "full"), "out of sample": (options.split_seeds, "90:10")}
    names: dict[str, list[str]] = {kind: [] for kind in runs}
    for kind, (seeds, split) in runs.items():
        for seed in options.noise_seeds if seeds else ():
            name = f"noise{seed}-{kind.replace(' ', '-')}"
            tracker(
                *("enqueue", "--arch", options.arch, "--dataset", "mnist5k", "--name", name),
                *("--seeds", str(seeds), "--split", split, "--record", "outputs"),
                *("--label-noise", str(options.noise), "--label-noise-seed", str(seed)),
            )
            names[kind].append(name)
    tracker("worker", "--once")
    return names


# --- report ---------------------------------------------------------------------------------------


def report(kind: str, ensembles: Sequence[Told], runs: int) -> str:
    """The tables of one kind of ensembles, as Markdown."""
    accuracy = np.mean([told.accuracy for told in ensembles])
    by_heart = np.mean([told.by_heart for told in ensembles])
    return "\n\n".join(
        [
            f"### {kind.capitalize()}: {runs} runs, {len(ensembles)} draws of noise",
            f"In the end the runs say {accuracy:.1%} of the given labels, and {by_heart:.1%} of "
            f"the {int(ensembles[0].wrong.sum())} wrong ones.",
            table(["choice", "chosen", "precision", "recall", "F1"], _choice_rows(ensembles)),
            table(
                ["order of all", "average precision", "precision of as many as are wrong"],
                _ranking_rows(ensembles),
            ),
        ]
    )


def _choice_rows(ensembles: Sequence[Told]) -> list[list[str]]:
    scores: dict[str, list[Found]] = {}
    for told in ensembles:
        for name, chosen in choices(told):
            scores.setdefault(name, []).append(found(chosen, told.wrong))
    columns = ("chosen", "precision", "recall", "f1")
    return [
        [name, *(_spread([getattr(each, column) for each in of]) for column in columns)]
        for name, of in scores.items()
    ]


def _ranking_rows(ensembles: Sequence[Told]) -> list[list[str]]:
    whole: dict[str, list[float]] = {}
    first: dict[str, list[float]] = {}
    for told in ensembles:
        for name, ranking in rankings(told):
            many = int(told.wrong.sum())
            whole.setdefault(name, []).append(average_precision(ranking, told.wrong))
            first.setdefault(name, []).append(found(ranking[:many], told.wrong).precision)
    return [[name, _spread(whole[name]), _spread(first[name])] for name in whole]


def _spread(values: Sequence[float]) -> str:
    """Mean, with smallest and largest."""
    form = "{:,.0f}" if all(isinstance(value, int) for value in values) else "{:.3f}"
    mean, least, most = (form.format(one) for one in (np.mean(values), min(values), max(values)))
    return mean if least == most else f"{mean} ({least} - {most})"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.label_errors", description=__doc__)
    add = parser.add_argument
    add("--arch", default="mlp-tiny")
    add("--noise", type=float, default=0.1, help="share of wrong labels")
    add("--noise-seeds", type=int, nargs="+", default=[10, 11, 12, 13, 14])
    add("--seeds", type=int, default=10, help="runs of an ensemble")
    add("--split-seeds", type=int, default=20, help="runs of one with --split 90:10; 0: none")
    add("--out", type=Path, help="Markdown file to write as well")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, ask and print."""
    options = parse(arguments)
    if machine.installed("cleanlab") is None:
        print("error: cleanlab is not installed: `make bench-labels` does it", file=sys.stderr)
        return 1
    versions = ", ".join(f"{name} {machine.installed(name)}" for name in ("cleanlab", "torch"))
    parts = [
        f"## Wrong labels: mnist5k with {options.noise:.0%} label noise, {options.arch}",
        f"- {machine.hardware()}\n- {machine.versions()}, {versions}\n"
        f"- `{' '.join(['python -m benchmarks.label_errors', *sys.argv[1:]])}`",
        "Means over the draws of noise, with smallest and largest. cleanlab is given the mean of "
        "the same ensemble's final softmax outputs.",
    ]
    with home() as (tracker, engine):
        names = train(tracker, options)
        for kind, ensembles in names.items():
            if ensembles:
                say(f"  {kind}")
                told = [read(engine, name, held_out=kind != "in sample") for name in ensembles]
                runs = options.seeds if kind == "in sample" else options.split_seeds
                parts.append(report(kind, told, runs))
    text_ = "\n\n".join(parts)
    print(text_)
    if options.out is not None:
        options.out.write_text(f"{text_}\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
