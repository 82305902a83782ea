"""Memory of the server's processes while they answer, and of our own, read from /proc."""

import os
import threading
import time
from pathlib import Path
from types import TracebackType

_PAUSE_SECONDS = 0.005
_PARALLEL = b"parallel worker for PID "


class PeakMemory:
    """Peak of the private memory of one backend and its parallel workers.

    Use as a context manager around a query; `peak` is in bytes, None where the server's processes
    cannot be seen from here. Shared buffers are not in it; shared memory of parallel queries
    neither.

    Parameters
    ----------
    pid
        The backend that answers: `pg_backend_pid()`.
    """

    def __init__(self, pid: int) -> None:
        self.peak: int | None = None
        self._leader = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        if _is_postgres(self._leader):
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _watch(self) -> None:
        workers: list[int] = []
        listed = 0.0
        while not self._stop.is_set():
            # Listing processes costs more than reading one: workers are looked for less often.
            if time.monotonic() - listed > 10 * _PAUSE_SECONDS:
                workers, listed = _workers_of(self._leader), time.monotonic()
            now = sum(_private_bytes(pid) for pid in (self._leader, *workers))
            self.peak = max(self.peak or 0, now)
            self._stop.wait(_PAUSE_SECONDS)


class OwnPeak:
    """Peak of the private memory of this process beyond what it has at the start, in bytes.

    Use as a context manager. `peak` is 0 where /proc does not tell.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._before = _private_bytes(os.getpid())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "OwnPeak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            self.peak = max(self.peak, _private_bytes(os.getpid()) - self._before)


def _is_postgres(pid: int) -> bool:
    try:
        return "postgres" in Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return False


def _workers_of(leader: int) -> list[int]:
    """Parallel workers of a backend, by the titles that PostgreSQL gives them."""
    title = _PARALLEL + str(leader).encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes().rstrip(b"\0 ")
            except OSError:
                continue
            if line.endswith(title):
                found.append(int(folder.name))
    return found


def _private_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon")), 0)
