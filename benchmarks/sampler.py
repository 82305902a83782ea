"""`make bench-sampler`: an epoch beside torch's samplers, and scores read from the store.

    python -m benchmarks.sampler --quick --out results.md

Everything is measured in this one process; ours and theirs take turns.
"""

import argparse
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import BatchSampler, DistributedSampler, RandomSampler, WeightedRandomSampler

from benchmarks import machine
from benchmarks.content import Content
from benchmarks.ours import Ours
from benchmarks.progress import say
from benchmarks.queries.query import ENSEMBLE
from benchmarks.servers import Server, running_server
from benchmarks.store import Report
from benchmarks.tables import ratio, seconds, spread, table
from benchmarks.timing import Figure, repeated, seconds_of
from tracker import CurriculumSampler
from tracker.curriculum.plan import make_ranking, plan_epoch
from tracker.curriculum.sampling import replacement
from tracker.curriculum.scores import read_scores

IMAGENET = 1_281_167
"""Training examples of ImageNet-1k."""
BATCH, REPLICAS = 256, 8
PLAN_SECONDS, SCORES_SECONDS = 0.1, 0.3
"""What is to be reached."""

SCORES = ("accessibility", "mean_learned", "forgetting_events", "consensus_share")

Acts = dict[str, Callable[[], object]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print it as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sampler", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="a tenth of the examples and of the outcomes")
    add("--examples", type=int, help=f"of a plan; default: {IMAGENET:,}")
    add("--runs", type=int, help="of the store; default: 50")
    add("--stored-examples", type=int, default=50_000)
    add("--evaluations", type=int, default=30)
    add("--repeats", type=int, default=9, help="after one warm-up")
    add("--database-url", help="a server to use; else the embedded one is started, new")
    add("--folder", type=Path, help="where data goes; default: the system's temporary folder")
    add("--out", type=Path, help="Markdown file to write as well")
    options = parser.parse_args(arguments)
    examples = options.examples or (IMAGENET // 10 if options.quick else IMAGENET)
    content = Content(
        options.runs or (5 if options.quick else 50), options.stored_examples, options.evaluations
    )
    report = Report(options.out)
    report.add(
        "# Sampler",
        f"- {machine.hardware()}\n- {machine.versions('tracker', 'numpy', 'torch', 'psycopg')}\n"
        f"- torch has {torch.get_num_threads()} threads, we have one\n"
        f"- `{machine.command('benchmarks.sampler')}`",
        f"Times are medians of {options.repeats} after a warm-up, with smallest and largest.",
    )
    say(f"  {examples:,} examples")
    report.add(f"## {examples:,} examples", *plans(examples, options.repeats))
    with running_server(options.database_url, options.folder) as server:
        report.add(
            f"## Scores from PostgreSQL: {content}", scores(server, content, options.repeats)
        )
    return 0


def plans(n: int, repeats: int) -> list[str]:
    """Tables of planning and iterating an epoch of `n` examples."""
    marks = np.random.default_rng(0).integers(0, 1500, n) / 1500
    weights = np.random.default_rng(1).random(n) + 0.1
    common = {"scores": marks, "easy": "high", "epochs": 10}
    whole = CurriculumSampler(range(n), start=1.0, **common)
    pool = CurriculumSampler(range(n), start=0.5, **common)
    weighted = CurriculumSampler(range(n), start=1.0, weights=weights, **common)
    by_step = CurriculumSampler(
        range(n), start=0.1, pacing="root", unit="step", step_examples=BATCH, **common
    )
    ranked = CurriculumSampler(range(n), start=1.0, rank=0, num_replicas=REPLICAS, **common)
    batches = CurriculumSampler(range(n), start=1.0, batch_size=BATCH, **common)
    random = RandomSampler(range(n))
    by_weight = WeightedRandomSampler(torch.from_numpy(weights), n)
    dealt = DistributedSampler(range(n), REPLICAS, 0)
    made = timed(
        {
            "ranking, once": lambda: make_ranking(whole.curriculum, whole._examples),
            "plan, whole set": lambda: planned(whole),
            "plan, half of it": lambda: planned(pool),
            "plan, by weight": lambda: planned(weighted),
            f"plan, by step of {BATCH}": lambda: planned(by_step),
            "`torch.randperm`": lambda: torch.randperm(n),
            "`torch.multinomial`": lambda: torch.multinomial(by_weight.weights, n, True),
        },
        repeats,
    )
    passed = timed(
        {
            "whole set": lambda: drain(whole),
            "`RandomSampler`": lambda: drain(random),
            "by weight": lambda: drain(weighted),
            "`WeightedRandomSampler`": lambda: drain(by_weight),
            f"rank 0 of {REPLICAS}": lambda: drain(ranked),
            f"`DistributedSampler` 0 of {REPLICAS}": lambda: drain(dealt),
            f"batches of {BATCH}": lambda: drain(batches),
            f"`BatchSampler` of {BATCH}": lambda: drain(BatchSampler(random, BATCH, False)),
        },
        repeats,
    )
    names = list(passed)
    pairs = [(names[i], names[i + 1]) for i in range(0, len(names), 2)]
    return [
        table(
            ["to make", "median (min - max)"], [[n, spread(f, seconds)] for n, f in made.items()]
        ),
        verdict("a plan of the whole set", made["plan, whole set"], PLAN_SECONDS),
        table(
            ["a whole epoch, plan and iteration", "ours", "torch's", "torch's / ours"],
            [
                [
                    f"{ours}, {theirs}",
                    spread(passed[ours], seconds),
                    spread(passed[theirs], seconds),
                    ratio(passed[ours], passed[theirs]),
                ]
                for ours, theirs in pairs
            ],
        ),
        *([beyond_torch()] if n >= IMAGENET else []),
    ]


def planned(sampler: CurriculumSampler) -> object:
    """One epoch's indices."""
    return plan_epoch(sampler.curriculum, sampler._examples, 0, sampler._ranking)


def drain(indices: Iterable[object]) -> None:
    """Iterate to the end, at the speed of C."""
    deque(indices, maxlen=0)


def timed(acts: Acts, repeats: int) -> dict[str, Figure]:
    """Seconds of each, taking turns, after a warm-up."""
    values: dict[str, list[float]] = {name: [] for name in acts}
    for turn in range(repeats + 1):
        for name, act in acts.items():
            taken, _ = seconds_of(act)
            if turn:
                values[name].append(taken)
    return {name: Figure.of(taken) for name, taken in values.items()}


def beyond_torch() -> str:
    """What happens above 2^24 weights."""
    n = 2**24 + 1
    weights = np.ones(n)
    bounds, pool = np.cumsum(weights), np.arange(n)
    taken, drawn = seconds_of(lambda: replacement(pool, bounds, n, np.random.default_rng(0)))
    try:
        torch.multinomial(torch.from_numpy(weights), 1, True)
        theirs = "draws one"
    except RuntimeError as error:
        theirs = f"says: {str(error).splitlines()[0]}"
    return (
        f"Of {n:,} weights we draw {len(drawn):,} in {seconds(taken)} (once); `torch.multinomial` "
        f"{theirs}."
    )


def scores(server: Server, content: Content, repeats: int) -> str:
    """A table of reading scores; the store is written first."""
    say(f"  {content}")
    rows = []
    with server.tracker_database() as engine:
        about = machine.server(engine, server.kind)
        Ours(engine, content).write()
        say("  reading")
        for score in SCORES:
            read = partial(read_scores, ENSEMBLE, score, engine=engine)
            read()
            figure = repeated(read, repeats)
            rows.append(
                [f"`{score}`", spread(figure, seconds), reached(figure.median, SCORES_SECONDS)]
            )
    head = f"- {about}\n\n"
    return head + table(
        ["score of every example", "median (min - max)", f"at most {SCORES_SECONDS} s"], rows
    )


def verdict(what: str, figure: Figure, limit: float) -> str:
    """Whether a target is reached, and by how much it is not."""
    return f"To reach: {what} in at most {limit} s: {reached(figure.median, limit)}."


def reached(value: float, limit: float) -> str:
    """`reached`, or by how much it is missed."""
    return "reached" if value <= limit else f"NOT REACHED, {value / limit:.2g} times as long"


if __name__ == "__main__":
    sys.exit(main())
