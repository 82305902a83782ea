"""The faults by name: what happens to an arena in the middle of its work."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import redis
from sqlalchemy import text

from tests.acceptance.conftest import kill_tree
from tests.chaos.arena import STALE_SECONDS, Arena, stop_kindly
from tracker import runs

Fault = Callable[[Arena], bool]
"""Says whether there was anybody for it to happen to."""

JUMPING_CLOCK = """
import random, time
_time, _offset = time.time, random.choice([-1, 1]) * 86400 * 30
_began = _time()
time.time = lambda: _time() + (_offset if int(_time() - _began) % 2 else 0)
"""
"""`sitecustomize.py` of a worker whose clock jumps a month every second."""


def _kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


# --- processes ------------------------------------------------------------------------------------


def kill_child(arena: Arena) -> bool:
    """kill -9 of the process that trains."""
    chosen = arena.processes()[:1]
    for _, _, children in chosen:
        for child in children:
            _kill(child)
    return bool(chosen)


def kill_main(arena: Arena) -> bool:
    """kill -9 of Celery's main process."""
    chosen = arena.processes()[:1]
    for _, main, _ in chosen:
        _kill(main)
    return bool(chosen)


def kill_supervisor(arena: Arena) -> bool:
    """kill -9 of `tracker worker`; what it has started notices."""
    chosen = arena.processes()[:1]
    for worker, _, _ in chosen:
        _kill(worker.pid)
    return bool(chosen)


def kill_machine(arena: Arena) -> bool:
    """kill -9 of a worker with all its processes at once."""
    chosen = arena.processes()[:1]
    for worker, _, _ in chosen:
        kill_tree(worker.pid)
    return bool(chosen)


def drain(arena: Arena) -> bool:
    """SIGTERM, until the worker has ended by itself."""
    chosen = [worker for worker, _, _ in arena.processes()[:1]]
    stop_kindly(chosen)
    return bool(chosen)


def drain_and_kill(arena: Arena) -> bool:
    """SIGTERM, and kill -9 of everything a moment later."""
    chosen = arena.processes()[:1]
    for worker, _, _ in chosen:
        worker.send_signal(signal.SIGTERM)
        time.sleep(arena.random.random() / 2)
        kill_tree(worker.pid)
    return bool(chosen)


def sleep_past_the_lease(arena: Arena) -> bool:
    """SIGSTOP until the run is another's; the worker wakes up and must be fenced out."""
    chosen = arena.processes()[:1]
    for _, _, children in chosen:
        for child in children:
            _kill(child, signal.SIGSTOP)
    time.sleep(STALE_SECONDS + 2)
    for _, _, children in chosen:
        for child in children:
            _kill(child, signal.SIGCONT)
    return bool(chosen)


def crowd(arena: Arena) -> bool:
    """Eight workers on one queue, and all but the usual ones stopped again."""
    usual = list(arena.workers)
    while len(arena.workers) < 8:
        arena.start_worker()
    end = time.monotonic() + 60
    while len(arena.processes()) < 8 and time.monotonic() < end:
        time.sleep(0.5)
    time.sleep(2)
    eight = len(arena.processes()) == 8
    stop_kindly([worker for worker in arena.workers if worker not in usual])
    return eight


def jumping_clock(arena: Arena) -> bool:
    """A worker whose clock jumps a month to and fro: the database's is the only one that counts."""
    folder = Path(arena.settings.home) / "jumping"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(JUMPING_CLOCK)
    killed = kill_machine(arena)
    arena.extra_path = str(folder)
    arena.tend()
    arena.extra_path = None
    return killed


# --- PostgreSQL -----------------------------------------------------------------------------------


def _postgres(arena: Arena) -> int:
    pid = next(s.pid for s in arena.servers.status() if "postgres" in s.name.lower())
    assert pid is not None
    return pid


def _wait_until_gone(pid: int) -> None:
    end = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)


