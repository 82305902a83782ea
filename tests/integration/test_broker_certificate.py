"""A broker behind TLS has to show a certificate that somebody vouches for."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tracker.errors import BrokerUnavailableError
from tracker.queue import check_broker, make_celery
from tracker.settings import Settings


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Key and certificate of 127.0.0.1, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    file = tmp_path / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", file,
         "-out", tmp_path / "cert.pem", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    with file.open("a") as both:
        both.write((tmp_path / "cert.pem").read_text())
    return file


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    """Where something answers +OK to whatever it is told, behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # the listener is closed
                return
            try:
                with context.wrap_socket(client, server_side=True) as line:
                    while line.recv(4096):
                        line.sendall(b"+OK\r\n")
            except OSError:  # the certificate is refused
                client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def check(url: str) -> None:
    settings = Settings(broker_url=SecretStr(url))
    app = make_celery(settings)
    try:
        check_broker(app, settings)
    finally:
        app.close()


def test_a_certificate_that_nobody_vouches_for_is_refused(port: int) -> None:
    with pytest.raises(BrokerUnavailableError, match=r"(?i)certificate"):
        check(f"rediss://:hush@127.0.0.1:{port}/0")


def test_one_may_vouch_for_it_or_do_without(port: int, certificate: Path) -> None:
    authority = certificate.with_name("cert.pem")
    check(f"rediss://:hush@127.0.0.1:{port}/0?ssl_cert_reqs=required&ssl_ca_certs={authority}")
    check(f"rediss://:hush@127.0.0.1:{port}/0?ssl_cert_reqs=none")
