"""The first reading of a Parquet file: which runs, evaluations, examples and classes it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracker.imports.parquet_table import Columns, Rows
from tracker.imports.trajectories import (
    DEFAULT_SPLIT,
    MAX_EXAMPLES,
    MAX_ORDINAL,
    UNKNOWN,
    Examples,
    refuse,
)
from tracker.imports.values import UNRECORDED

if TYPE_CHECKING:
    import pyarrow as pa

MAX_EVALUATIONS = 4_000_000

MERGE_AT = 1 << 22
"""Rows of found examples after which doubles among them are merged."""


@dataclass(frozen=True, eq=False)
class Survey:
    """What a file has."""

    runs: Sequence[int | str]
    """Values of the column of runs, ascending."""
    slots: Sequence[tuple[int, int]]
    """Index of the run and ordinal of each evaluation, ascending."""
    row_groups: Sequence[frozenset[int]]
    """Where the rows of each slot are."""
    splits: Mapping[str, Examples]
    keys: Mapping[str, "pa.Array"]
    """The examples of each split as the file names them, by position."""
    one_split: bool
    """The file has no column of splits."""
    num_classes: int
    partial: Sequence[str]
    """Signals that some rows have not."""

    @property
    def size(self) -> int:
        """X: examples of all splits."""
        return sum(examples.size for examples in self.splits.values())

    @property
    def class_type(self) -> np.dtype[Any]:
        """The smallest type that holds its classes."""
        return np.min_scalar_type(max(self.num_classes - 1, 0))

    @cached_property
    def _run_values(self) -> "pa.Array":
        import pyarrow as pa

        kind = pa.int64() if isinstance(self.runs[0], int) else pa.large_string()
        return pa.array(self.runs, kind)

    @cached_property
    def _slot_values(self) -> NDArray[np.int64]:
        return np.array([_slot_key(run, ordinal) for run, ordinal in self.slots])

    def run_of(self, rows: Rows) -> NDArray[np.int64]:
        """Index of each row's run."""
        return _index(rows.run, self._run_values)

    def slot_of(self, rows: Rows) -> NDArray[np.int64]:
        """Index of each row's slot."""
        keys = _slot_key(self.run_of(rows), rows.evaluation)
        slots: NDArray[np.int64] = np.searchsorted(self._slot_values, keys)
        return slots

    def example_of(self, rows: Rows) -> NDArray[np.int64]:
        """Index of each row's example among all X."""
        if self.one_split:
            (keys,) = self.keys.values()
            return _index(rows.example, keys)
        import pyarrow.compute as pc

        examples = np.empty(len(rows.example), dtype=np.int64)
        start = 0
        for split, keys in self.keys.items():
            mine = pc.equal(rows.split, split)
            examples[np.asarray(mine)] = start + _index(rows.example.filter(mine), keys)
            start += len(keys)
        return examples

    def example(self, index: int) -> str:
        """An example in words."""
        for split, keys in self.keys.items():
            if index < len(keys):
                return f"{'' if self.one_split else f'{split} '}example {keys[index].as_py()}"
            index -= len(keys)
        raise IndexError(index)


def _slot_key(run: Any, ordinal: Any) -> Any:
    return run * (MAX_ORDINAL + 1) + ordinal


def _index(values: "pa.Array", among: "pa.Array") -> NDArray[np.int64]:
    import pyarrow.compute as pc

    found: NDArray[np.int64] = np.asarray(pc.index_in(values, among)).astype(np.int64)
    return found


class _Found:
    """What has been found so far."""

    def __init__(self, columns: Columns, split: str) -> None:
        self._columns = columns
        self._split = split
        self._examples: list[pa.Table] = []
        self._rows = 0
        self.groups: dict[tuple[int | str, int], set[int]] = {}
        self.most = UNKNOWN
        self.partial: set[str] = set()

    def add(self, rows: Rows) -> None:
        import pyarrow as pa

        slots = pa.table({"run": rows.run, "evaluation": rows.evaluation})
        pairs = slots.group_by(["run", "evaluation"]).aggregate([])
        for run, ordinal in zip(*(pairs.column(name).to_pylist() for name in ("run", "evaluation")),
                                strict=True):  # fmt: skip
            self.groups.setdefault((run, ordinal), set()).add(rows.row_group)
        self._check_most(len(self.groups), MAX_EVALUATIONS, "evaluations of all runs")
        for classes in (rows.predicted, rows.label):
            if classes is not None and len(classes):
                self.most = max(self.most, int(classes.max()))
        self.partial |= {n for n, told in rows.signals.items() if (told == UNRECORDED).any()}
        self._examples.append(_merged(self._told(rows)))
        self._rows += len(self._examples[-1])
        if self._rows > MERGE_AT:
            self._examples = [self.examples()]
            self._rows = len(self._examples[0])
            self._check_most(self._rows, MAX_EXAMPLES, "examples")

    def _check_most(self, count: int, most: int, noun: str) -> None:
        if count > most:
            why = f"it has over {most:,} {noun}: no more are read"
            raise refuse(self._columns.file.name, why)

    def _told(self, rows: Rows) -> "pa.Table":
        """Each row's example, its label and its number over all splits."""
        import pyarrow as pa

        count = len(rows.example)
        label = _label_of(rows)
        split = pa.repeat(pa.scalar(self._split, pa.large_string()), count)
        return pa.table(
            {
                "split": split if rows.split is None else rows.split,
                "example": rows.example,
                "least": label,
                "most": label,
                "order": rows.order if rows.order is not None else pa.nulls(count, pa.int64()),
            }
        )

    def examples(self) -> "pa.Table":
        import pyarrow as pa

        return _merged(pa.concat_tables(self._examples))


