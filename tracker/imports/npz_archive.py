"""The arrays of an npz archive, read a run at a time.

Only arrays in Fortran order, which have no runs one after the other, are read whole. Pickled
objects are never loaded.
"""

import math
import zipfile
import zlib
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tracker.errors import UsageError
from tracker.imports.trajectories import MAX_NAME, at, refuse
from tracker.imports.values import Refusal, first_double

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)
"""What reading a truncated, altered or encrypted archive raises."""


MAX_BYTES = 4 * 1024**3
"""Bytes that are read at once: of one run, or of an array that has to be read whole."""


@dataclass(frozen=True)
class Member:
    """One array of an archive, as its header describes it."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool

    @property
    def runs(self) -> tuple[int, int, int]:
        """Its shape as runs x examples x evaluations; two dimensions are one evaluation."""
        runs, examples, *evaluations = self.shape
        return runs, examples, evaluations[0] if evaluations else 1

    def refusal(self, *before: int) -> Refusal:
        """Errors for elements of the part of the array at index `before`."""

        def error(index: tuple[int, ...], why: str) -> UsageError:
            place = (*before, *index)[: len(self.shape)]
            return refuse(self.file.name, f"{at(self.name, place)} {why}")

        return error

    def whole(self) -> NDArray[Any]:
        """The array."""
        size = math.prod(self.shape) * self.dtype.itemsize
        if size > MAX_BYTES:
            order = ": save it in C order (np.ascontiguousarray)" if self.fortran_order else ""
            raise refuse(
                self.file.name,
                f"array {self.name} is {size:,} bytes, and at most {MAX_BYTES:,} are read at once"
                f"{order}",
            )
        with opened(self.file, self.name) as stream:
            array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
            _check_end(stream)
        return array

    def by_run(self) -> Iterator[NDArray[Any]]:
        """The array a run at a time, [X, E] each."""
        runs, examples, evaluations = self.runs
        if self.fortran_order:
            yield from self.whole().reshape(runs, examples, evaluations)
            return
        count = examples * evaluations
        with opened(self.file, self.name) as stream:
            _read_header(stream)
            for _ in range(runs):
                data = stream.read(count * self.dtype.itemsize)
                if len(data) < count * self.dtype.itemsize:
                    raise EOFError("the array ends early")
                yield np.frombuffer(data, self.dtype).reshape(examples, evaluations)
            _check_end(stream)


@contextmanager
def opened(file: Path, name: str) -> Iterator[IO[bytes]]:
    """The bytes of one array; whatever is wrong with them is refused by name."""
    try:
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as stream:
            yield stream
    except DAMAGE as error:
        reason = error or "it ends early"
        raise refuse(file.name, f"array {name} cannot be read: {reason}") from None


def _check_end(stream: IO[bytes]) -> None:
    # Reading past the last byte is also what makes zipfile compare the checksum.
    if stream.read(1):
        raise ValueError("more follows than its shape says")


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        return npy.read_array_header_1_0(stream)
    if version == (2, 0):
        return npy.read_array_header_2_0(stream)
    raise ValueError(f"format version {version[0]}.{version[1]} is not understood")


def read_members(file: Path, known: Container[str]) -> tuple[dict[str, Member], list[str]]:
    """Those arrays of an archive that are `known`, none read yet; and the names of the others.

    Raises
    ------
    UsageError
        If it is no archive, or an array is no plain array of numbers or strings.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except DAMAGE as error:
        raise refuse(file.name, f"it is no complete npz file ({error})") from None
    sizes = {part.filename.removesuffix(".npy"): part.file_size for part in parts}
    members = {}
    for name in filter(known.__contains__, sizes):
        with opened(file, name) as stream:
            shape, fortran_order, dtype = _read_header(stream)
        if dtype.kind not in "biufUS":
            kind = "pickled objects, which are never loaded" if dtype.hasobject else f"{dtype}"
            raise refuse(file.name, f"array {name} holds {kind}: numbers are needed")
        # Before room is made for it: a header may claim anything.
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > sizes[name]:
            raise refuse(file.name, f"array {name} is cut short: no {shape} {dtype} are there")
        members[name] = Member(file, name, shape, dtype, fortran_order)
    return members, sorted(sizes.keys() - members.keys())


def integers(member: Member, most: int) -> NDArray[np.int64]:
    """An array of integers from 0 to `most`."""
    if member.dtype.kind not in "iu":
        raise refuse(member.file.name, f"array {member.name} holds {member.dtype}, not integers")
    values = member.whole()
    wrong = (values < 0) | (values > most)
    if wrong.any():
        place = int(wrong.argmax())
        raise member.refusal()((place,), f"is {values[place]}, not from 0 to {most}")
    return values.astype(np.int64)


def check_names(member: Member) -> None:
    """Refuse an array with room for names that are none."""
    width = member.dtype.itemsize // (4 if member.dtype.kind == "U" else 1)
    if width > MAX_NAME:
        raise refuse(
            member.file.name,
            f"array {member.name} holds names of up to {width:,} characters: at most {MAX_NAME:,} "
            "are read",
        )


def names_of(member: Member | None, part: slice = slice(None)) -> list[int | str] | None:
    """Part of an array of integers or strings, in which each is another; None of no array."""
    if member is None:
        return None
    if member.dtype.kind not in "iuUS":
        raise refuse(
            member.file.name, f"array {member.name} holds {member.dtype}, not integers or strings"
        )
    check_names(member)
    values = member.whole()[part]
    try:
        names = np.char.decode(values, "utf-8") if member.dtype.kind == "S" else values
    except UnicodeDecodeError as error:
        raise refuse(member.file.name, f"array {member.name}: {error}") from None
    ids: list[int | str] = names.tolist()
    double = first_double(ids)
    if double is not None:
        place = (part.start or 0) + double
        raise member.refusal()((place,), f"is {ids[double]!r}, as one before it")
    return ids


def vector(members: Mapping[str, Member], name: str, size: int) -> Member | None:
    """An array of one dimension, refused unless it has so many elements; None if there is none."""
    member = members.get(name)
    if member is not None and member.shape != (size,):
        raise refuse(
            member.file.name, f"array {name} must have shape ({size},), got {member.shape}"
        )
    return member
