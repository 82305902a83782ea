"""An address of the database for programs like psql: without what `ps` would show to everyone."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL

from tracker.errors import UsageError
from tracker.masking import SECRET_PARAMETERS, public

SERVICE = "tracker"


@contextmanager
def client_address(url: URL) -> Iterator[tuple[str, dict[str, str]]]:
    """The address as an argument, and the environment that completes it within the block.

    The password goes by PGPASSWORD. For libpq's other secrets there is no variable: a service file
    has them, which only this user may read and which is gone afterwards.

    Raises
    ------
    UsageError
        If the address names a service of its own beside such a secret, or one with a line break.
    """
    address = public(url).set(drivername="postgresql")
    environment = {} if url.password is None else {"PGPASSWORD": str(url.password)}
    secrets = {name: str(url.query[name]) for name in SECRET_PARAMETERS if name in url.query}
    if not secrets:
        yield address.render_as_string(hide_password=False), environment
        return
    if "service" in url.query or "\n" in "".join(secrets.values()):
        raise UsageError(
            f"{', '.join(secrets)} cannot be handed to psql beside a service, nor with a line "
            "break: put it into the service file"
        )
    # Made with mode 600.
    with tempfile.NamedTemporaryFile("w", prefix="tracker-service-") as file:
        file.write(f"[{SERVICE}]\n")
        file.writelines(f"{name}={value}\n" for name, value in secrets.items())
        file.flush()
        address = address.update_query_dict({"service": SERVICE})
        environment["PGSERVICEFILE"] = os.path.abspath(file.name)
        yield address.render_as_string(hide_password=False), environment
