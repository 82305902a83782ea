"""Outcomes as bits: planes, blocks, and the bytes of COPY."""

import io
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bits import bitmap, counts_of
from tests.support.ensembles import block_size
from tracker.outcomes.layout import BLOCK_SIZE, Layout, plane_count
from tracker.outcomes.packing import (
    COPY_HEADER,
    COPY_TRAILER,
    VARBIT_OID,
    block_slices,
    copy_rows,
    pack_outcomes,
    pack_planes,
    planes_text,
    unpack_planes,
)

sizes = st.lists(st.integers(1, 50), min_size=1, max_size=3).map(
    lambda numbers: dict(zip(("train", "test", "extra"), numbers, strict=False))
)
classes = st.sampled_from([1, 2, 3, 4, 5, 10, 256, 257, 1000, 65536])


@pytest.mark.parametrize(
    ("num_classes", "planes"),
    [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (10, 4), (256, 8), (257, 9), (1000, 10), (65536, 16)],
)
def test_planes_hold_every_class(num_classes: int, planes: int) -> None:
    assert plane_count(num_classes) == planes
    assert 2**planes >= num_classes


@given(size=st.integers(1, 70), num_classes=classes, seed=st.integers(0, 2**31))
def test_planes_come_back(size: int, num_classes: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, num_classes, size)
    values[0] = num_classes - 1
    packed = pack_planes(values, plane_count(num_classes))
    assert packed.dtype == np.uint8
    assert packed.shape == (plane_count(num_classes), -(-size // 8))
    assert unpack_planes(packed, size).tolist() == values.tolist()
    assert counts_of(planes_text(packed, size)) == values.tolist()


def test_bits_by_hand() -> None:
    packed = pack_outcomes(
        np.array([0, 1, 2, 3, 2, 0, 0, 0, 1]), np.array([0, 1, 2, 3] * 2 + [0]), 2
    )
    # Right; ones; twos. The first example is the highest bit, the rest of the last byte is 0.
    assert [[f"{byte:08b}" for byte in row] for row in packed.tolist()] == [
        ["11110000", "00000000"],
        ["01010000", "10000000"],
        ["00111000", "00000000"],
    ]
    assert planes_text(packed, 9) == ["111100000", "010100001", "001110000"]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64])
def test_any_integers_are_packed(dtype: type[np.integer]) -> None:
    values = np.array([0, 9, 5, 120], dtype=dtype)
    assert unpack_planes(pack_planes(values, 7), 4).tolist() == [0, 9, 5, 120]


@given(sizes=sizes, size=st.sampled_from([8, 16, 24]))
def test_layout(sizes: dict[str, int], size: int) -> None:
    with block_size(size):
        layout = Layout.of(sizes)
    assert [split.split for split in layout.splits] == list(sizes)
    example, number = 0, 0
    for split in layout.splits:
        assert split.first_example == example
        assert split.size == sizes[split.split] == sum(block.size for block in split.blocks)
        assert split.packed_bytes == -(-split.size // 8)
        position = 0
        for block in split.blocks:
            assert (block.block, block.split) == (number, split.split)
            assert (block.first_example, block.first_position) == (example, position)
            example, number, position = example + block.size, number + 1, position + block.size
        assert [block.size for block in split.blocks[:-1]] == [size] * (len(split.blocks) - 1)
        assert 1 <= split.blocks[-1].size <= size
    assert layout.packed_bytes == sum(split.packed_bytes for split in layout.splits)


@pytest.mark.parametrize(
    ("examples", "blocks"),
    [
        (1, [1]),
        (BLOCK_SIZE, [BLOCK_SIZE]),
        (BLOCK_SIZE + 1, [BLOCK_SIZE, 1]),
        (2 * BLOCK_SIZE, [BLOCK_SIZE] * 2),
    ],
)
def test_layout_at_the_real_size(examples: int, blocks: list[int]) -> None:
    [split] = Layout.of({"train": examples}).splits
    assert [block.size for block in split.blocks] == blocks


def test_blocks_begin_at_bytes() -> None:
    assert BLOCK_SIZE % 8 == 0


@given(sizes=sizes, size=st.sampled_from([8, 16]), seed=st.integers(0, 2**31))
def test_blocks_find_their_bits(sizes: dict[str, int], size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted = {split: rng.integers(0, 10, count) for split, count in sizes.items()}
    with block_size(size):
        layout = Layout.of(sizes)
    parts = {split: pack_planes(values, 4) for split, values in predicted.items()}
    packed = np.concatenate([parts[split.split] for split in layout.splits], axis=1)
    assert packed.shape == (4, layout.packed_bytes)
    for block, columns in block_slices(layout):
        members = slice(block.first_position, block.first_position + block.size)
        found = unpack_planes(packed[:, columns], block.size)
        assert found.tolist() == predicted[block.split][members].tolist()


# --- COPY -----------------------------------------------------------------------------------------


def fields(row: bytes) -> Iterator[bytes]:
    """The fields of one row in COPY's binary form, without their lengths."""
    stream = io.BytesIO(row)
    [count] = struct.unpack("!h", stream.read(2))
    for _ in range(count):
        [length] = struct.unpack("!i", stream.read(4))
        yield stream.read(length)
    assert not stream.read()


def bits(field: bytes) -> str:
    """A `bit varying` in binary form."""
    [size] = struct.unpack("!i", field[:4])
    assert len(field) == 4 + -(-size // 8)
    return "".join(f"{byte:08b}" for byte in field[4:])[:size]


def bit_array(field: bytes) -> list[str]:
    """A `bit varying[]` in binary form."""
    dimensions, has_null, element, count, base = struct.unpack("!iiiii", field[:20])
    assert (dimensions, has_null, element, base) == (1, 0, VARBIT_OID, 1)
    elements = list(fields(struct.pack("!h", count) + field[20:]))
    return [bits(element) for element in elements]


@given(sizes=sizes, num_classes=st.sampled_from([2, 10, 1000]), seed=st.integers(0, 2**31))
def test_rows_of_copy(sizes: dict[str, int], num_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    planes = plane_count(num_classes)
    predicted = {split: rng.integers(0, num_classes, count) for split, count in sizes.items()}
    labels = {split: rng.integers(0, num_classes, count) for split, count in sizes.items()}
    with block_size(16):
        layout = Layout.of(sizes)
    parts = {split: pack_outcomes(predicted[split], labels[split], planes) for split in sizes}
    rows = list(
        copy_rows(
            layout, 7, 3, np.concatenate([parts[split.split] for split in layout.splits], axis=1)
        )
    )
    blocks = [block for split in layout.splits for block in split.blocks]
    for row, block in zip(rows, blocks, strict=True):
        run_id, number, evaluation, correct, classes = fields(row)
        keys = [int.from_bytes(key, signed=True) for key in (run_id, number, evaluation)]
        assert keys == [7, block.block, 3]
        members = slice(block.first_position, block.first_position + block.size)
        said, true = predicted[block.split][members], labels[block.split][members]
        assert bits(correct) == bitmap(said == true)
        assert counts_of(bit_array(classes)) == said.tolist()
        assert len(bit_array(classes)) == planes


def test_frame_of_copy() -> None:
    assert b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0) == COPY_HEADER
    assert struct.unpack("!h", COPY_TRAILER) == (-1,)
