"""Outcomes as bits: planes, blocks, and the bytes of COPY."""

import hashlib
import io
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bits import bitmap, counts_of
from tests.support.ensembles import block_size
from tracker.outcomes.layout import MAX_BLOCK_SIZE, Layout, plane_count
from tracker.outcomes.layout import block_size as real_block_size
from tracker.outcomes.packing import (
    COPY_HEADER,
    COPY_TRAILER,
    REAL_OID,
    VARBIT_OID,
    block_slices,
    checksum,
    copy_rows,
    pack_outcomes,
    pack_planes,
    planes_text,
    real_array,
    signal_rows,
    summary_rows,
    unpack_planes,
)
from tracker.outcomes.signals import SignalSummary

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
        (MAX_BLOCK_SIZE, [MAX_BLOCK_SIZE]),
        (MAX_BLOCK_SIZE + 1, [MAX_BLOCK_SIZE, 1]),
        (2 * MAX_BLOCK_SIZE, [MAX_BLOCK_SIZE] * 2),
    ],
)
def test_layout_at_the_largest_size(examples: int, blocks: list[int]) -> None:
    [split] = Layout.of({"train": examples}).splits
    assert [block.size for block in split.blocks] == blocks


def test_blocks_begin_at_bytes() -> None:
    assert all(real_block_size(num_classes) % 8 == 0 for num_classes in range(1, 65_537, 37))


@pytest.mark.parametrize("num_classes", [1, 2, 3, 5, 10, 100, 1000, 65536])
def test_rows_of_outcomes_fill_their_page(num_classes: int) -> None:
    size, planes = real_block_size(num_classes), plane_count(num_classes)
    packed = np.zeros((1 + planes, -(-size // 8)), np.uint8)
    [row] = copy_rows(Layout.of({"train": size}, size), 1, 1, packed)
    # COPY's form has the number of columns, 2 bytes, and the length of each, 4. A row in its page
    # has a header of 24 bytes and a pointer of 4, and lengths of its two long columns, of 4.
    stored = len(row) - 2 - 5 * 4 + 24 + 4 + 2 * 4
    assert size <= MAX_BLOCK_SIZE
    assert 0.95 < 8168 // stored * stored / 8168 <= 1


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


def reals(array: bytes) -> list[float]:
    """A `real[]` in binary form."""
    dimensions, has_null, element, count, base = struct.unpack("!iiiii", array[:20])
    assert (dimensions, has_null, element, base) == (1, 0, REAL_OID, 1)
    elements = fields(struct.pack("!h", count) + array[20:])
    return [struct.unpack("!f", element)[0] for element in elements]


@given(sizes=sizes, seed=st.integers(0, 2**31))
def test_rows_of_signals_and_summaries(sizes: dict[str, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    examples = sum(sizes.values())
    with block_size(16):
        layout = Layout.of(sizes)
    blocks = [block for split in layout.splits for block in split.blocks]
    values = {name: rng.standard_normal(examples).astype(np.float32) for name in ("loss", "a")}
    summaries = {"loss": SignalSummary(9, rng.random(examples), rng.random(examples))}

    rows = [list(fields(row)) for row in signal_rows(layout, 7, 3, values)]
    found: dict[str, list[float]] = {"loss": [], "a": []}
    for row, block in zip(rows, blocks * 2, strict=True):
        run_id, number, name, evaluation, value = row
        keys = [int.from_bytes(key, signed=True) for key in (run_id, number, evaluation)]
        assert keys == [7, block.block, 3]
        assert len(reals(value)) == block.size
        found[name.decode()] += reals(value)
    assert found == {name: array.tolist() for name, array in values.items()}

    means: list[float] = []
    deviations: list[float] = []
    for summary, block in zip(summary_rows(layout, 7, summaries), blocks, strict=True):
        run_id, number, name, evaluations, mean, deviation = fields(summary)
        keys = [int.from_bytes(key, signed=True) for key in (run_id, number, evaluations)]
        assert (keys, name) == ([7, block.block, 9], b"loss")
        means += reals(mean)
        deviations += reals(deviation)
    assert means == summaries["loss"].mean.astype(np.float32).tolist()
    assert deviations == summaries["loss"].deviation.astype(np.float32).tolist()


def test_equal_numbers_are_equal_bytes() -> None:
    quiet, other = np.array([0x7FC00000, 0xFFC00001], np.uint32).view(np.float32)[:, None]
    assert real_array(quiet) == real_array(other)
    assert real_array(np.float32([0.0])) != real_array(np.float32([-0.0]))
    assert reals(real_array(np.float32([np.inf, -np.inf]))) == [np.inf, -np.inf]


@pytest.mark.parametrize("count", [8, 10])
def test_signals_must_be_of_all_examples(count: int) -> None:
    layout = Layout.of({"train": 5, "test": 4})
    with pytest.raises(ValueError, match=rf"loss: an array of shape \({count},\) for 9 examples"):
        list(signal_rows(layout, 1, 1, {"loss": np.zeros(count, np.float32)}))


def test_right_and_wrong_alone_leave_the_class_null() -> None:
    [row] = copy_rows(Layout.of({"train": 9}), 1, 2, np.array([[0xF0, 0x80]], np.uint8))
    assert row.endswith(struct.pack("!i", -1))
    assert struct.unpack("!h", row[:2]) == (5,)
    *_, correct = fields(struct.pack("!h", 4) + row[2:-4])
    assert bits(correct) == "111100001"


def test_checksum_is_of_the_bytes_in_order() -> None:
    packed = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert checksum(packed).hex() == hashlib.blake2b(bytes(range(12)), digest_size=16).hexdigest()
    assert checksum(np.asfortranarray(packed)) == checksum(packed)
    assert checksum(packed[::-1]) != checksum(packed)
