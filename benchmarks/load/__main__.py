"""`make load`: 200 runs over eight workers, with and without people who ask.

    python -m benchmarks.load --runs 40 --workers 4

All in the same run: windows of a few seconds take turns, in which nobody asks, five readers each
ask once a second, five ask without a pause, or five processes take as much of the processor as
those did, without asking anything. Linux only.
"""

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import text

from benchmarks import machine
from benchmarks.load.locks import LOGGED_MS, LockWatch, deadlocks, logged_waits
from benchmarks.load.readers import Answered, Mode, Readers
from benchmarks.load.scene import OPEN, Scene, Watch, cpu_seconds, scene
from benchmarks.progress import say
from benchmarks.store import Report
from benchmarks.tables import seconds, spread, table
from benchmarks.timing import Figure

SETTLE_SECONDS = 1.0
"""At the beginning of a window; not counted."""

NAMES = {
    Mode.REST: "nobody asks",
    Mode.DASHBOARD: "five readers, a question a second each, and `tracker status --watch`",
    Mode.HAMMER: "five readers without a pause, and `tracker status --watch`",
    Mode.BURN: "five processes that ask nobody, and compute as much as these",
}


@dataclass(frozen=True)
class Window:
    """One turn of one mode."""

    mode: Mode
    began: float
    ended: float
    cores: float
    """Processor time of the readers, of their sessions on the server and of the terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print it as Markdown; the exit status is 1 where a run is not complete."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    add = parser.add_argument
    add("--runs", type=int, default=200)
    add("--ensembles", type=int, default=4)
    add("--evaluations", type=int, default=100, help="of each run")
    add("--workers", type=int, default=8)
    add("--readers", type=int, default=5)
    add("--window", type=float, default=8.0, help="seconds of a turn")
    add("--folder", type=Path, help="where data goes; default: the system's temporary folder")
    add("--out", type=Path, help="Markdown file to write as well")
    options = parser.parse_args(arguments)
    report = Report(options.out)
    ensembles = [f"load-{number}" for number in range(options.ensembles)]
    report.add(
        "# Load",
        f"- {machine.hardware()}\n- {machine.versions('tracker', 'torch', 'psycopg', 'celery')}\n"
        f"- `{machine.command('benchmarks.load')}`",
    )
    with scene(options.folder) as here:
        report.add(f"{machine.server(here.engine, 'embedded')}")
        here.queue(ensembles, options.runs // options.ensembles, options.evaluations)
        say(f"starting {options.workers} workers")
        here.start(options.workers)
        with (
            LockWatch(here.engine) as watched,
            Readers(here.reader_url, ensembles, options.readers) as readers,
        ):
            windows = take_turns(here, readers, options.window)
            answered = readers.stop()
        say("letting the rest come to its end")
        codes = [worker.wait(timeout=600) for worker in here.workers]
        report.add(
            throughput_table(here, windows, answered),
            lock_table(here, watched),
            ending(here, codes, answered),
        )
        whole = here.count("state = 'complete'") == here.count("true") and not any(codes)
        return 0 if whole else 1


def take_turns(here: Scene, readers: Readers, length: float) -> list[Window]:
    """Turns of all modes, in another order each round, while all workers have work.

    `BURN` comes after `HAMMER`, whose use of the processor it copies.
    """
    random = np.random.default_rng(0)
    windows: list[Window] = []
    terminal = Watch(here)
    try:
        time.sleep(3)  # until it draws
        while here.count("state = 'queued'") > len(here.workers):
            order = [Mode(mode) for mode in random.permutation(list(NAMES)) if mode != Mode.BURN]
            order.insert(order.index(Mode.HAMMER) + 1, Mode.BURN)
            for mode in order:
                cores = windows[-1].cores if mode == Mode.BURN else 0.0
                windows.append(turn(here, readers, terminal, mode, length, cores))
                if here.count("state = 'queued'") == 0:
                    windows.pop()  # not all workers had work
                    break
    finally:
        terminal.close()
    if not terminal.drawn:
        raise RuntimeError("`tracker status --watch` has drawn nothing")
    return windows


def turn(
    here: Scene, readers: Readers, terminal: Watch, mode: Mode, length: float, burn: float
) -> Window:
    """One window; `burn` is what `BURN` is to take, in cores."""
    terminal.turn(mode in (Mode.DASHBOARD, Mode.HAMMER))
    readers.turn(Mode.REST)
    while here.asked():
        time.sleep(0.1)
    readers.turn(mode, burn)
    time.sleep(SETTLE_SECONDS)
    pids = [*readers.pids, terminal.pid, *sessions(here)]
    began, used = time.time(), cpu_seconds(pids)
    time.sleep(length)
    ended = time.time()
    cores = (cpu_seconds(pids) - used) / (ended - began)
    say(f"{mode.name}: {cores:.2f} cores beside the workers, {here.count(OPEN)} runs to do")
    return Window(mode, began, ended, cores)


def sessions(here: Scene) -> list[int]:
    """Server processes of the terminal's sessions: the reader's, but those of the readers."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE usename LIKE '%reader' "
        "AND application_name = 'tracker'"
    )
    with here.engine.connect() as connection:
        return list(connection.scalars(text(query)))


