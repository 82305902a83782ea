"""COPY: rows in its binary form into a table, within the caller's transaction."""

from collections.abc import Iterable

from sqlalchemy import Connection

from tracker.outcomes.packing import COPY_HEADER, COPY_TRAILER


def copy_into(connection: Connection, table: str, rows: Iterable[bytes]) -> None:
    """Add `rows` to `table`, which names its columns: `signal_block (run_id, block, ...)`."""
    command = f"COPY {table} FROM STDIN (FORMAT binary)"
    with connection.connection.cursor().copy(command) as copy:
        copy.write(COPY_HEADER)
        for row in rows:
            copy.write(row)
        copy.write(COPY_TRAILER)
