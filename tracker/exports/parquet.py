"""Parquet: for pandas, Polars, DuckDB and whatever else reads columns."""

import json
from typing import TYPE_CHECKING, BinaryIO

from tracker.exports.source import Advance, Rows

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 1 << 20
"""Rows that are held before they are written: what DuckDB and Polars read in parallel."""

NAMES = ("ensemble", "split")
"""Columns of few names: categories to readers that know them."""


def write(source: Rows, file: BinaryIO, advance: Advance) -> int:
    """Write the table as one Parquet file; the number of rows.

    The schema's metadata holds, as JSON under `tracker`, what the rows are of: of an ensemble its
    recipe, the dataset's fingerprint and the version of tracker.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = _schema(source)
    numbers = [
        field.name for field in schema if field.name in ("example_id", "position")
    ]  # they count up: differences of one, where a dictionary would be as long as the dataset
    rows = 0
    with parquet.ParquetWriter(
        file,
        schema,
        compression="zstd",
        use_dictionary=[name for name in schema.names if name not in numbers],
        column_encoding=dict.fromkeys(numbers, "DELTA_BINARY_PACKED") or None,
        write_statistics=True,
    ) as writer:
        held: list[pa.RecordBatch] = []
        with source.stream() as batches:
            for batch in batches:
                held.append(batch)
                if sum(map(len, held)) >= ROW_GROUP:
                    rows += _flush(writer, held, schema, advance)
        rows += _flush(writer, held, schema, advance)
    return rows


def _flush(
    writer: "pa.parquet.ParquetWriter",
    held: "list[pa.RecordBatch]",
    schema: "pa.Schema",
    advance: Advance,
) -> int:
    import pyarrow as pa

    if not held:
        return 0
    table = pa.Table.from_batches(held).cast(schema)
    held.clear()
    writer.write_table(table, row_group_size=ROW_GROUP)
    advance(len(table))
    return len(table)


def _schema(source: Rows) -> "pa.Schema":
    import pyarrow as pa

    name = pa.dictionary(pa.int32(), pa.string())
    fields = [
        pa.field(field.name, name if field.name in NAMES else field.type) for field in source.schema
    ]
    metadata = json.dumps(dict(source.metadata))
    return pa.schema(fields, metadata={"tracker": metadata})
