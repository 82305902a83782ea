"""A Parquet file's columns by their meaning, and its rows as checked arrays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError
from tracker.imports.trajectories import MAX_NAME, MAX_ORDINAL, refuse
from tracker.imports.values import Refusal, as_classes, as_correct, as_held_out, as_signal
from tracker.outcomes.signals import ALL_SIGNALS

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH = 1 << 20
"""Rows in memory at a time."""

RUN = ("run", "seed", "run_id")
EVALUATION = ("evaluation", "epoch")
EXAMPLE = ("example_id", "example", "position")
ENSEMBLE = ("ensemble", "ensemble_id")
FACTS = ("correct", "predicted", "label", "held_out")
TOLD = (*FACTS, *ALL_SIGNALS)


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows, as arrays [N]; what the file has no column for is None."""

    row_group: int
    ensembles: frozenset[int | str]
    """Those that the file names."""
    run: "pa.Array"
    split: "pa.Array | None"
    example: "pa.Array"
    order: "pa.Array | None"
    """Number of the example over all splits, where the file has one beside the position."""
    evaluation: NDArray[np.int64]
    correct: NDArray[np.bool_] | None
    predicted: NDArray[np.integer] | None
    label: NDArray[np.integer] | None
    held_out: NDArray[np.bool_] | None
    signals: Mapping[str, NDArray[np.float32]]
    """`UNRECORDED` where the file has NULL."""


@dataclass(frozen=True)
class Columns:
    """A file, and which of its columns mean what."""

    file: Path
    run: str
    evaluation: str
    example: str
    split: str | None
    order: str | None
    ensemble: str | None
    correct: bool
    predicted: bool
    label: bool
    held_out: bool
    signals: tuple[str, ...]
    row_groups: int
    ignored: tuple[str, ...] = ()

    @property
    def _keys(self) -> list[str]:
        """The columns that name something."""
        named = (self.run, self.example, self.split, self.order, self.ensemble)
        return [name for name in named if name is not None]

    @property
    def names(self) -> list[str]:
        """The columns that are read."""
        named = (self.run, self.evaluation, self.example, self.split, self.order, self.ensemble)
        told = [name for name in FACTS if getattr(self, name)]
        return [*(name for name in named if name is not None), *told, *self.signals]

    def rows(self, row_groups: Sequence[int] | None = None) -> Iterator[Rows]:
        """The rows of these groups, or of all, in their order.

        Raises
        ------
        UsageError
            If the file is damaged, or a value missing or impossible; the first row is named.
        """
        import pyarrow as pa

        try:
            yield from self._rows(range(self.row_groups) if row_groups is None else row_groups)
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.file, error) from None

    def _rows(self, row_groups: Sequence[int]) -> Iterator[Rows]:
        import pyarrow.parquet as pq

        # Names are read once each, not once a row: a long one repeated takes no room.
        with pq.ParquetFile(self.file, read_dictionary=self._keys) as parquet:
            sizes = [parquet.metadata.row_group(group).num_rows for group in range(self.row_groups)]
            for group in row_groups:
                start = sum(sizes[:group])
                for batch in parquet.iter_batches(BATCH, [group], self.names):
                    yield self._checked(batch, group, start)
                    start += batch.num_rows

    def _checked(self, batch: "pa.RecordBatch", group: int, start: int) -> Rows:
        for name in self.names:
            column = batch.column(name)
            if column.null_count and name not in self.signals:
                row = start + int(np.asarray(column.is_null()).argmax())
                raise refuse(self.file.name, f"{name} is NULL in row {row}")

        def refusal(name: str) -> Refusal:
            def error(index: tuple[int, ...], why: str) -> UsageError:
                return refuse(self.file.name, f"{name} in row {start + index[0]} {why}")

            return error

        def numbers(name: str) -> NDArray[Any]:
            values: NDArray[Any] = batch.column(name).to_numpy(zero_copy_only=False)
            if values.dtype.kind not in "biuf":
                raise refuse(self.file.name, f"column {name} holds {batch.column(name).type}")
            return values

        def classes(name: str) -> NDArray[np.integer]:
            return as_classes(numbers(name), refusal(name))

        def signal(name: str) -> NDArray[np.float32]:
            null = batch.column(name).is_null() if batch.column(name).null_count else None
            unrecorded = None if null is None else np.asarray(null)
            return as_signal(name, numbers(name), refusal(name), unrecorded)

        return Rows(
            row_group=group,
            ensembles=self._ensembles(batch),
            run=self._key(batch, self.run),
            split=None if self.split is None else self._key(batch, self.split),
            example=self._key(batch, self.example),
            order=None if self.order is None else self._key(batch, self.order),
            evaluation=_ordinals(numbers(self.evaluation), refusal(self.evaluation)),
            correct=as_correct(numbers("correct"), refusal("correct")) if self.correct else None,
            predicted=classes("predicted") if self.predicted else None,
            label=classes("label") if self.label else None,
            held_out=as_held_out(numbers("held_out"), refusal("held_out"))
            if self.held_out
            else None,
            signals={name: signal(name) for name in self.signals},
        )

    def _ensembles(self, batch: "pa.RecordBatch") -> frozenset[int | str]:
        if self.ensemble is None:
            return frozenset()
        return frozenset(self._key(batch, self.ensemble).unique().to_pylist())

    def _key(self, batch: "pa.RecordBatch", name: str) -> "pa.Array":
        """A column of integers or strings, each as one type."""
        import pyarrow as pa

        column = batch.column(name)
        if pa.types.is_dictionary(column.type):
            self._check_names(name, column.dictionary)
            column = column.dictionary_decode()
        if pa.types.is_integer(column.type):
            return column.cast(pa.int64())
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            return column.cast(pa.large_string())
        if pa.types.is_string_view(column.type):
            return column.cast(pa.large_string())
        raise refuse(self.file.name, f"column {name} holds {column.type}, not integers or strings")

    def _check_names(self, name: str, names: "pa.Array") -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_integer(names.type) or not len(names):
            return
        longest = pc.max(pc.binary_length(names.cast(pa.large_binary()))).as_py()
        if longest > MAX_NAME:
            raise refuse(
                self.file.name,
                f"column {name} has a name of {longest:,} bytes: at most {MAX_NAME:,} are read",
            )


