"""The inverse of `tracker.outcomes.packing`: from the bytes that COPY gives to bits and numbers."""

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.outcomes.layout import Layout

_ELEMENT = np.dtype([("length", ">i4"), ("value", ">f4")])


class Planes(NamedTuple):
    """Bitmaps of one length, as stored."""

    size: int
    """Bits of each bitmap."""
    packed: NDArray[np.uint8]
    """uint8 [planes, ceil(size / 8)]."""


def row_fields(row: bytes) -> list[Any]:
    """The fields of one row of a binary COPY, each bytes, or None for NULL."""
    (count,) = struct.unpack_from("!h", row)
    fields: list[Any] = []
    at = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", row, at)
        at += 4
        fields.append(None if length < 0 else row[at : at + length])
        at += max(length, 0)
    return fields


def parse_varbit(field: bytes) -> Planes:
    """A `bit varying` as one packed plane."""
    (size,) = struct.unpack_from("!i", field)
    return Planes(size, np.frombuffer(field, np.uint8, offset=4)[None, :])


def parse_varbit_array(field: bytes) -> Planes | None:
    """A `bit varying[]` as packed planes; None unless it is one row of bitmaps of one length."""
    dimensions, nulls, _ = struct.unpack_from("!iii", field)
    if dimensions != 1 or nulls:
        return None
    (count,) = struct.unpack_from("!i", field, 12)
    length, size = struct.unpack_from("!ii", field, 20)
    if len(field) != 20 + count * (4 + length):
        return None
    elements = np.frombuffer(field, np.uint8, offset=20).reshape(count, 4 + length)
    if (elements[:, :8] != elements[0, :8]).any():
        return None
    return Planes(size, elements[:, 8:])


def parse_reals(field: bytes) -> NDArray[np.float32] | None:
    """A `real[]`, float32; None unless it is one row without NULLs."""
    dimensions, nulls, _ = struct.unpack_from("!iii", field)
    if dimensions != 1 or nulls:
        return None
    return np.frombuffer(field, _ELEMENT, offset=20)["value"].astype(np.float32)


def unpack(packed: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    """Packed bitmaps over all splits, uint8 [P, bytes], as zeros and ones, uint8 [P, examples]."""
    bits = np.unpackbits(packed, axis=1)
    parts, start = [], 0
    for split in layout.splits:
        parts.append(bits[:, start : start + split.size])
        start += 8 * split.packed_bytes
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def combine_planes(bits: NDArray[np.uint8]) -> NDArray[np.unsignedinteger]:
    """Unpacked planes uint8 [P, N] as the integers that they stand for [N], uint8 or uint16."""
    kind = np.uint8 if len(bits) <= 8 else np.uint16
    values: NDArray[np.unsignedinteger] = bits[0].astype(kind)
    for digit, plane in enumerate(bits[1:], 1):
        values |= plane.astype(kind) << kind(digit)
    return values
