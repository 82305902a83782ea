"""Fetching files without hanging, without noise and without leaving half of them behind."""

import contextlib
import io
import queue
import shutil
import socket
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException
from pathlib import Path

ANSWER_SECONDS = 4.0
"""How long a server may take to answer at all."""

STALL_SECONDS = 5.0
"""How long a download may stand still."""

FAILURES = (OSError, RuntimeError, HTTPException)
"""What a download raises: no network, a full disk, a file with another checksum."""


def any_answers(urls: Iterable[str], seconds: float = ANSWER_SECONDS) -> bool:
    """Whether any of `urls` answers a request for its header within `seconds`.

    The requests run in threads that are left behind: looking up a host's name cannot be
    interrupted, and takes half a minute on some machines without a network.
    """
    answers: queue.Queue[bool] = queue.Queue()
    asked = [
        threading.Thread(target=lambda url=url: answers.put(_answers(url, seconds)), daemon=True)
        for url in urls
    ]
    for thread in asked:
        thread.start()
    deadline = time.monotonic() + seconds
    with contextlib.suppress(queue.Empty):
        return any(answers.get(timeout=max(0.0, deadline - time.monotonic())) for _ in asked)
    return False


def _answers(url: str, seconds: float) -> bool:
    # torchvision asks the same question under the same name before it downloads.
    headers = {"User-Agent": "pytorch/vision"}
    request = urllib.request.Request(url, headers=headers, method="HEAD")  # noqa: S310 - our table
    try:
        with urllib.request.urlopen(request, timeout=seconds):  # noqa: S310 - our table
            return True
    except (OSError, HTTPException):
        return False


def fetch_into(
    folder: Path, files: Iterable[str], kept: Iterable[str], fetch: Callable[[Path], None]
) -> None:
    """Let `fetch` fill a scratch folder, then move `files` from it into `folder`.

    Parameters
    ----------
    folder : Path
        Made if it does not exist. A file in it is replaced only by a complete one.
    files, kept : paths relative to `folder`
        Results; and what may be there already and is worth copying (archives), which spares its
        download.
    fetch : callable
        Gets the scratch folder.

    Raises
    ------
    OSError, RuntimeError, HTTPException
        If the download or the move fails; the scratch folder is gone then, too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Inside the folder, because a rename is atomic only within one file system.
    with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as name:
        scratch = Path(name)
        for path in kept:
            if (folder / path).is_file():
                (scratch / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / path, scratch / path)
        with _quiet(), _stalling_at_most(STALL_SECONDS):
            fetch(scratch)
        for path in files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (scratch / path).replace(folder / path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars: they would precede the one line that reports a failure."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def _stalling_at_most(seconds: float) -> Iterator[None]:
    # torchvision sets no timeout of its own, and offers no way to pass one.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