def _end_postgres(arena: Arena, number: signal.Signals, pause: float) -> bool:
    pid = _postgres(arena)
    _kill(pid, number)
    _wait_until_gone(pid)
    time.sleep(pause)
    return bool(arena.servers.ensure_running())


def restart_postgres(arena: Arena) -> bool:
    """Fast shutdown, and started again."""
    return _end_postgres(arena, signal.SIGINT, 0)


def stop_postgres(arena: Arena) -> bool:
    """Immediate shutdown, away for two seconds, recovery from its log."""
    return _end_postgres(arena, signal.SIGQUIT, 2)


def kill_postgres(arena: Arena) -> bool:
    """kill -9 of the server's main process."""
    return _end_postgres(arena, signal.SIGKILL, 0.5)


def terminate_sessions(arena: Arena) -> bool:
    """An administrator ends every session of the workers."""
    # Chosen first: conditions are checked in any order, and this session is one of them.
    chosen = arena.backends("true")
    for pid in chosen:
        _terminate(arena, pid)
    return bool(chosen)


def _held(arena: Arena, where: str, then: Callable[[int], object]) -> bool:
    """Hold a transaction in `copying` or `committing`, and do something to its session."""
    arena.delay(**{where: 1.0})
    query = "query ILIKE 'COPY outcome_block%'" if where == "copying" else "query ILIKE 'COMMIT%'"
    end = time.monotonic() + 20
    found: list[int] = []
    while not found and time.monotonic() < end:
        found = arena.backends(f"wait_event = 'PgSleep' AND {query}")
    if found:
        then(found[0])
    arena.servers.ensure_running()
    with suppress(Exception):
        arena.engine.dispose()
    arena.delay()
    return bool(found)


def copy_terminated(arena: Arena) -> bool:
    """A session ended by an administrator in mid-COPY."""
    return _held(arena, "copying", lambda pid: _terminate(arena, pid))


def copy_worker_killed(arena: Arena) -> bool:
    """kill -9 of a worker while every transaction is held in mid-COPY."""
    return _held(arena, "copying", lambda _: kill_child(arena))


def copy_postgres_killed(arena: Arena) -> bool:
    """kill -9 of the server in mid-COPY."""
    return _held(arena, "copying", lambda _: kill_postgres(arena))


def copy_postgres_stopped(arena: Arena) -> bool:
    """Fast shutdown of the server in mid-COPY."""
    return _held(arena, "copying", lambda _: restart_postgres(arena))


def commit_terminated(arena: Arena) -> bool:
    """A session ended by an administrator in mid-COMMIT."""
    return _held(arena, "committing", lambda pid: _terminate(arena, pid))


def commit_worker_killed(arena: Arena) -> bool:
    """kill -9 of a worker in mid-COMMIT, which the server carries out alone."""
    return _held(arena, "committing", lambda _: kill_child(arena))


def commit_postgres_killed(arena: Arena) -> bool:
    """kill -9 of the server in mid-COMMIT."""
    return _held(arena, "committing", lambda _: kill_postgres(arena))


def _terminate(arena: Arena, pid: int) -> None:
    with arena.engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})


def migrate(arena: Arena) -> bool:
    """`tracker db upgrade` changes the workers' tables while they write, and is taken back."""
    before = arena.recorded()
    _migrate(arena, "up")
    meanwhile = arena.recorded() > before
    # The workers of the release before go on.
    afterwards = arena.recorded_more_than(arena.recorded())
    _migrate(arena, "down")
    return meanwhile and afterwards


def _migrate(arena: Arena, direction: str) -> None:
    """Try until nobody is in the way, as a person would; a migration waits 10 s for a table."""
    assert arena.settings.database_url is not None
    address = {"TRACKER_DATABASE_URL": arena.settings.database_url.get_secret_value()}
    command = [sys.executable, "-m", "tests.chaos.migrating", direction]
    for _ in range(5):
        with subprocess.Popen(
            command, env={**os.environ, **address}, stderr=subprocess.PIPE, text=True
        ) as process:
            while process.poll() is None:
                arena.supply()
                time.sleep(0.1)
            said = process.stderr.read() if process.stderr else ""
        if process.returncode == 0:
            return
        assert "lock timeout" in said or "deadlock" in said, said
    raise AssertionError(f"no migration {direction} in five attempts: {said}")


