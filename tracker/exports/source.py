"""A table on its way to a file: a schema and a stream of batches, never the whole."""

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection

from tracker.exports.subject import Subject

if TYPE_CHECKING:  # Arrow takes a while to load, and only exports need it
    import pyarrow as pa

Advance = Callable[[float], None]
"""Called with the number of rows that have just been written."""


class Rows(Protocol):
    """What the formats write: rows of one schema."""

    @property
    def schema(self) -> "pa.Schema":
        """Names and types of the columns."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What a file says of itself, as JSON can hold it."""

    def stream(self) -> "closing[Generator[pa.RecordBatch]]":
        """The batches, as a context: left early, it frees the connection."""


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

    @property
    def metadata(self) -> Mapping[str, Any]:
        """See `Rows`."""
        return self.subject.metadata(self.table)

    def stream(self) -> "closing[Generator[pa.RecordBatch]]":
        """See `Rows`."""
        return closing(self.batches())
