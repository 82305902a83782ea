"""What the paper reports of prediction depth, on real digits: `make bench-depth`.

    python -m benchmarks.depth --help

Small ensembles go the whole way of the product, as a user's do: `tracker enqueue`, a worker, views.
Some training labels are wrong, and each run holds out a part of its own. Ends with an error if a
direction is not the one of Baldock 2021.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sqlalchemy import Engine, make_url, text

from benchmarks.machine import hardware, installed
from benchmarks.tables import table
from tracker.db.engine import make_engine
from tracker.embedded import EmbeddedServers

TRACKER = Path(sys.executable).with_name("tracker")
NOISE = ("--label-noise", "0.2", "--split", "80:20", "--probe", "final")

_DEPTHS = text("""
    SELECT
        run_depth.seed,
        run_depth.position,
        run_depth.depth,
        outcome.held_out,
        margin.value AS output_margin,
        example_label.mislabelled
    FROM run_depth
    INNER JOIN outcome
        ON
            run_depth.run_id = outcome.run_id
            AND run_depth.example_id = outcome.example_id
            AND run_depth.evaluation = outcome.evaluation
    INNER JOIN signal AS margin
        ON
            run_depth.run_id = margin.run_id
            AND run_depth.example_id = margin.example_id
            AND run_depth.evaluation = margin.evaluation
            AND margin.signal = 'output_margin'
    INNER JOIN example_label
        ON
            run_depth.ensemble_id = example_label.ensemble_id
            AND run_depth.example_id = example_label.example_id
    WHERE run_depth.ensemble = :ensemble AND run_depth.split = 'train'
        AND outcome.ensemble = :ensemble AND margin.ensemble = :ensemble
    ORDER BY run_depth.seed, run_depth.position
""")
_HISTORIES = text("""
    SELECT predicted
    FROM outcome
    WHERE ensemble = :ensemble AND split = 'train'
    ORDER BY seed, position, evaluation
""")
_LAYERS = text("SELECT max(layers) FROM run_depth WHERE ensemble = :ensemble")


@dataclass(frozen=True)
class Plan:
    """One ensemble to train."""

    name: str
    seeds: int
    options: tuple[str, ...]


def plan(dataset: str, arch: str, seeds: int, epochs: int, *options: str) -> Plan:
    """An ensemble with label noise and held-out examples."""
    name = f"{dataset}-{arch}"
    chosen = ("--dataset", dataset, "--arch", arch, "--epochs", str(epochs), *options)
    return Plan(name, seeds, (*chosen, *NOISE))


ADAM = ("--optimizer", "adam", "--lr", "0.001")
SGD = ("--batch-size", "20", "--lr", "0.01")
PLANS = (
    plan("digits", "small-st-vgg", 3, 50, "--examples", "400", *ADAM),
    plan("digits", "resnet18", 4, 40, "--examples", "300", *SGD),
    plan("digits", "mlp", 4, 20, "--examples", "600", *SGD),
    plan("mnist5k", "mlp", 4, 20, "--examples", "600", *SGD),
    plan("mnist5k", "small-st-vgg", 4, 50, "--examples", "400", *ADAM),
    plan("mnist5k", "resnet18", 3, 40, "--examples", "150", *SGD),
)


@dataclass(frozen=True)
class Depths:
    """What the runs of one ensemble say of their training split, [R, X] unless told otherwise.

    Attributes
    ----------
    depth
        NaN where the last probe disagrees with the network.
    learned
        First evaluation from which on the prediction is the last one.
    mislabelled
        [X].
    """

    layers: int
    depth: NDArray[np.float64]
    held_out: NDArray[np.bool_]
    output_margin: NDArray[np.float64]
    learned: NDArray[np.int64]
    mislabelled: NDArray[np.bool_]

    @classmethod
    def read(cls, engine: Engine, ensemble: str) -> "Depths":
        """Ask the views."""
        with engine.connect() as connection:
            rows = connection.execute(_DEPTHS, {"ensemble": ensemble}).all()
            predicted = connection.scalars(_HISTORIES, {"ensemble": ensemble}).all()
            layers = connection.scalar(_LAYERS, {"ensemble": ensemble})
        shape = (len({row.seed for row in rows}), -1)
        histories = np.array(predicted).reshape(len(rows), -1)
        changed = histories[:, :-1] != histories[:, 1:]
        # The evaluation after the last change; 0 where there is none.
        learned = np.where(changed.any(1), changed.shape[1] - changed[:, ::-1].argmax(1), 0)
        return cls(
            layers or 0,
            np.array([row.depth for row in rows], float).reshape(shape),
            np.array([row.held_out for row in rows]).reshape(shape),
            np.array([row.output_margin for row in rows]).reshape(shape),
            learned.reshape(shape),
            np.array([row.mislabelled for row in rows]).reshape(shape)[0],
        )

    def mean(self, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean depth of each example over the runs that are `chosen` [R, X]; NaN over none."""
        counted = chosen & ~np.isnan(self.depth)
        total = np.where(counted, self.depth, 0).sum(0)
        count = counted.sum(0)
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Spearman's, over the places where both are numbers."""
    both = ~(np.isnan(one) | np.isnan(other))
    return float(spearmanr(one[both], other[both]).statistic)


