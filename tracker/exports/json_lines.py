"""JSON Lines: one object a row."""

import json
from typing import TYPE_CHECKING, Any, BinaryIO

from tracker.exports.source import Advance, Source

if TYPE_CHECKING:
    import pyarrow as pa


def write(source: Source, file: BinaryIO, advance: Advance) -> int:
    """Write the table as one JSON object a line, UTF-8; the number of rows.

    NULL is null, and so are numbers that JSON has none for (NaN, infinity); times are ISO 8601.
    """
    rows = 0
    with source.stream() as batches:
        for batch in batches:
            for line in _lines(batch):
                file.write(line)
            rows += len(batch)
            advance(len(batch))
    return rows


def _lines(batch: "pa.RecordBatch") -> "list[memoryview]":
    """The batch's rows as text, put together column by column rather than row by row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts: list[Any] = []
    for number, name in enumerate(batch.schema.names):
        parts += [f"{', ' if number else '{'}{json.dumps(name)}: ", _values(batch.column(number))]
    text = pc.binary_join_element_wise(*parts, "}\n", "")
    chunks = text.chunks if isinstance(text, pa.ChunkedArray) else [text]
    return [_joined(chunk) for chunk in chunks]


def _joined(texts: "pa.StringArray") -> memoryview:
    """The characters of an array of texts, which lie one after the other in memory."""
    offsets = texts.buffers()[1]
    first, last = (
        int.from_bytes(offsets[4 * at : 4 * at + 4].to_pybytes(), "little")
        for at in (texts.offset, texts.offset + len(texts))
    )
    return memoryview(texts.buffers()[2])[first:last]


def _values(column: "pa.Array") -> "pa.Array":
    """Each value as JSON."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_floating(kind):
        finite = pc.is_finite(column)
        text = pc.if_else(finite, column.cast(pa.string()), None)
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        text = column.cast(pa.string())
    else:
        text = _quoted(column)
    return pc.fill_null(text, "null")


def _quoted(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    words = [
        json.dumps(word if isinstance(word, str) else word.isoformat(), ensure_ascii=False)
        for word in column.dictionary.to_pylist()
    ]
    return pa.array(words, pa.string()).take(column.indices)