def _ordinals(values: NDArray[Any], refusal: Refusal) -> NDArray[np.int64]:
    with np.errstate(invalid="ignore"):
        wrong = ~((values >= 0) & (values <= MAX_ORDINAL) & (values == np.floor(values)))
    if wrong.any():
        row = int(wrong.argmax())
        raise refusal((row,), f"is {values[row]}, not a whole number from 0 to {MAX_ORDINAL}")
    return values.astype(np.int64)


def damaged(file: Path, error: Exception) -> UsageError:
    """The error for a file that pyarrow cannot read."""
    reason = str(error).strip().partition("\n")[0]
    return refuse(file.name, f"it is no complete Parquet file ({reason})")


def open_table(file: Path) -> Columns:
    """Which columns of the file mean what.

    Raises
    ------
    UsageError
        If it is no Parquet file, has no rows, or a column that is needed is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            metadata, names = parquet.metadata, list(parquet.schema_arrow.names)
            if metadata.num_rows == 0:
                raise refuse(file.name, "it has no rows")
            # Exports of ensembles whose predicted classes nobody knows have the column all the
            # same.
            there = [name for name in names if name not in TOLD or not _all_null(parquet, name)]
    except (pa.ArrowException, OSError) as error:
        raise damaged(file, error) from None

    def choose(choices: Sequence[str]) -> str:
        found = next((name for name in choices if name in there), None)
        if found is None:
            wanted = " or ".join(choices)
            raise refuse(file.name, f"it has no column {wanted}; it has {', '.join(names)}")
        return found

    choose(("correct", "predicted"))
    split = "split" if "split" in there else None
    by_position = split is not None and "position" in there
    columns = Columns(
        file=file,
        run=choose(RUN),
        evaluation=choose(EVALUATION),
        example="position" if by_position else choose(EXAMPLE),
        split=split,
        order="example_id" if by_position and "example_id" in there else None,
        ensemble=next((name for name in ENSEMBLE if name in there), None),
        correct="correct" in there,
        predicted="predicted" in there,
        label="label" in there,
        held_out="held_out" in there,
        signals=tuple(name for name in ALL_SIGNALS if name in there),
        row_groups=metadata.num_row_groups,
    )
    meant = {*columns.names, *RUN, *ENSEMBLE, *EXAMPLE, *EVALUATION, *TOLD}
    return replace(columns, ignored=tuple(name for name in names if name not in meant))


def _all_null(parquet: "pq.ParquetFile", name: str) -> bool:
    """Whether there is nothing in the column; the first value ends the search."""
    batches = parquet.iter_batches(BATCH, columns=[name])
    return all(batch.column(0).null_count == batch.num_rows for batch in batches)