def _label_of(rows: Rows) -> "pa.Array":
    """Label of each row's example; a class that is predicted and right is the label too."""
    import pyarrow as pa

    if rows.label is not None:
        return pa.array(rows.label.astype(np.int64))
    if rows.predicted is None or rows.correct is None:
        return pa.nulls(len(rows.example), pa.int64())
    return pa.array(rows.predicted.astype(np.int64), mask=~rows.correct)


def _merged(table: "pa.Table") -> "pa.Table":
    """One row an example, with the least and the largest of its labels."""
    grouped = table.group_by(["split", "example"]).aggregate(
        [("least", "min"), ("most", "max"), ("order", "min")]
    )
    named = {"least_min": "least", "most_max": "most", "order_min": "order"}
    return grouped.rename_columns([named.get(name, name) for name in grouped.column_names])


def take_survey(columns: Columns, split: str = DEFAULT_SPLIT) -> Survey:
    """Read the file once; `split` is that of its examples if it has no such column.

    Raises
    ------
    UsageError
        If a value is missing or impossible, or an example has two labels; the first is named.
    """
    found = _Found(columns, split)
    ensembles: set[int | str] = set()
    for rows in columns.rows():
        found.add(rows)
        ensembles |= rows.ensembles
    if len(ensembles) > 1:
        names = ", ".join(sorted(map(str, ensembles)))
        raise refuse(columns.file.name, f"it has several ensembles ({names}): import one at a time")
    examples = found.examples()
    _check_labels(columns, examples)
    keys, splits = _split(columns, examples)
    runs = sorted({run for run, _ in found.groups})
    index = {run: number for number, run in enumerate(runs)}
    slots = sorted((index[run], ordinal) for run, ordinal in found.groups)
    return Survey(
        runs=runs,
        slots=slots,
        row_groups=[frozenset(found.groups[runs[run], ordinal]) for run, ordinal in slots],
        splits=splits,
        keys=keys,
        one_split=columns.split is None,
        num_classes=found.most + 1,
        partial=sorted(found.partial),
    )


def _check_labels(columns: Columns, examples: "pa.Table") -> None:
    import pyarrow.compute as pc

    differing = examples.filter(pc.not_equal(examples["least"], examples["most"]))
    if not len(differing):
        return
    row = differing.sort_by([("split", "ascending"), ("example", "ascending")]).slice(0, 1)
    (one,) = row.to_pylist()
    which = f"example {one['example']}"
    if columns.split is not None:
        which = f"{one['split']} {which}"
    why = "has the labels {least} and {most}" if columns.label else (
        "is right with the predicted classes {least} and {most}"
    )  # fmt: skip
    raise refuse(columns.file.name, f"{which} {why.format(**one)}")


def _split(
    columns: Columns, examples: "pa.Table"
) -> tuple[dict[str, "pa.Array"], dict[str, Examples]]:
    """Names of the examples and the examples themselves, by split in storage order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    told = columns.label or (columns.correct and columns.predicted)
    first = examples.group_by("split").aggregate([("order", "min")]).to_pylist()
    # As the file numbers them, or else as they are trained on and tested.
    order = sorted(
        first,
        key=lambda row: (
            row["order_min"] is None,
            row["order_min"],
            row["split"] != DEFAULT_SPLIT,
            row["split"],
        ),
    )
    keys, splits = {}, {}
    for row in order:
        name = row["split"]
        part = examples.filter(pc.equal(examples["split"], name)).sort_by("example")
        keys[name] = pa.concat_arrays(part["example"].chunks)
        labels = pc.fill_null(part["least"], UNKNOWN).to_numpy() if told else None
        splits[name] = Examples(len(part), labels, _ids(columns, keys[name]))
    return keys, splits


def _ids(columns: Columns, keys: "pa.Array") -> list[int | str] | None:
    """What the examples are called; None where that is their position."""
    ids: list[int | str] = keys.to_pylist()
    return None if columns.example == "position" and ids == list(range(len(ids))) else ids
