"""Training what is queued from within a command: a worker of its own, and one bar."""

import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import IO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine, func, select

from tracker.cli.output import err
from tracker.cli.waiting import ENDED
from tracker.db.models import Run
from tracker.errors import TrackerError

POLL_SECONDS = 0.25


def train_queued(engine: Engine, what: str, ensembles: Sequence[int], *, own_worker: bool) -> None:
    """Wait until every run of the ensembles (ids) has ended.

    Parameters
    ----------
    what
        Words beside the bar.
    own_worker
        Start `tracker worker --once` for it, unless there is nothing to train; else other workers
        have to.

    Raises
    ------
    TrackerError
        If a run failed or was cancelled, or the worker ended before they did.
    """
    states = _states(engine, ensembles)
    if _open(states):
        with _worker() if own_worker else nullcontext() as worker, Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
        ) as progress:  # fmt: skip
            bar = progress.add_task(what, total=states.total())
            while _open(states):
                progress.update(bar, completed=states.total() - _open(states))
                if worker is not None:
                    worker.check()
                time.sleep(POLL_SECONDS)
                states = _states(engine, ensembles)
            progress.update(bar, completed=states.total())
    if set(states) != {"complete"}:
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        raise TrackerError(
            f"{what}: not every run is complete ({counts}): `tracker status` says why, "
            "`tracker retry` queues them again"
        )


def _states(engine: Engine, ensembles: Sequence[int]) -> Counter[str]:
    query = (
        select(Run.state, func.count().label("runs"))
        .where(Run.ensemble_id.in_(ensembles))
        .group_by(Run.state)
    )
    with engine.connect() as connection:
        return Counter({row.state: row.runs for row in connection.execute(query)})


def _open(states: Counter[str]) -> int:
    return sum(count for state, count in states.items() if state not in ENDED)


class _Worker:
    def __init__(self, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
        self._process = process
        self._log = log

    def check(self) -> None:
        """Raise if the worker has failed."""
        if self._process.poll():
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip().splitlines()
            raise TrackerError(f"the worker ended: {said[-1] if said else 'it said nothing'}")


@contextmanager
def _worker() -> Iterator[_Worker]:
    """A worker that stops when nothing is left, or at the end; then it gives its run back."""
    command = [sys.executable, "-c", "from tracker.cli import main; main()", "worker", "--once"]
    with tempfile.TemporaryFile() as log:
        # In a session of its own: Ctrl-C is passed on below, once and whole.
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            yield _Worker(process, log)
            process.wait()
        finally:
            # The first lets the run in hand finish, the second stops it and gives it back.
            for _ in range(2):
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                time.sleep(0 if process.poll() is not None else 0.3)
            process.wait()