def rescaled(depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 for the least to 1 for the most."""
    return (depth - np.nanmin(depth)) / (np.nanmax(depth) - np.nanmin(depth))


@dataclass(frozen=True)
class Result:
    """What one ensemble shows; shares are of examples with both coordinates."""

    clean: float
    mislabelled: float
    without: float
    learned: float
    margin: float
    seeds: float
    noisy_share: float
    chance_share: float
    examples: int

    @classmethod
    def of(cls, told: Depths) -> "Result":
        """Depths compared with everything that the paper compares them with."""
        trained, held = told.mean(~told.held_out), told.mean(told.held_out)
        known = ~(np.isnan(trained) | np.isnan(held))
        # Looks like a different class: seldom deep when held out, deep when trained on (s.4).
        differs = (rescaled(held) < 0.5) & (rescaled(trained) >= 0.5)
        wrong = told.mislabelled
        both = ~told.held_out[0] & ~told.held_out[1]
        single = ~told.held_out
        return cls(
            clean=float(np.nanmean(trained[~wrong])),
            mislabelled=float(np.nanmean(trained[wrong])),
            without=float(np.isnan(told.depth).mean()),
            learned=rank_correlation(told.depth[single], told.learned[single].astype(float)),
            margin=rank_correlation(told.depth[single], told.output_margin[single]),
            seeds=rank_correlation(told.depth[0, both], told.depth[1, both]),
            noisy_share=float(differs[known & wrong].mean()),
            chance_share=float(differs[known].mean()),
            examples=int((known & wrong).sum()),
        )

    @property
    def failures(self) -> list[str]:
        """The directions of the paper that it does not show."""
        shown = {
            "mislabelled examples are deeper than clean ones": self.mislabelled > self.clean,
            "shallow examples are learned earlier": self.learned > 0,
            "shallow examples have larger output margins": self.margin < 0,
            "depths of two seeds correlate": self.seeds > 0,
            "mislabelled examples look like a different class": self.noisy_share
            > self.chance_share,
        }
        return [what for what, so in shown.items() if not so]


HEAD = [
    *("ensemble", "runs x examples", "probes", "depth, clean", "depth, mislabelled"),
    *("without depth", "iteration learned", "output margin", "two seeds"),
    *("mislabelled that look like a different class", "all that do"),
]


def line(name: str, told: Depths, result: Result) -> list[str]:
    """A row of the table."""
    runs, examples = told.depth.shape
    return [
        name,
        f"{runs} x {examples:,}",
        str(told.layers),
        f"{result.clean:.2f}",
        f"{result.mislabelled:.2f}",
        f"{result.without:.1%}",
        f"{result.learned:+.2f}",
        f"{result.margin:+.2f}",
        f"{result.seeds:+.2f}",
        f"{result.noisy_share:.0%} of {result.examples}",
        f"{result.chance_share:.0%}",
    ]


@contextmanager
def installation() -> Iterator[dict[str, str]]:
    """Environment of an installation of its own, with its servers, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="bench-depth-") as folder:
        Path(folder).chmod(0o711)  # started by root, the server runs as another user
        home = Path(folder) / "home"
        kept = {name: value for name, value in os.environ.items() if name[:8] != "TRACKER_"}
        try:
            yield {**kept, "TRACKER_HOME": str(home)}
        finally:
            EmbeddedServers(home).stop()


def train(environment: dict[str, str], chosen: Plan) -> None:
    """Queue an ensemble and train it, as a user does."""
    for command in (
        ["enqueue", "--name", chosen.name, "--seeds", str(chosen.seeds), *chosen.options],
        ["worker", "--once"],
    ):
        subprocess.run(
            [TRACKER, *command], env=environment, check=True, stdout=sys.stderr, stderr=sys.stderr
        )


def main() -> None:
    """Train, ask, print Markdown; fails if a direction is another than the paper's."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.depth")
    names = [known.name for known in PLANS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    chosen = parser.parse_args()
    print(f"- {hardware()}")
    print(f"- tracker {installed('tracker')}, torch {installed('torch')}")
    print(f"- `{' '.join(['python -m benchmarks.depth', *sys.argv[1:]])}`")
    print(f"- every ensemble: `{' '.join(NOISE)}`", flush=True)
    lines, failures = [], []
    with installation() as environment:
        for known in PLANS:
            if known.name not in chosen.only:
                continue
            train(environment, known)
            home = Path(environment["TRACKER_HOME"])
            engine = make_engine(make_url(EmbeddedServers(home).addresses.database_url))
            told = Depths.read(engine, known.name)
            engine.dispose()
            result = Result.of(told)
            print(f"- {known.name}: `{' '.join(known.options[4 : -len(NOISE)])}`", flush=True)
            lines.append(line(known.name, told, result))
            print(lines[-1], file=sys.stderr, flush=True)
            failures += [f"{known.name}: not so: {what}" for what in result.failures]
    print()
    print(table(HEAD, lines))
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