def throughput_table(here: Scene, windows: list[Window], answered: list[Answered]) -> str:
    """Evaluations a second in each mode, and the answers beside them."""
    at = np.concatenate([one.at for one in answered])
    took = np.concatenate([one.seconds for one in answered])
    rates: dict[Mode, list[float]] = defaultdict(list)
    lines = []
    for window in windows:
        length = window.ended - window.began
        rates[window.mode].append(here.evaluations(window.began, window.ended) / length)
    alone = Figure.of(rates[Mode.REST]).median
    for mode, name in NAMES.items():
        own = [window for window in windows if window.mode == mode]
        inside = np.zeros(len(at), dtype=bool)
        for window in own:
            inside |= (at >= window.began) & (at < window.ended)
        length = sum(window.ended - window.began for window in own)
        rate = Figure.of(rates[mode])
        lines.append(
            [
                name,
                f"{len(own)}",
                spread(rate, lambda value: f"{value:.1f}"),
                "" if mode == Mode.REST else f"{rate.median / alone - 1:+.1%}",
                f"{Figure.of([window.cores for window in own]).median:.2f}",
                f"{inside.sum() / length:.1f}" if inside.any() else "",
                *(seconds(float(np.quantile(took[inside], q))) if inside.any() else ""
                  for q in (0.5, 0.99)),
            ]
        )  # fmt: skip
    head = [
        "", "windows", "evaluations/s", "against nobody", "cores used", "answers/s",
        "median answer", "99th percentile",
    ]  # fmt: skip
    return table(head, lines)


def lock_table(here: Scene, watched: LockWatch) -> str:
    """Deadlocks and waits for locks."""
    logged = logged_waits(here.log)
    longest = watched.longest
    lines = [
        ["deadlocks", f"{deadlocks(here.engine)}"],
        [f"waits of {LOGGED_MS} ms or more (server's log)", f"{len(logged)}"],
        ["the longest of these", seconds(logged[0].seconds) if logged else "-"],
        ["looks (every 20 ms) at which somebody waited", f"{watched.waiting} of {watched.looks}"],
        ["longest wait seen", seconds(longest.seconds) if longest else "-"],
    ]
    waits = [wait.what for wait in logged[:5]] + ([longest.what] if longest else [])
    return "\n".join([table(["locks", ""], lines), "", *(f"- {what}" for what in waits)])


def ending(here: Scene, codes: list[int], answered: list[Answered]) -> str:
    """What became of the runs and questions."""
    failed = [text for one in answered for text in one.failed]
    told = f"; {failed[0].splitlines()[0]}" if failed else ""
    complete = here.count("state = 'complete'")
    return (
        f"{here.count('true')} runs, {complete} "
        f"complete, {here.count('attempt > 1')} begun more than once; workers ended with "
        f"{sorted(set(codes))}. {sum(len(one.at) for one in answered):,} questions answered, "
        f"{len(failed)} failed{told}."
    )


if __name__ == "__main__":
    if not os.path.exists("/proc/self/stat"):
        sys.exit("it reads /proc: Linux only")
    sys.exit(main())
