"""The other tables: any view with a column `ensemble` and no bitmaps, as the database gives it."""

from collections.abc import Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from tracker.errors import UsageError, choice_error
from tracker.exports.source import Source
from tracker.exports.subject import Subject

if TYPE_CHECKING:
    import pyarrow as pa

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
        AND pg_class.relnamespace = current_schema()::REGNAMESPACE
        AND pg_attribute.attnum > 0
        AND NOT pg_attribute.attisdropped
    ORDER BY pg_class.relname, pg_attribute.attnum
    """
)

Columns = Mapping[str, str]
"""The database's type of each column, in order."""


def list_tables(connection: Connection) -> dict[str, Columns]:
    """The views that can be exported: they name an ensemble in each row and hold no bitmaps."""
    return {view: columns for view, columns in _views(connection).items() if _is_plain(columns)}


def _views(connection: Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in connection.execute(_VIEWS):
        found.setdefault(row.view, {})[row.name] = row.type
    return {view: columns for view, columns in found.items() if "ensemble" in columns}


def _is_plain(columns: Columns) -> bool:
    return set(columns.values()) <= set(ARROW_TYPES)


def find_table(connection: Connection, name: str) -> Columns:
    """The columns of the view called `name`.

    Raises
    ------
    UsageError
        If it cannot be exported, listing the views that can.
    """
    views = _views(connection)
    tables = [view for view, columns in views.items() if _is_plain(columns)]
    if name not in views:
        raise choice_error("table", name, tables)
    if name not in tables:
        raise UsageError(
            f"table {name!r} holds bitmaps, which no file format knows: choose one of "
            f"{', '.join(tables)}"
        )
    return views[name]


def view_source(connection: Connection, subject: Subject, table: str) -> Source:
    """The rows that a view has of the ensemble, in the view's order.

    Raises
    ------
    UsageError
        If there is no such view, or if it holds bitmaps.
    """
    columns = find_table(connection, table)
    schema = _schema(columns)
    return Source(
        connection,
        subject,
        table,
        schema,
        lambda: _batches(connection, subject, table, schema),
        None,
    )


def _schema(columns: Columns) -> "pa.Schema":
    import pyarrow as pa

    def arrow(kind: str) -> Any:
        name = ARROW_TYPES[kind]
        return pa.timestamp("us", "UTC") if name == "timestamp" else getattr(pa, name)()

    return pa.schema([(name, arrow(kind)) for name, kind in columns.items()])


def _batches(
    connection: Connection, subject: Subject, table: str, schema: "pa.Schema"
) -> "Generator[pa.RecordBatch]":
    with closing(_chunks(connection, subject.ensemble, table)) as chunks:
        for chunk in chunks:
            yield from _parse(chunk, schema)


def _chunks(connection: Connection, ensemble: str, table: str) -> Generator[bytes]:
    """The view's rows of the ensemble as CSV, some thousands at a time."""
    from psycopg import sql

    connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    connection.execute(text("SET LOCAL datestyle = 'ISO'"))
    query = sql.SQL(
        "COPY (SELECT * FROM {} WHERE ensemble = {}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')"
    ).format(sql.Identifier(table), sql.Literal(ensemble))
    rows, size = [], 0
    with connection.connection.cursor().copy(query) as copy:
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

    table = csv.read_csv(
        pa.py_buffer(chunk),
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
