"""Reading is the inverse of packing, bit by bit; and a file is whole or not there."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import UsageError
from tracker.files import whole_file
from tracker.outcomes.layout import Layout, plane_count
from tracker.outcomes.packing import copy_rows, pack_outcomes, real_array, signal_rows
from tracker.outcomes.unpacking import (
    combine_planes,
    parse_reals,
    parse_varbit,
    parse_varbit_array,
    row_fields,
    unpack,
)
from tracker.verification.blocks import greater_than

SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=3)
CLASSES = st.sampled_from([1, 2, 3, 10, 257, 65536])


@given(SIZES, CLASSES, st.integers(0, 2**31))
def test_packed_outcomes_come_back(sizes: list[int], num_classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"split {index}" for index in range(len(sizes))]
    layout = Layout.of(dict(zip(names, sizes, strict=True)), 8)
    parts = [rng.integers(0, num_classes, (2, size)) for size in sizes]
    planes = plane_count(num_classes)
    packed = np.concatenate([pack_outcomes(*part, planes) for part in parts], axis=1)
    predicted, labels = np.concatenate(parts, axis=1)
    bits = unpack(packed, layout)
    np.testing.assert_array_equal(bits[0], predicted == labels)
    np.testing.assert_array_equal(combine_planes(bits[1:]), predicted)
    # And through the rows that COPY carries.
    blocks = [block for split in layout.splits for block in split.blocks]
    for block, row in zip(blocks, copy_rows(layout, 5, 7, packed), strict=True):
        run_id, number, evaluation, correct, planes_field = row_fields(row)
        assert [int.from_bytes(field, "big") for field in (run_id, number, evaluation)] == [
            5,
            block.block,
            7,
        ]
        place = slice(block.first_example, block.first_example + block.size)
        right, classes = parse_varbit(correct), parse_varbit_array(planes_field)
        assert classes is not None
        assert right.size == classes.size == block.size
        unpacked = np.unpackbits(classes.packed, axis=1, count=block.size)
        np.testing.assert_array_equal(combine_planes(unpacked), predicted[place])
        unpacked = np.unpackbits(right.packed[0], count=block.size)
        np.testing.assert_array_equal(unpacked, (predicted == labels)[place])


def test_unknown_classes_are_null() -> None:
    layout = Layout.of({"train": 3}, 8)
    [row] = copy_rows(layout, 1, 2, np.array([[0b10100000]], np.uint8))
    assert row_fields(row)[4] is None


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_signals_come_back(values: list[float]) -> None:
    layout = Layout.of({"train": len(values)}, 8)
    array = np.array(values, np.float32)
    rows = signal_rows(layout, 1, 2, {"margin": array})
    parts = [parse_reals(row_fields(row)[4]) for row in rows]
    np.testing.assert_array_equal(np.concatenate(parts), array)


def test_arrays_that_are_none_of_ours_are_told_apart() -> None:
    empty = b"\0" * 12
    with_null = bytes(7) + b"\1" + bytes(4)
    assert parse_varbit_array(empty) is None
    assert parse_varbit_array(with_null) is None
    assert parse_reals(empty) is None
    assert parse_reals(real_array(np.zeros(2))) is not None


@given(st.lists(st.integers(0, 31), min_size=1, max_size=20), st.integers(0, 31))
def test_greater_than_a_bound(values: list[int], bound: int) -> None:
    array = np.array(values)
    planes = np.packbits((array >> np.arange(5)[:, None] & 1).astype(np.uint8), axis=1)
    bits = np.unpackbits(greater_than(planes, bound), count=len(values))
    np.testing.assert_array_equal(bits, array > bound)


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    with whole_file(path, force=False) as file:
        file.write(b"half")
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert list(tmp_path.iterdir()) == [path]


def write_half(path: Path, error: type[BaseException]) -> None:
    with whole_file(path, force=True) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_leaves_no_file_and_keeps_the_old_one(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "all.csv"
    path.write_bytes(b"old")
    with pytest.raises(error):
        write_half(path, error)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_exists_is_replaced_by_force_only(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_bytes(b"old")
    with pytest.raises(UsageError, match="exists: --force"), whole_file(path, force=False):
        pass
    with whole_file(path, force=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_that_somebody_else_makes_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    with pytest.raises(UsageError, match="exists"), whole_file(path, force=False):
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"


@pytest.mark.parametrize("name", ["", "no/such/folder/all.csv"])
def test_a_place_where_no_file_can_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="folder"), whole_file(tmp_path / name, force=True):
        pass
    assert list(tmp_path.iterdir()) == []
