"""`tracker worker`: one Celery worker process per GPU, or one on the CPU."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import Engine

from tracker.cli.output import note
from tracker.cli.session import open_engine
from tracker.devices import count_gpus
from tracker.errors import TrackerError, UsageError
from tracker.logs import STANDARD_ERROR, configure, log_event
from tracker.masking import command_line
from tracker.runs import release, worker_name
from tracker.settings import (
    COMMAND_VARIABLE,
    LOG_JSON_VARIABLE,
    ONCE_VARIABLE,
    PARENT_VARIABLE,
    Settings,
    get_settings,
)

if TYPE_CHECKING:
    from celery import Celery

logger = logging.getLogger(__name__)


def worker(
    gpus: Annotated[
        str | None, typer.Option(help="all, or numbers such as 0,1; without: all, or the CPU.")
    ] = None,
    once: Annotated[
        bool,
        typer.Option("--once", help="Stop when no run is queued or running and no score waits."),
    ] = False,
    log_json: Annotated[
        str | None,
        typer.Option(
            help="File to which a line of JSON is added for each event; - for standard error, in "
            "place of what people read."
        ),
    ] = None,
) -> None:
    """Train queued runs until Ctrl-C, which stops at the next evaluation; twice: stops now."""
    settings = get_settings()
    if log_json is not None:
        settings = settings.model_copy(update={"log_json": log_json})
    if settings.log_json == STANDARD_ERROR:
        configure(STANDARD_ERROR)  # what is wrong with the rest is told in the same way
    devices = _devices(gpus)
    engine, app = _check_servers(settings)
    # Loads Celery, which the command line does without until here.
    from tracker.queue import nothing_waits

    if once and nothing_waits(app, engine, settings):
        note("no run is queued or running, and no score waits: nothing to do")
        return
    configure(settings.log_json)
    names = ", ".join("the CPU" if device is None else f"GPU {device}" for device in devices)
    note(f"working on {names}; Ctrl-C stops")
    _supervise(engine, lambda: [_start(settings, device, once) for device in devices])


def _devices(gpus: str | None) -> list[str | None]:
    """Numbers of the GPUs to work on; `[None]` is the CPU."""
    if gpus not in (None, "all") and not re.fullmatch(r"\d+(,\d+)*", gpus or ""):
        raise UsageError(f"--gpus {gpus!r}: write all, or numbers such as 0,1")
    found = [str(number) for number in range(count_gpus())]
    if gpus is None:
        return list(found) or [None]
    wanted = found if gpus == "all" else list(dict.fromkeys(gpus.split(",")))
    if not found:
        raise UsageError(f"--gpus {gpus}: no GPU is visible here; without --gpus the CPU works")
    for gpu in wanted:
        if gpu not in found:
            raise UsageError(f"--gpus {gpus}: there is no GPU {gpu}, choose from {','.join(found)}")
    return list(wanted)


def _check_servers(settings: Settings) -> tuple[Engine, "Celery"]:
    from tracker.checkpoints import CheckpointFolder
    from tracker.queue import check_broker, make_celery

    with suppress(OSError):  # a storage that is away does not keep a run from training
        CheckpointFolder(settings.checkpoint_folder)
    engine = open_engine(settings, broker=True)
    app = make_celery(settings)
    check_broker(app, settings)
    return engine, app


def _start(settings: Settings, device: str | None, once: bool) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    # Threads that wait by spinning slow each other down tenfold as soon as a core is shared.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if device is not None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        environment["CUDA_VISIBLE_DEVICES"] = visible[int(device)] if visible[0] else device
    environment[PARENT_VARIABLE] = str(os.getpid())
    environment[COMMAND_VARIABLE] = command_line()
    if settings.log_json is not None:
        environment[LOG_JSON_VARIABLE] = settings.log_json
    if once:
        environment[ONCE_VARIABLE] = "1"
    label = "cpu" if device is None else f"gpu{device}"
    command = [sys.executable, "-m", "celery", "--app", "workers.app", "--quiet", "worker"]
    command += ["--pool", "prefork", "--concurrency", "1", "--queues", settings.queue]
    command += ["--hostname", f"tracker-{label}-{os.getpid()}@%h", "--loglevel", "WARNING"]
    command += ["--without-gossip", "--without-mingle"]
    # In a session of its own, so that Ctrl-C reaches it once, through us, and never its children.
    # Celery says on standard output, not to its log, that it stops.
    words = subprocess.DEVNULL if settings.log_json == STANDARD_ERROR else None
    return subprocess.Popen(command, env=environment, stdout=words, start_new_session=True)


def _supervise(engine: Engine, start: Callable[[], list[subprocess.Popen[bytes]]]) -> None:
    """Start the processes, and pass signals on until every one has ended."""
    asked = 0
    processes: list[subprocess.Popen[bytes]] = []

    def pass_on(*_: object) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            note("stopping at the next evaluation; Ctrl-C again stops now")
        for process in processes:
            with suppress(ProcessLookupError):
                if asked == 1:
                    process.send_signal(signal.SIGTERM)
                else:
                    os.killpg(process.pid, signal.SIGKILL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    processes += start()
    reported: set[int] = set()
    while any(process.poll() is None for process in processes):
        for process in processes:
            if process.returncode and not asked and process.pid not in reported:
                reported.add(process.pid)
                note(f"worker process {process.pid} ended with code {process.returncode}")
        time.sleep(0.1)
    codes = [process.returncode for process in processes]
    if asked > 1:
        with engine.begin() as connection:
            given_back = [release(connection, worker_name(process.pid)) for process in processes]
        for run_id in chain.from_iterable(given_back):
            log_event(logger, "given_back", run_id, "run %d is given back", run_id)
        note(f"stopped; runs given back to the queue: {sum(map(len, given_back))}")
        raise typer.Exit(130)
    if asked == 0 and any(codes):
        raise TrackerError(f"a worker process ended with code {next(filter(None, codes))}")
