"""Other people's trajectories as ensembles like any other.

    from tracker.imports import import_ensemble
    import_ensemble(engine, [Path("outcomes.npz")], "theirs")

One module a format, which describes its files; `FORMATS` has them by name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from tracker.ensembles import check_name
from tracker.errors import UsageError, choice_error
from tracker.imports.cartography import is_cartography, read_cartography
from tracker.imports.forgetting import read_forgetting
from tracker.imports.npz import read_npz
from tracker.imports.parquet import read_parquet
from tracker.imports.trajectories import (
    MAX_ORDINAL,
    Options,
    Trajectories,
    check_split_name,
    refuse,
    within_memory,
)
from tracker.imports.writing import Imported, Progress, check_new, write_ensemble
from tracker.sources import ImportedSource

__all__ = ["FORMATS", "Imported", "import_ensemble", "read_trajectories"]


@dataclass(frozen=True)
class Format:
    """How files of one kind are read."""

    read: Callable[[list[Path], Options], Trajectories]
    suffixes: tuple[str, ...] = ()
    one_file: bool = False


FORMATS: Mapping[str, Format] = {
    "npz": Format(read_npz, (".npz",), one_file=True),
    "parquet": Format(read_parquet, (".parquet", ".pq"), one_file=True),
    "cartography": Format(read_cartography),
    "forgetting": Format(read_forgetting, (".pkl", ".pickle")),
}
"""The formats by name."""

EXPORTED_ONLY = ("csv", "jsonl")
"""Formats that `tracker export` writes and nobody reads here."""


def choose_format(paths: Sequence[Path], name: str | None = None) -> str:
    """The format called `name`, or that of the files.

    Raises
    ------
    UsageError
        If it is unknown or cannot be told, listing the choices.
    """
    if name is not None:
        if name not in FORMATS:
            raise choice_error("format", name, FORMATS)
        return name
    if is_cartography(paths[0]):
        return "cartography"
    for form, described in FORMATS.items():
        if paths[0].suffix.lower() in described.suffixes:
            return form
    kind = paths[0].suffix.lower().removeprefix(".")
    if kind in EXPORTED_ONLY:
        raise UsageError(
            f"{paths[0].name} is {kind}, which is not imported: choose one of "
            f"{', '.join(FORMATS)} (`tracker export --format parquet` or npz can be read again)"
        )
    raise UsageError(
        f"the format of {paths[0].name} cannot be told from its name: give --format, one of "
        f"{', '.join(FORMATS)}"
    )


def read_trajectories(paths: Sequence[Path], form: str, options: Options) -> Trajectories:
    """What files of a format say, checked as far as it can be without a dataset.

    Raises
    ------
    UsageError
        If a file does not exist, is damaged, or says something impossible; what and where.
    """
    for path in paths:
        if not path.exists():
            raise UsageError(f"no file {path}")
        if path.is_dir() and form != "cartography":
            raise UsageError(f"{path} is a folder: give a file of format {form}")
    if FORMATS[form].one_file and len(paths) > 1:
        raise UsageError(f"format {form} is one file an ensemble, got {len(paths)}")
    first = options.first_evaluation
    if first is not None and not 0 <= first <= MAX_ORDINAL:
        raise UsageError(f"--first-evaluation must be from 0 to {MAX_ORDINAL}, got {first}")
    check_split_name(options.split_name, paths[0].name)
    try:
        with within_memory(paths[0].name):
            return FORMATS[form].read(list(paths), options)
    except OSError as error:
        raise refuse(paths[0].name, str(error.strerror or error)) from None


def import_ensemble(
    engine: Engine,
    paths: Sequence[Path],
    name: str,
    *,
    form: str | None = None,
    dataset: str | None = None,
    split: str | None = None,
    first_evaluation: int | None = None,
    data_folder: Path | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Import files as an ensemble called `name`, whole or not at all.

    Parameters
    ----------
    engine
        Database.
    paths
        One file; of the formats `cartography` and `forgetting`, several runs.
    form
        One of `FORMATS`; told by the name of the first file if not given.
    dataset
        Registered or known dataset that the examples are of; one of their own, called `name`, if
        not given.
    split
        Split that the examples are of; `train` if neither this nor the file says so.
    first_evaluation
        Ordinal of the first evaluation.
    data_folder
        Where the files of known datasets are.
    progress
        Called with the number of evaluations written and of all.

    Raises
    ------
    UsageError
        If the name is taken, the format unknown, or the file cannot be imported: what and where.
    DatasetMismatchError
        If its examples are not those of `dataset`.
    """
    check_name(name)
    chosen = choose_format(paths, form)
    with engine.connect() as connection:
        check_new(connection, name, dataset)
    trajectories = read_trajectories(paths, chosen, Options(split, first_evaluation))
    source = ImportedSource.of(
        paths,
        chosen,
        trajectories.splits,
        trajectories.partial,
        outputs=trajectories.all_outputs,
    )
    with within_memory(trajectories.what):
        return write_ensemble(engine, name, trajectories, source, dataset, data_folder, progress)
