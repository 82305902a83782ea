"""A line to the database that lets only so much through."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL

CHUNK = 32768


@contextmanager
def throttled(url: URL, bytes_per_second: float) -> Iterator[URL]:
    """The address of a proxy before the server of `url`: what is sent to it goes no faster."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, url, bytes_per_second))
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield url.difference_update_query(["host", "port"]).set(host="127.0.0.1", port=port)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, url: URL, rate: float) -> None:
    with suppress(OSError):  # the listener is closed
        while True:
            client, _ = listener.accept()
            server = _connect(url)
            for source, target, speed in ((client, server, rate), (server, client, None)):
                threading.Thread(target=_copy, args=(source, target, speed), daemon=True).start()


def _connect(url: URL) -> socket.socket:
    host = url.host or str(url.query["host"])
    port = url.port or int(str(url.query.get("port", 5432)))
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    server = socket.socket(socket.AF_UNIX)
    server.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return server


def _copy(source: socket.socket, target: socket.socket, rate: float | None) -> None:
    with suppress(OSError), source, target:
        while data := source.recv(CHUNK):
            if rate is not None:
                time.sleep(len(data) / rate)
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)
