"""Outcomes and signals as the bytes that COPY takes: from class indices to bitmaps, and back.

A *packed* evaluation is one uint8 array [1 + P, B]: row 0 is the bitmap of right and wrong, rows
1..P are the bit planes of the predicted class, least significant first. The bits of each split
start at a byte of their own, first example at the highest bit, as in a Postgres `bit varying`.
It has row 0 alone where only right and wrong are known.
"""

import hashlib
import struct
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tracker.outcomes.layout import BlockRange, Layout
from tracker.outcomes.signals import SignalSummary

VARBIT_OID = 1562
REAL_OID = 700
_INT4 = struct.Struct("!i")
_LENGTH_AND_INT4 = struct.Struct("!ii")
_ARRAY_HEADER = struct.Struct("!iiiii")  # dimensions, has-null flag, element type, length, base
_REAL = np.dtype([("length", ">i4"), ("value", ">f4")])
_NULL = _INT4.pack(-1)

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"


def pack_planes(values: NDArray[np.integer], planes: int) -> NDArray[np.uint8]:
    """The low `planes` bits of each value as packed bitmaps, uint8 [planes, ceil(N / 8)]."""
    # Narrow first: what is shifted and packed is then an eighth of int64's memory.
    narrow: NDArray[np.unsignedinteger] = values.astype(np.uint8 if planes <= 8 else np.uint32)
    digits = (narrow.dtype.type(1 << plane) for plane in range(planes))
    return np.stack([np.packbits(narrow & digit) for digit in digits])


def pack_outcomes(
    predicted: NDArray[np.integer], labels: NDArray[np.integer], planes: int
) -> NDArray[np.uint8]:
    """One split's predictions as a packed evaluation, uint8 [1 + planes, ceil(N / 8)]."""
    correct = np.packbits(predicted == labels)
    return np.concatenate([correct[None, :], pack_planes(predicted, planes)])


def planes_text(planes: NDArray[np.uint8], size: int) -> list[str]:
    """Each packed plane as a string of `size` zeros and ones, as SQL takes a bit string."""
    bits = np.unpackbits(planes, axis=1, count=size)
    return [(row + ord("0")).tobytes().decode() for row in bits]


def unpack_planes(planes: NDArray[np.uint8], size: int) -> NDArray[np.int64]:
    """The integers that bit planes uint8 [P, ceil(size / 8)] stand for, int64 [size]."""
    bits = np.unpackbits(planes, axis=1, count=size).astype(np.int64)
    values: NDArray[np.int64] = (bits << np.arange(len(planes))[:, None]).sum(axis=0)
    return values


def block_slices(layout: Layout) -> Iterator[tuple[BlockRange, slice]]:
    """Each block with its range of bytes in a packed bitmap over all splits."""
    offset = 0
    for split in layout.splits:
        for block in split.blocks:
            start = offset + block.first_position // 8
            yield block, slice(start, start + -(-block.size // 8))
        offset += split.packed_bytes


def _field(content: bytes) -> bytes:
    return _INT4.pack(len(content)) + content


def varbit(size: int, bits: bytes) -> bytes:
    """A `bit varying` of `size` bits, in Postgres's binary form with its length."""
    return _LENGTH_AND_INT4.pack(4 + len(bits), size) + bits


def varbit_array(size: int, planes: NDArray[np.uint8]) -> bytes:
    """A `bit varying[]` of packed planes, in Postgres's binary form with its length."""
    elements = b"".join(varbit(size, plane.tobytes()) for plane in planes)
    header = _ARRAY_HEADER.pack(1, 0, VARBIT_OID, len(planes), 1)
    return _field(header + elements)


def checksum(packed: NDArray[np.uint8]) -> bytes:
    """BLAKE2b-128 of a packed evaluation: what `evaluation.checksum` holds."""
    return hashlib.blake2b(np.ascontiguousarray(packed).tobytes(), digest_size=16).digest()


def real_array(values: NDArray[np.floating]) -> bytes:
    """A `real[]` of the values [N], in Postgres's binary form, as `array_send` gives it.

    There is one NaN: equal values give equal bytes.
    """
    elements = np.empty(len(values), _REAL)
    elements["length"] = _REAL["value"].itemsize
    elements["value"] = np.where(np.isnan(values), np.nan, values)
    header = _ARRAY_HEADER.pack(1, 0, REAL_OID, len(values), 1)
    return header + elements.tobytes()


def block_values(
    layout: Layout, name: str, values: NDArray[np.floating]
) -> Iterator[tuple[BlockRange, NDArray[np.floating]]]:
    """Each block with its part of the numbers [X, ...] called `name`, X being all examples.

    Raises
    ------
    ValueError
        If they are not of so many examples.
    """
    examples = sum(split.size for split in layout.splits)
    if len(values) != examples:
        raise ValueError(f"{name}: an array of shape {values.shape} for {examples} examples")
    for split in layout.splits:
        for block in split.blocks:
            yield block, values[block.first_example : block.first_example + block.size]


def copy_rows(
    layout: Layout, run_id: int, evaluation: int, packed: NDArray[np.uint8]
) -> Iterator[bytes]:
    """The rows of `outcome_block` for one packed evaluation, in COPY's binary form.

    Columns: run_id, block, evaluation, correct, predicted.
    """
    for block, columns in block_slices(layout):
        bits = packed[:, columns]
        key = struct.pack("!hiiiiii", 5, 4, run_id, 4, block.block, 4, evaluation)
        predicted = varbit_array(block.size, bits[1:]) if len(bits) > 1 else _NULL
        yield b"".join((key, varbit(block.size, bits[0].tobytes()), predicted))


def signal_rows(
    layout: Layout, run_id: int, evaluation: int, signals: Mapping[str, NDArray[np.floating]]
) -> Iterator[bytes]:
    """The rows of `signal_block` for one evaluation's signals, in COPY's binary form.

    Columns: run_id, block, signal, evaluation, value.
    """
    for name, values in signals.items():
        signal, number = _field(name.encode()), _LENGTH_AND_INT4.pack(4, evaluation)
        for block, part in block_values(layout, name, values):
            key = struct.pack("!hiiii", 5, 4, run_id, 4, block.block)
            yield b"".join((key, signal, number, _field(real_array(part))))


def summary_rows(
    layout: Layout, run_id: int, summaries: Mapping[str, SignalSummary]
) -> Iterator[bytes]:
    """The rows of `signal_summary` for one run, in COPY's binary form.

    Columns: run_id, block, signal, evaluations, mean, deviation.
    """
    for name, summary in summaries.items():
        signal, number = _field(name.encode()), _LENGTH_AND_INT4.pack(4, summary.evaluations)
        means = block_values(layout, name, summary.mean)
        deviations = block_values(layout, name, summary.deviation)
        for (block, mean), (_, deviation) in zip(means, deviations, strict=True):
            key = struct.pack("!hiiii", 6, 4, run_id, 4, block.block)
            numbers = _field(real_array(mean)) + _field(real_array(deviation))
            yield b"".join((key, signal, number, numbers))
