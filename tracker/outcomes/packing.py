"""Outcomes as bitmaps: from class indices to the bytes that COPY takes, and back.

A *packed* evaluation is one uint8 array [1 + P, B]: row 0 is the bitmap of right and wrong, rows
1..P are the bit planes of the predicted class, least significant first. The bits of each split
start at a byte of their own, first example at the highest bit, as in a Postgres `bit varying`.
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracker.outcomes.layout import BlockRange, Layout

VARBIT_OID = 1562
_INT4 = struct.Struct("!i")
_LENGTH_AND_INT4 = struct.Struct("!ii")
_ARRAY_HEADER = struct.Struct("!iiiii")  # dimensions, has-null flag, element type, length, base

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"


def pack_planes(values: NDArray[np.integer], planes: int) -> NDArray[np.uint8]:
    """The low `planes` bits of each value as packed bitmaps, uint8 [planes, ceil(N / 8)]."""
    shifts = np.arange(planes)[:, None]
    return np.packbits((values[None, :] >> shifts & 1).astype(np.uint8), axis=1)


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


def _varbit(size: int, bits: bytes) -> bytes:
    return _LENGTH_AND_INT4.pack(4 + len(bits), size) + bits


def varbit_array(size: int, planes: NDArray[np.uint8]) -> bytes:
    """A `bit varying[]` of packed planes, in Postgres's binary form with its length."""
    elements = b"".join(_varbit(size, plane.tobytes()) for plane in planes)
    header = _ARRAY_HEADER.pack(1, 0, VARBIT_OID, len(planes), 1)
    return _INT4.pack(len(header) + len(elements)) + header + elements


def copy_rows(
    layout: Layout, run_id: int, evaluation: int, packed: NDArray[np.uint8]
) -> Iterator[bytes]:
    """The rows of `outcome_block` for one packed evaluation, in COPY's binary form.

    Columns: run_id, block, evaluation, correct, predicted.
    """
    for block, columns in block_slices(layout):
        bits = packed[:, columns]
        key = struct.pack("!hiiiiii", 5, 4, run_id, 4, block.block, 4, evaluation)
        yield b"".join(
            (key, _varbit(block.size, bits[0].tobytes()), varbit_array(block.size, bits[1:]))
        )
