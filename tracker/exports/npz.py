"""NumPy's .npz: outcomes as arrays [runs, examples, evaluations], or a table's columns.

Written member by member, and each member run by run and block by block: the order of the blocks'
key is that of the array.
"""

import json
import tempfile
import zipfile
from collections.abc import Container, Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sqlalchemy import func, select

from tracker.db.models import OutcomeBlock, OutputBlock
from tracker.errors import TrackerError, UsageError
from tracker.exports import outcomes
from tracker.exports.source import Advance, Source
from tracker.exports.subject import Subject
from tracker.outcomes.held_out import read_held_out
from tracker.outcomes.layout import plane_count
from tracker.outcomes.outputs import HAS_OUTPUTS, READ_NUMBERS, read_outputs
from tracker.outcomes.reader import read_history, read_labels, read_signal
from tracker.outcomes.signals import OUTPUTS

if TYPE_CHECKING:
    import pyarrow as pa

Parts = Iterable[NDArray[Any]]


def write(source: Source, file: BinaryIO, advance: Advance) -> int:
    """Write the table as one .npz file; the number of rows, which are outcomes or rows of a view.

    Of `outcome`: `correct` bool and, where known, `predicted` unsigned [runs, examples,
    evaluations]; each recorded signal, float32 of the same shape, NaN where it was not recorded;
    `outputs` float32 [runs, examples, classes] where a run has recorded them, and, if others have
    not, `has_outputs` bool [runs] beside it (their outputs are NaN); `held_out` bool [runs,
    examples], `seed` [runs], `evaluation` [evaluations], and `label`, `split`, `position` and
    `example_id` [examples]. Of other tables: one array a column; NULL is NaN, NaT or the empty
    text. In both, `metadata` is JSON.

    Raises
    ------
    UsageError
        If the runs have not recorded the same evaluations, or only some know predicted classes.
    TrackerError
        If no run has recorded anything.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        _put(archive, "metadata", np.array(json.dumps(source.subject.metadata(source.table))))
        if source.table == outcomes.TABLE:
            return _write_outcomes(archive, source, advance)
        return _write_columns(archive, source, advance)


def _put(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    _stream(archive, name, array.dtype, array.shape, [array])


def _stream(
    archive: zipfile.ZipFile, name: str, dtype: DTypeLike, shape: tuple[int, ...], parts: Parts
) -> None:
    """Write an array of this shape of which `parts` are the values in order."""
    kind = np.dtype(dtype)
    header = {
        "descr": np.lib.format.dtype_to_descr(kind),
        "fortran_order": False,
        "shape": shape,
    }
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        for part in parts:
            member.write(np.ascontiguousarray(part, kind).tobytes())


# --- outcomes -------------------------------------------------------------------------------------


def _write_outcomes(archive: zipfile.ZipFile, source: Source, advance: Advance) -> int:
    subject = source.subject
    evaluations = _common_evaluations(subject)
    kinds = _outcome_kinds(source)
    layout = subject.layout
    shape = (len(subject.runs), layout.examples, len(evaluations))
    labels = read_labels(source.connection, subject.dataset.id, layout)
    _put(archive, "seed", np.array([run.seed for run in subject.runs], np.int64))
    _put(archive, "evaluation", np.array(evaluations, np.int64))
    _put(archive, "label", labels)
    _put(archive, "example_id", layout.example_ids)
    _put(archive, "position", layout.positions)
    names = np.array([split.split for split in layout.splits])
    _put(archive, "split", names[layout.split_indices])
    unseen = (read_held_out(source.connection, run.run_id, layout) for run in subject.runs)
    _stream(archive, "held_out", np.bool_, shape[:2], unseen)
    with_outputs = _runs_with_outputs(source)
    share = 1 / (len(kinds) + bool(with_outputs))
    for name, dtype in kinds.items():
        with closing(_parts(source, name, evaluations)) as parts:
            _stream(archive, name, dtype, shape, _counted(parts, advance, share))
    if with_outputs:
        classes = subject.dataset.num_classes
        if len(with_outputs) < len(subject.runs):
            told = [run.run_id in with_outputs for run in subject.runs]
            _put(archive, HAS_OUTPUTS, np.array(told))
        with closing(_outputs(source, with_outputs)) as parts:
            counted = _counted(parts, advance, share * len(evaluations) / classes)
            _stream(archive, OUTPUTS, np.float32, (*shape[:2], classes), counted)
    return subject.outcomes


def _common_evaluations(subject: Subject) -> list[int]:
    """The evaluations that every run has recorded, if all have recorded the same."""
    if not subject.runs:
        raise TrackerError(
            f"ensemble {subject.ensemble!r} has no such run with outcomes: `tracker status` says "
            "what its runs do"
        )
    first = subject.runs[0]
    for run in subject.runs:
        if run.evaluations != first.evaluations:
            partial = any(run.state != "complete" for run in subject.runs)
            way_out = "--complete leaves out runs that are not complete, " if partial else ""
            raise UsageError(
                f"runs of {subject.ensemble!r} have recorded different evaluations, which an array "
                f"cannot hold (seed {first.seed}, {first.state}, {_counts(first.evaluations)}; "
                f"seed {run.seed}, {run.state}, {_counts(run.evaluations)}): {way_out}"
                "--format parquet takes all"
            )
    return list(first.evaluations)


def _counts(evaluations: tuple[int, ...]) -> str:
    if len(evaluations) == 1:
        return f"evaluation {evaluations[0]}"
    return f"{len(evaluations)} evaluations from {evaluations[0]} to {evaluations[-1]}"


def _outcome_kinds(source: Source) -> dict[str, DTypeLike]:
    """The arrays that there are to write, with their types."""
    subject = source.subject
    runs = [run.run_id for run in subject.runs]
    unknown = source.connection.execute(
        select(OutcomeBlock.run_id, func.count(OutcomeBlock.predicted) > 0)
        .where(OutcomeBlock.run_id.in_(runs))
        .group_by(OutcomeBlock.run_id)
        .having(func.count(OutcomeBlock.predicted) < func.count())
    ).all()
    if any(partly for _, partly in unknown) or 0 < len(unknown) < len(runs):
        ids = {run_id for run_id, _ in unknown}
        seed = next(run.seed for run in subject.runs if run.run_id in ids)
        raise UsageError(
            f"the predicted classes of seed {seed} of {subject.ensemble!r} are not known and "
            "others are, which an array cannot hold: --format parquet takes both"
        )
    small = plane_count(subject.dataset.num_classes) <= 8
    kinds: dict[str, DTypeLike] = {"correct": np.bool_}
    if not unknown:
        kinds["predicted"] = np.uint8 if small else np.uint16
    signals = outcomes.recorded_signals(source.connection, subject)
    return kinds | dict.fromkeys(signals, np.float32)


def _parts(source: Source, name: str, evaluations: list[int]) -> Generator[NDArray[Any]]:
    layout = source.subject.layout
    for run in source.subject.runs:
        if name in ("correct", "predicted"):
            yield from read_history(source.connection, run.run_id, name, layout, len(evaluations))
        else:
            yield from read_signal(source.connection, run.run_id, name, layout, evaluations)


def _runs_with_outputs(source: Source) -> set[int]:
    """Those of the runs that have recorded softmax outputs, by id."""
    runs = [run.run_id for run in source.subject.runs]
    query = select(OutputBlock.run_id).where(OutputBlock.run_id.in_(runs)).distinct()
    return set(source.connection.scalars(query))


def _outputs(source: Source, with_outputs: Container[int]) -> Generator[NDArray[np.float32]]:
    """Softmax outputs of run after run, [N, K] of N consecutive examples; NaN of other runs."""
    subject, classes = source.subject, source.subject.dataset.num_classes
    for run in subject.runs:
        for split in subject.layout.splits:
            for block in split.blocks:
                if run.run_id not in with_outputs:
                    yield np.full((block.size, classes), np.nan, np.float32)
                    continue
                parts = read_outputs(source.connection, [run.run_id], block, classes, READ_NUMBERS)
                with closing(parts):
                    for (part,) in parts:
                        yield part


def _counted(parts: Parts, advance: Advance, share: float) -> Iterator[NDArray[Any]]:
    for part in parts:
        yield part
        advance(part.size * share)


# --- other tables ---------------------------------------------------------------------------------


def _write_columns(archive: zipfile.ZipFile, source: Source, advance: Advance) -> int:
    """One array a column; the rows wait in a file, since an archive takes one array at a time."""
    from pyarrow import parquet

    with tempfile.TemporaryFile() as spool:
        rows = 0
        with (
            parquet.ParquetWriter(spool, source.schema, compression="zstd") as writer,
            source.stream() as batches,
        ):
            for batch in batches:
                writer.write_batch(batch)
                rows += len(batch)
                advance(len(batch))
        spool.seek(0)
        file = parquet.ParquetFile(spool)
        for name in source.schema.names:
            _write_column(archive, file, name, rows)
    return rows


def _write_column(
    archive: zipfile.ZipFile, file: "pa.parquet.ParquetFile", name: str, rows: int
) -> None:
    import pyarrow as pa

    def parts() -> Iterator["pa.Array"]:
        for batch in file.iter_batches(columns=[name]):
            yield batch.column(0)

    kind = file.schema_arrow.field(name).type
    if pa.types.is_string(kind):
        longest = max((_longest(part) for part in parts()), default=1)
        dtype: DTypeLike = f"<U{max(1, longest)}"
    elif pa.types.is_timestamp(kind):
        dtype = "datetime64[us]"
    elif any(part.null_count for part in parts()):
        dtype = np.float64
    else:
        dtype = kind.to_pandas_dtype()
    _stream(archive, name, dtype, (rows,), (_column_values(part, dtype) for part in parts()))


def _longest(column: "pa.Array") -> int:
    import pyarrow.compute as pc

    return pc.max(pc.utf8_length(column)).as_py() or 0


def _column_values(column: "pa.Array", dtype: DTypeLike) -> NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_string(column.type):
        return np.array(column.fill_null("").to_pylist(), dtype)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False).astype(dtype)
    return values
