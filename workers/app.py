"""The Celery application of the workers: `celery -A workers.app worker`.

`tracker worker` starts it with the right options, one process per GPU or one on the CPU.
"""

import logging
import os
import warnings
from contextlib import suppress
from typing import Any

from billiard.util import get_logger
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_ready, worker_shutting_down
from celery.worker.consumer import consumer

from tracker.analysis import analyze
from tracker.db import get_engine
from tracker.db.patience import AWAY
from tracker.errors import BrokerUnavailableError, TrackerError
from tracker.logs import configure
from tracker.messages import MessageError, read_analysis, read_train_run
from tracker.queue import ANALYSIS_TASK, TASK, make_celery, send_runs
from tracker.runs import worker_name
from tracker.settings import get_settings
from workers import drain
from workers.caretaker import Caretaker

# Celery warns root of pickled messages. Ours are JSON, and nothing else is accepted.
warnings.filterwarnings("ignore", category=SecurityWarning)

REFUSALS = (
    consumer.UNKNOWN_FORMAT,
    consumer.UNKNOWN_TASK_ERROR,
    consumer.INVALID_TASK_ERROR,
    consumer.MESSAGE_DECODE_ERROR,
)
"""What Celery says of messages that it does not hand to a task."""

CHILD_GONE = "Task handler raised error: %r"
"""What Celery says, with a traceback of its own, when the process that trains has ended."""

logger = logging.getLogger(__name__)
settings = get_settings()
app = make_celery(settings)
app.conf.worker_consumer = "workers.consumer:GuardedConsumer"


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def train_run(*arguments: Any, **named: Any) -> None:
    """Train one run. Everything that may go wrong is recorded in its row."""
    try:
        run_id = read_train_run(arguments, named).run_id
    except MessageError as error:
        logger.error("%s", error)  # noqa: TRY400 (the line says it all)
        return
    drain.listen()
    # Torch takes seconds to load: only the process that trains does.
    from workers.task import PoisonedError, work

    # Named after the worker's main process, which is what `tracker worker` knows.
    engine, name = get_engine(settings), worker_name(os.getppid())
    poisoned = False
    try:
        state = work(engine, settings, run_id, name, drain.requested)
    except PoisonedError as error:
        state, poisoned = error.state, True
    if state == "queued":
        with suppress(BrokerUnavailableError):  # a caretaker will send it
            send_runs(app, engine, [run_id])
    if poisoned:
        logger.warning("this process cannot use its device any more: another takes its place")
        # The pool makes a new one.
        raise SystemExit


@app.task(name=ANALYSIS_TASK)  # type: ignore[untyped-decorator]
def analyze_ensemble(*arguments: Any, **named: Any) -> None:
    """Compute a score of an ensemble, unless it is stored and current."""
    drain.listen()  # a worker that stops ends this first
    try:
        asked = read_analysis(arguments, named)
        found = analyze(get_engine(settings), asked.ensemble, asked.score)
    except (TrackerError, *AWAY) as error:
        # Its first line: what a driver adds is for those who write drivers.
        logger.error("%s", str(error).partition("\n")[0])  # noqa: TRY400
        return
    what = "computed" if found.computed else "current already"
    logger.info(
        "%s of %s: %s, %d examples from %d runs",
        *(found.score, found.ensemble, what, found.examples, found.runs),
    )


@worker_ready.connect  # type: ignore[untyped-decorator]
def start_caretaker(**_: Any) -> None:
    """Look after lost runs and messages from the worker's main process."""
    Caretaker(app, settings).start()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def drain_children(**_: Any) -> None:
    """Let the run in hand stop at its next evaluation."""
    drain.pass_on()


def in_one_line(record: logging.LogRecord) -> bool:
    """Shorten what Celery says of a message that it refuses, or of a child that has ended.

    To its first line, without contents of messages: those are the sender's, of any length.
    """
    if record.msg in REFUSALS:
        record.msg = f"refused a message: {record.getMessage().partition(chr(10))[0][:200]}"
        record.args, record.exc_info, record.exc_text = (), None, None
    elif record.msg == CHILD_GONE and "WorkerLostError" in record.getMessage():
        record.msg = f"a training process has ended: {record.getMessage().partition(chr(10))[0]}"
        record.args, record.exc_info, record.exc_text = (), None, None
    return True


@setup_logging.connect  # type: ignore[untyped-decorator]
def configure_logging(**_: Any) -> None:
    """One line per event of ours; of the libraries only what is worth a warning."""
    configure(settings.log_json)
    for handler in logging.getLogger().handlers:
        handler.addFilter(in_one_line)
    # The pool's own logger would write past the handlers.
    get_logger().propagate = True
