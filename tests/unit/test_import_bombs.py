"""Small files that claim to be large, or are once they are unpacked: refused in little memory."""

import pickle
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.errors import UsageError
from tracker.imports import parquet_survey, read_trajectories
from tracker.imports.pickle_sizes import SizeError, check_sizes
from tracker.imports.trajectories import LONGEST, MAX_NAME, Options, refuse

MOST_BYTES = 32 << 20

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=300)
    | st.binary().map(bytearray),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    | st.tuples(inner, inner),
    max_leaves=12,
)  # fmt: skip

SHARED = [0.5] * 4000


def told(part: object) -> bytes:
    return pickle.dumps({n: [part, part, part] for n in range(2000)})


PICKLES = {
    "a place far off": (b"\x80\x02]r\xff\xff\xff\x7f.", "2,147,483,647"),
    "a place far off in words": (b"(lp2147483647\n.", "2,147,483,647"),
    "a place beyond words": (b"(lp" + b"9" * 400 + b"\n.", "claims"),
    "bytes that are not there": (b"\x80\x04\x8e\xff\xff\xff\xff\x0f\0\0\0x.", "claims"),
    "an array of bytes": (b"\x80\x05\x96\xff\xff\xff\xff\x0f\0\0\0x.", "claims"),
    "text": (b"\x80\x02X\xff\xff\xff\x7fabc.", "claims"),
    "a frame": (b"\x80\x04\x95\xff\xff\xff\xff\x0f\0\0\0N.", "claims"),
    "a number": (b"\x80\x02\x8b\xff\xff\xff\x7f1.", "claims"),
    "one list for all examples": (told(SHARED), "24,000,000 numbers in .* bytes"),
    "one array for all examples": (told(np.zeros(4000)), "24,000,000 numbers in"),
    "one list in all lists": (told([SHARED] * 5), "holds something that is no number"),
}


@pytest.mark.parametrize("case", PICKLES)
def test_a_pickle_is_as_large_as_its_file(case: str, tmp_path: Path) -> None:
    content, message = PICKLES[case]
    refused_soon(tmp_path / "a.pkl", content, "forgetting", message)


@given(value=PLAIN, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_what_python_writes_claims_no_more_than_it_has(value: object, protocol: int) -> None:
    check_sizes(pickle.dumps(value, protocol))


@given(value=PLAIN, protocol=st.integers(1, pickle.HIGHEST_PROTOCOL), share=st.floats(0, 0.99))
def test_no_end_is_no_trouble(value: object, protocol: int, share: float) -> None:
    whole = pickle.dumps(value, protocol)
    with suppress(SizeError):
        check_sizes(whole[: int(share * len(whole))])


def refused_soon(file: Path, content: bytes | None, form: str, message: str) -> None:
    if content is not None:
        file.write_bytes(content)
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    try:
        with pytest.raises(UsageError, match=rf"^cannot import {file.name}: .*{message}"):
            list(read_trajectories([file], form, Options()).outcomes())
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
    assert pa.total_allocated_bytes() - before < MOST_BYTES


def test_an_archive_of_zeros_is_measured_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("correct.npy", "w") as member,
    ):
        header = {"descr": "|b1", "fortran_order": False, "shape": (1, 60_000_000, 1)}
        np.lib.format.write_array_header_1_0(member, header)
        for _ in range(60):
            member.write(bytes(1_000_000))
    assert file.stat().st_size < 1_000_000
    refused_soon(file, None, "npz", "has 60,000,000 examples: at most 50,000,000")


@pytest.mark.parametrize("name", ["example", "observer", "split"])
def test_names_of_an_archive_are_names(name: str, tmp_path: Path) -> None:
    size = 2 if name == "observer" else 3
    arrays = {"correct": np.ones((2, 3, 1), bool), name: np.zeros(size, f"U{MAX_NAME + 1}")}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    refused_soon(tmp_path / "a.npz", None, "npz", f"array {name} holds names of up to 1,001")


@pytest.mark.parametrize("member", ["../out.npy", "/out.npy", "a/../../out.npy", "correct.npy/x"])
def test_members_with_other_places_are_never_unpacked(member: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    file = folder / "a.npz"
    np.savez(file, correct=np.ones((1, 2, 1), bool))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(member, b"x")
        link = zipfile.ZipInfo("predicted.npy")
        link.external_attr = 0o120777 << 16  # a symbolic link
        archive.writestr(link, "/etc/passwd")
    refused_soon(file, None, "npz", "array predicted cannot be read")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.npz", "in"]


def outcomes(rows: int, **columns: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "run": pa.array([0] * rows), "evaluation": pa.array([1] * rows),
        "example": pa.array(range(rows)), "correct": pa.array([True] * rows),
    }  # fmt: skip
    return given | columns


def test_a_long_name_is_not_repeated_in_memory(tmp_path: Path) -> None:
    rows = 4000
    names = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 1_000_000])
    pq.write_table(pa.table(outcomes(rows, run=names)), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    refused_soon(
        tmp_path / "a.parquet", None, "parquet", "column run has a name of 1,000,000 bytes"
    )


def test_evaluations_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_survey, "MAX_EVALUATIONS", 10)
    table = pa.table(outcomes(11, evaluation=pa.array(range(11))))
    pq.write_table(table, tmp_path / "a.parquet")
    said = "it has over 10 evaluations of all runs"
    refused_soon(tmp_path / "a.parquet", None, "parquet", said)


def test_examples_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_survey, "MAX_EXAMPLES", 10)
    monkeypatch.setattr(parquet_survey, "MERGE_AT", 5)
    pq.write_table(pa.table(outcomes(20)), tmp_path / "a.parquet")
    refused_soon(tmp_path / "a.parquet", None, "parquet", "it has over 10 examples")


def test_a_name_in_a_pickle_breaks_no_line(tmp_path: Path) -> None:
    content = b"\x80\x04\x8c\x03a\nb\x8c\x04c\x1b[2\x93."
    refused_soon(tmp_path / "a.pkl", content, "forgetting", r"asks for a\\nb.c\\x1b\[2;")


def test_a_reason_repeats_no_whole_file() -> None:
    why = str(refuse("a" * 5000, f"line 3 {'x' * 100_000} is no number"))
    assert "line 3 xxx" in why
    assert why.endswith("xxx is no number")
    assert len(why) < 3 * LONGEST
