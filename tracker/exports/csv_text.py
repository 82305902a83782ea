"""CSV: a header, NULL as nothing, numbers with as many digits as they need to be read back."""

from typing import BinaryIO

from tracker.exports.source import Advance, Rows


def write(source: Rows, file: BinaryIO, advance: Advance) -> int:
    """Write the table as CSV, UTF-8; the number of rows."""
    from pyarrow import csv

    rows = 0
    with csv.CSVWriter(file, source.schema) as writer, source.stream() as batches:
        for batch in batches:
            writer.write_batch(batch)
            rows += len(batch)
            advance(len(batch))
    return rows
