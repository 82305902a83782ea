"""JSON Lines: one object a row; or the same as one array."""

import json
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, BinaryIO

from tracker.exports.source import Advance, Rows

if TYPE_CHECKING:
    import pyarrow as pa


def write(source: Rows, file: BinaryIO, advance: Advance) -> int:
    """Write the table as one JSON object a line, UTF-8; the number of rows.

    NULL is null, and so are numbers that JSON has none for (NaN, infinity); times are ISO 8601.
    """
    rows = 0
    for count, texts in _texts(source, "{", "}\n"):
        file.write(texts)
        rows += count
        advance(count)
    return rows


def write_array(source: Rows, file: BinaryIO, advance: Advance) -> int:
    """Write the table as one JSON array, an object a line; otherwise as `write`."""
    rows = 0
    file.write(b"[")
    for count, texts in _texts(source, ",\n{", "}"):
        # The comma stands before an object: the first has none.
        file.write(texts if rows else texts[1:])
        rows += count
        advance(count)
    file.write(b"\n]\n")
    return rows


def _texts(source: Rows, opening: str, closing: str) -> "Generator[tuple[int, memoryview]]":
    """Numbers of rows, and these rows as objects one after the other."""
    with source.stream() as batches:
        for batch in batches:
            for chunk in _objects(batch, opening, closing):
                yield len(chunk), _joined(chunk)


def _objects(batch: "pa.RecordBatch", opening: str, closing: str) -> "list[pa.StringArray]":
    """The batch's rows as text, put together column by column rather than row by row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts: list[Any] = []
    for number, name in enumerate(batch.schema.names):
        key = f"{', ' if number else opening}{json.dumps(name)}: "
        parts += [key, _values(batch.column(number))]
    text = pc.binary_join_element_wise(*parts, closing, "")
    return text.chunks if isinstance(text, pa.ChunkedArray) else [text]


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
