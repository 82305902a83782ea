"""What the paper reports of prediction depth, on real digits: `make bench-depth`.

    python -m benchmarks.depth --help

Small ensembles go the whole way of the product, as a user's do: `tracker enqueue`, a worker, views.
Some training labels are wrong, and each run holds out a part of its own. Ends with an error if a
direction is not the one of Baldock 2021.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from benchmarks.depth_results import TYPES, Depths, Result, Types
from benchmarks.machine import hardware, installed
from benchmarks.tables import table
from tracker.db.engine import make_engine
from tracker.embedded import EmbeddedServers

TRACKER = Path(sys.executable).with_name("tracker")
NOISE = ("--label-noise", "0.1", "--split", "80:20", "--probe", "final")


@dataclass(frozen=True)
class Plan:
    """One ensemble to train."""

    name: str
    seeds: int
    recipe: tuple[str, ...]

    @property
    def options(self) -> tuple[str, ...]:
        """Of `tracker enqueue`."""
        return ("--name", self.name, "--seeds", str(self.seeds), *self.recipe, *NOISE)


def plan(dataset: str, arch: str, seeds: int, epochs: int, *options: str) -> Plan:
    """An ensemble with label noise and held-out examples."""
    chosen = ("--dataset", dataset, "--arch", arch, "--epochs", str(epochs), *options)
    return Plan(f"{dataset}-{arch}", seeds, chosen)


ADAM = ("--batch-size", "50", "--optimizer", "adam", "--lr", "0.001")
SGD = ("--batch-size", "50", "--lr", "0.02")
RESNET_SGD = ("--batch-size", "32", "--lr", "0.01")
# Long enough for a single run to say nearly all labels that it was told, the wrong ones too: the
# paper's networks are trained to convergence, and only a wrong label that is learned can be deep.
PLANS = (
    plan("digits", "small-st-vgg", 12, 80, *ADAM),
    plan("digits", "resnet18", 6, 18, "--examples", "300", *RESNET_SGD),
    plan("digits", "mlp", 6, 40, "--examples", "400", *SGD),
    plan("mnist5k", "small-st-vgg", 4, 25, "--examples", "1000", *ADAM),
    plan("mnist5k", "mlp", 3, 40, "--examples", "400", *SGD),
    plan("mnist5k", "resnet18", 5, 8, "--examples", "1000", *RESNET_SGD),
)

HEAD = [
    *("ensemble", "runs x examples", "probes", "wrong labels learned", "without depth"),
    *("depth, clean", "depth, mislabelled", "iteration learned", "output margin", "two seeds"),
]
TYPES_HEAD = ["ensemble", "with both depths", *(name.replace("_", " ") for name in TYPES)]


def line(name: str, told: Depths, result: Result) -> list[str]:
    """A row of the table of depths."""
    runs, examples = told.depth.shape
    return [
        name,
        f"{runs} x {examples:,}",
        str(told.layers),
        f"{result.fitted:.0%}",
        f"{result.without:.1%}",
        f"{result.clean:.2f}",
        f"{result.mislabelled:.2f}",
        " / ".join(f"{value:+.2f}" for value in result.learned),
        " / ".join(f"{value:+.2f}" for value in result.margin),
        f"{result.seeds:+.2f}",
    ]


def types_line(name: str, types: Types) -> list[str]:
    """A row of the table of types: of the mislabelled, and of all."""
    everyone, mislabelled = types.shares
    return [
        name,
        f"{types.mislabelled.sum():,} of {types.everyone.sum():,}",
        *(f"{wrong:.0%} / {share:.0%}" for wrong, share in zip(mislabelled, everyone, strict=True)),
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


def run(environment: dict[str, str], *command: str) -> None:
    """A command of tracker; it ends in order also where we are told to end."""
    process = subprocess.Popen(
        [TRACKER, *command],
        env=environment,
        stdout=sys.stderr,
        stderr=sys.stderr,
        # Ctrl-C reaches it once, through us.
        start_new_session=True,
    )
    try:
        code = process.wait()
    finally:
        while process.poll() is None:  # once stops a worker at the next evaluation, twice now
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(1)
    if code:
        raise SystemExit(code)


def measure(environment: dict[str, str], chosen: Plan) -> tuple[Depths, Types]:
    """Queue an ensemble and train it, as a user does, and ask the views."""
    run(environment, "enqueue", *chosen.options)
    run(environment, "worker", "--once")
    servers = EmbeddedServers(Path(environment["TRACKER_HOME"]))
    engine = make_engine(make_url(servers.addresses.database_url))
    try:
        return Depths.read(engine, chosen.name), Types.read(engine, chosen.name)
    finally:
        engine.dispose()


def stop(number: int, *_: object) -> None:
    """Leave through the `finally` clauses, which a second signal does not cut short."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def main() -> None:
    """Train, ask, print Markdown; fails if a direction is another than the paper's."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.depth")
    names = [known.name for known in PLANS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    chosen = parser.parse_args()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    print(f"- {hardware()}")
    print(f"- tracker {installed('tracker')}, torch {installed('torch')}")
    print(f"- `{' '.join(['python -m benchmarks.depth', *sys.argv[1:]])}`")
    print(f"- every ensemble: `{' '.join(NOISE)}`", flush=True)
    lines, types_lines, failures = [], [], []
    with installation() as environment:
        for known in PLANS:
            if known.name not in chosen.only:
                continue
            told, types = measure(environment, known)
            result = Result.of(told, types)
            print(f"- {known.name}: `{' '.join(known.recipe[4:])}`", flush=True)
            lines.append(line(known.name, told, result))
            types_lines.append(types_line(known.name, types))
            print(lines[-1], types_lines[-1], file=sys.stderr, flush=True)
            failures += [f"{known.name}: not so: {what}" for what in result.failures]
    print(
        "\nRank correlations of mean depths, of examples trained on / held out; the two seeds' are "
        "of single\ndepths.\n"
    )
    print(table(HEAD, lines))
    print("\nTypes, of the mislabelled examples / of all, which is the share by chance.\n")
    print(table(TYPES_HEAD, types_lines))
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