# --- the broker -----------------------------------------------------------------------------------


def _broker(arena: Arena) -> redis.Redis:
    return redis.Redis.from_url(arena.servers.addresses.redis_url)


def flush_broker(arena: Arena) -> bool:
    """All messages are gone, also while a task runs."""
    with _broker(arena) as client:
        return bool(client.flushall())


def restart_broker(arena: Arena) -> bool:
    """The broker is killed and comes back."""
    pid = next(s.pid for s in arena.servers.status() if "valkey" in s.name.lower())
    assert pid is not None
    _kill(pid)
    _wait_until_gone(pid)
    time.sleep(arena.random.random())
    return bool(arena.servers.ensure_running())


def repeat_messages(arena: Arena) -> bool:
    """The message of every open run, five times."""
    from tracker.queue import TASK

    with arena.engine.connect() as connection:
        query = text("SELECT id FROM run WHERE state IN ('queued', 'running')")
        open_runs = list(connection.scalars(query))
    with suppress(Exception):
        for run_id in open_runs * 5:
            arena.app.send_task(TASK, args=(run_id,))
    return bool(open_runs)


# --- what people and caretakers do ----------------------------------------------------------------


def two_reapers(arena: Arena) -> bool:
    """Two at once, both in the belief that every run is silent."""
    barrier = threading.Barrier(2)

    def reap(_: int) -> list[runs.Silent]:
        with arena.engine.begin() as connection:
            barrier.wait(10)
            return runs.reap(connection, arena.settings.queue, timedelta(0))

    with ThreadPoolExecutor(2) as pool:
        taken = [one.run_id for silent in pool.map(reap, range(2)) for one in silent]
    assert len(taken) == len(set(taken)), "a run was reaped twice"
    return bool(taken)


def cancel_and_retry(arena: Arena) -> bool:
    """`tracker cancel` of some open run, and `tracker retry` once it is cancelled."""
    with arena.engine.begin() as connection:
        query = text("SELECT id FROM run WHERE state IN ('queued', 'running') ORDER BY id")
        found = list(connection.scalars(query))
        if not found:
            return False
        chosen = [arena.random.choice(found)]
        runs.request_cancel(connection, chosen)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with arena.engine.begin() as connection:
            query = text("SELECT state FROM run WHERE id = :id")
            state = connection.scalar(query, {"id": chosen[0]})
            if runs.retry(connection, chosen):
                return True
            if state == "complete":
                return False
        arena.tend()
        time.sleep(0.2)
    return False


def full_disk(arena: Arena) -> bool:
    """No room for checkpoints, for three seconds."""
    folder = Path(arena.settings.home) / "checkpoints"
    if arena.checkpoints_are_mounted:
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        time.sleep(3)
        filler.unlink()
    else:
        subprocess.run(["mv", folder, f"{folder}-away"], check=True)
        folder.write_bytes(b"not a folder")
        time.sleep(3)
        folder.unlink()
        subprocess.run(["mv", f"{folder}-away", folder], check=True)
    return True


FAULTS: Mapping[str, Fault] = {
    function.__name__: function
    for function in (
        kill_child,
        kill_main,
        kill_supervisor,
        kill_machine,
        drain,
        drain_and_kill,
        sleep_past_the_lease,
        copy_terminated,
        copy_worker_killed,
        copy_postgres_killed,
        copy_postgres_stopped,
        commit_terminated,
        commit_worker_killed,
        commit_postgres_killed,
        restart_postgres,
        stop_postgres,
        kill_postgres,
        terminate_sessions,
        migrate,
        flush_broker,
        restart_broker,
        repeat_messages,
        two_reapers,
        cancel_and_retry,
        full_disk,
        jumping_clock,
        crowd,
    )
}
