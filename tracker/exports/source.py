"""A table on its way to a file: a schema and a stream of batches, never the whole."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from tracker.exports.subject import Subject

if TYPE_CHECKING:  # Arrow takes a while to load, and only exports need it
    import pyarrow as pa

Advance = Callable[[float], None]
"""Called with the number of rows that have just been written."""


@dataclass(frozen=True)
class Source:
    """A table of one ensemble, at one moment.

    Attributes
    ----------
    batches
        Makes the stream of record batches anew; all have the schema `schema`.
    rows
        Number of rows where it is known beforehand.
    """

    connection: Connection
    subject: Subject
    table: str
    schema: "pa.Schema"
    batches: Callable[[], "Generator[pa.RecordBatch]"]
    rows: int | None

    def stream(self) -> "closing[Generator[pa.RecordBatch]]":
        """The batches, as a context: left early, it frees the connection."""
        return closing(self.batches())
