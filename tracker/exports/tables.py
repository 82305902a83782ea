"""Views as the database gives them: any without bitmaps, as its columns' types say."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from tracker.errors import UsageError, suggestion
from tracker.exports.source import Source
from tracker.exports.subject import Subject

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg.sql import Composable

CHUNK_BYTES = 8 << 20
"""Text of the rows that are parsed at once."""

# Columns by the database's name of their type.
ARROW_TYPES = {
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "real": "float32",
    "double precision": "float64",
    "numeric": "float64",
    "boolean": "bool_",
    "text": "string",
    "timestamp with time zone": "timestamp",
}

_VIEWS = text(
    """
    SELECT
        pg_class.relname AS view,
        pg_attribute.attname AS name,
        format_type(pg_attribute.atttypid, NULL) AS type
    FROM pg_class
    INNER JOIN pg_attribute ON pg_class.oid = pg_attribute.attrelid
    WHERE
        pg_class.relkind IN ('v', 'm')
        AND pg_class.relnamespace = 'public'::REGNAMESPACE
        AND pg_attribute.attnum > 0
        AND NOT pg_attribute.attisdropped
    ORDER BY pg_class.relname, pg_attribute.attnum
    """
)

LISTING = r"`tracker psql -c '\dv'` lists all"
"""Where a user finds every view."""

Columns = Mapping[str, str]
"""The database's type of each column, in order."""


def list_views(connection: Connection) -> dict[str, Columns]:
    """Every view, those that hold bitmaps too."""
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(_VIEWS):
        found.setdefault(row.view, {})[row.name] = row.type
    return dict(found)


def list_tables(connection: Connection) -> dict[str, Columns]:
    """The views that can be exported: they name an ensemble in each row and hold no bitmaps."""
    views = list_views(connection)
    return {view: columns for view, columns in views.items() if _is_of_ensembles(columns)}


def is_plain(columns: Columns) -> bool:
    """Does a view hold numbers, texts and times only, no bitmaps or arrays?"""
    return set(columns.values()) <= set(ARROW_TYPES)


def _is_of_ensembles(columns: Columns) -> bool:
    return is_plain(columns) and "ensemble" in columns


def find_view(
    views: Mapping[str, Columns], name: str, choices: Iterable[str], what: str
) -> Columns:
    """The columns of the view called `name`, one of `choices`.

    Raises
    ------
    UsageError
        If it is none of them, with the closest few and where all are listed: they are dozens.
    """
    if name in views and not is_plain(views[name]):
        raise UsageError(
            f"{what} {name!r} holds bitmaps, which no file format knows: `tracker psql` asks it"
        )
    choices = list(choices)
    if name not in choices:
        hints = " ".join(filter(None, (suggestion(name, choices), LISTING)))
        raise UsageError(f"unknown {what} {name!r}: {hints}")
    return views[name]


def view_source(connection: Connection, subject: Subject, table: str) -> Source:
    """The rows that a view has of the ensemble, in the view's order.

    Raises
    ------
    UsageError
        If there is no such view, or if it holds bitmaps or is of two ensembles.
    """
    from psycopg import sql

    views = list_views(connection)
    if "ensemble_a" in views.get(table, {}) and is_plain(views[table]):
        raise UsageError(
            f"table {table!r} is of two ensembles, and a file of one: "
            f"`tracker query {table} --out FILE` writes it"
        )
    columns = find_view(views, table, list_tables(connection), "table")
    query = sql.SQL("SELECT * FROM {} WHERE ensemble = {}").format(
        sql.Identifier(table), sql.Literal(subject.ensemble)
    )
    schema = arrow_schema(columns)
    return Source(
        connection,
        subject,
        table,
        schema,
        lambda: copy_batches(connection, query, schema),
        None,
    )


def arrow_schema(columns: Columns) -> "pa.Schema":
    """The columns as Arrow has them."""
    import pyarrow as pa

    def arrow(kind: str) -> Any:
        name = ARROW_TYPES[kind]
        return pa.timestamp("us", "UTC") if name == "timestamp" else getattr(pa, name)()

    return pa.schema([(name, arrow(kind)) for name, kind in columns.items()])


def copy_batches(
    connection: Connection, query: "Composable", schema: "pa.Schema"
) -> "Generator[pa.RecordBatch]":
    """The rows of a query whose columns are those of `schema`, some thousands at a time."""
    with closing(_chunks(connection, query)) as chunks:
        for chunk in chunks:
            yield from _parse(chunk, schema)


def _chunks(connection: Connection, query: "Composable") -> Generator[bytes]:
    """The query's rows as CSV."""
    from psycopg import sql

    connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    connection.execute(text("SET LOCAL datestyle = 'ISO'"))
    copying = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')").format(query)
    rows, size = [], 0
    with connection.connection.cursor().copy(copying) as copy:
        # Each message of the server is one whole row, whatever line breaks its texts have.
        for row in copy:
            rows.append(bytes(row))
            size += len(row)
            if size >= CHUNK_BYTES:
                yield b"".join(rows)
                rows, size = [], 0
    if rows:
        yield b"".join(rows)


def _parse(chunk: bytes, schema: "pa.Schema") -> "list[pa.RecordBatch]":
    import pyarrow as pa
    from pyarrow import csv

    # Arrow's own memory: one of Python's is let go by a thread of Arrow's, which at the exit of the
    # interpreter ends the process with "terminate called without an active exception".
    copied = pa.BufferOutputStream()
    copied.write(chunk)
    table = csv.read_csv(
        copied.getvalue(),
        read_options=csv.ReadOptions(column_names=schema.names, block_size=len(chunk) + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            true_values=["t"],
            false_values=["f"],
            # As COPY writes them: NULL is nothing, and an empty text is "".
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    batches: list[pa.RecordBatch] = table.to_batches()
    return batches
