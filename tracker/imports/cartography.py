"""Dataset cartography's training dynamics: `dynamics_epoch_*.jsonl` (Swayamdipta et al. 2020).

One line is one example at one epoch:

    {"guid": 17, "logits_epoch_3": [0.1, 2.5, -1.0], "gold": 1}

The files of one folder (its own, or those in its `training_dynamics`) are one run; several folders
are the runs of one ensemble. Examples stand in the order of their guids, because every epoch lists
them in the order in which it was trained on.

The evaluation's ordinal is one more than the epoch in the file's name unless asked otherwise: that
code counts from 0 and records during the pass, and evaluation 0 is the untrained network. From the
logits come the predicted class (of equals the lowest), `confidence` (the softmax probability of
the gold label) and `margin` (the gold logit minus the largest other one).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError
from tracker.imports.trajectories import (
    MAX_CLASSES,
    MAX_ORDINAL,
    Examples,
    ImportedRun,
    Options,
    Outcomes,
    Trajectories,
    first,
    refuse,
)
from tracker.sources import DYNAMICS_FILE, dynamics_files

CHUNK = 4096
"""Lines whose logits are in memory at a time."""

Guid = int | str


class Line(NamedTuple):
    """One example at one epoch."""

    number: int
    guid: Guid
    gold: int
    logits: list[float]


@dataclass(frozen=True)
class Run:
    """The files of one run by epoch, ascending."""

    name: str
    files: Mapping[int, Path]


@dataclass(frozen=True, eq=False)
class Known:
    """What every epoch of every run has to agree on."""

    index: Mapping[Guid, int]
    labels: NDArray[np.int64]
    num_classes: int


def read_cartography(paths: list[Path], options: Options) -> Trajectories:
    """The trajectories of folders, or of the files of one run.

    Raises
    ------
    UsageError
        If a line is none of that form, an epoch lacks an example or has it twice, or gold labels
        or numbers of logits differ.
    """
    runs = _find_runs(paths)
    known = _first_epoch(runs[0])
    start = min(min(run.files) for run in runs)
    shift = options.shift(start, unnumbered=start + 1)
    guids = list(known.index)
    return Trajectories(
        splits={options.split_name: Examples(len(guids), known.labels, guids)},
        num_classes=known.num_classes,
        runs=[
            ImportedRun(
                seed=seed,
                evaluations=tuple(epoch + shift for epoch in run.files),
                name=run.name if len(runs) > 1 else None,
            )
            for seed, run in enumerate(runs)
        ],
        outcomes=lambda: _outcomes(runs, known, shift),
        place=lambda _, run, example, evaluation: (
            f"{runs[run].files[evaluation - shift].name}: {guids[example]}"
        ),
        what=paths[0].name,
        has_correct=False,
        has_predicted=True,
    )


def is_cartography(path: Path) -> bool:
    """Whether it is such a file, or a folder with some."""
    return bool(dynamics_files(path)) if path.is_dir() else bool(DYNAMICS_FILE.fullmatch(path.name))


def _find_runs(paths: list[Path]) -> list[Run]:
    folders = [path for path in paths if path.is_dir()]
    if folders and len(folders) < len(paths):
        raise refuse(paths[0].name, "give folders (a run each) or the files of one run, not both")
    runs = [_run(path.resolve().name, dynamics_files(path)) for path in folders]
    return runs or [_run(paths[0].name, paths)]


def _run(name: str, files: Sequence[Path]) -> Run:
    by_epoch: dict[int, Path] = {}
    for file in files:
        match = DYNAMICS_FILE.fullmatch(file.name)
        if match is None:
            raise refuse(file.name, "the name must be dynamics_epoch_N.jsonl")
        epoch = int(match[1])
        if epoch in by_epoch:
            raise refuse(name, f"epoch {epoch} is there twice: {by_epoch[epoch].name}, {file.name}")
        if epoch > MAX_ORDINAL:
            raise refuse(file.name, f"epoch {epoch} is more than {MAX_ORDINAL}")
        by_epoch[epoch] = file
    if not by_epoch:
        raise refuse(name, "no dynamics_epoch_N.jsonl is in this folder")
    return Run(name, dict(sorted(by_epoch.items())))


def _wrong(file: Path, number: int, why: str) -> UsageError:
    return refuse(file.name, f"line {number} {why}")


def _lines(file: Path, epoch: int) -> Iterator[Line]:
    field = f"logits_epoch_{epoch}"
    try:
        with file.open("rb") as stream:
            for number, text in enumerate(stream, 1):
                if text.strip():
                    yield _parse(file, number, text, field)
    except OSError as error:
        raise refuse(file.name, str(error.strerror or error)) from None


def _parse(file: Path, number: int, text: bytes, field: str) -> Line:
    try:
        record: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(file, number, f"is no JSON ({error})") from None
    if not isinstance(record, dict) or not {"guid", "gold", field} <= record.keys():
        has = ", ".join(record) if isinstance(record, dict) else type(record).__name__
        raise _wrong(file, number, f"must have guid, {field} and gold, has {has}")
    guid, gold, logits = record["guid"], record["gold"], record[field]
    if isinstance(guid, bool) or not isinstance(guid, int | str):
        raise _wrong(file, number, f"has the guid {guid!r}, neither integer nor string")
    if isinstance(gold, bool) or not isinstance(gold, int) or gold < 0:
        raise _wrong(file, number, f"has the gold label {gold!r}, not a class from 0 on")
    if not isinstance(logits, list) or not gold < len(logits) <= MAX_CLASSES:
        raise _wrong(file, number, f"has no list of logits in {field} with one for gold {gold}")
    return Line(number, guid, gold, logits)


def _first_epoch(run: Run) -> Known:
    epoch, file = next(iter(run.files.items()))
    golds: dict[Guid, int] = {}
    num_classes = 0
    for line in _lines(file, epoch):
        if line.guid in golds:
            raise _wrong(file, line.number, f"has the guid {line.guid!r}, as a line before it")
        golds[line.guid] = line.gold
        num_classes = num_classes or len(line.logits)
    if not golds:
        raise refuse(file.name, "it is empty")
    guids = sorted(golds, key=_order)
    labels = np.array([golds[guid] for guid in guids], dtype=np.int64)
    return Known({guid: index for index, guid in enumerate(guids)}, labels, num_classes)


def _order(guid: Guid) -> tuple[bool, int, str]:
    """Numbers in their order, also those written as strings, and before all others."""
    text = str(guid)
    number = text.isascii() and text.isdigit() and len(text) < 20
    return (not number, int(text) if number else 0, text)


def _outcomes(runs: list[Run], known: Known, shift: int) -> Iterator[Outcomes]:
    for number, run in enumerate(runs):
        for epoch, file in run.files.items():
            yield _evaluation(number, epoch + shift, file, _lines(file, epoch), known)


def _evaluation(
    run: int, evaluation: int, file: Path, lines: Iterator[Line], known: Known
) -> Outcomes:
    size = len(known.labels)
    predicted = np.full(size, -1, dtype=np.int32)
    confidence, margin = np.empty(size, np.float32), np.empty(size, np.float32)
    chunk: list[Line] = []

    def take() -> None:
        places = _places(file, chunk, known, predicted)
        logits = _logits(file, chunk, known)
        predicted[places], confidence[places], margin[places] = score(logits, known.labels[places])
        chunk.clear()

    for line in lines:
        chunk.append(line)
        if len(chunk) == CHUNK:
            take()
    if chunk:
        take()
    if (predicted < 0).any():
        (missing,) = first(predicted < 0)
        raise refuse(file.name, f"guid {list(known.index)[missing]!r} is missing")
    signals = {"confidence": confidence, "margin": margin}
    return Outcomes(run, evaluation, None, predicted, signals)


def _places(
    file: Path, lines: Sequence[Line], known: Known, predicted: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Index of each line's example, after checking that it is there once and of its class."""
    seen: set[int] = set()
    for line in lines:
        place = known.index.get(line.guid)
        if place is None:
            why = f"has the guid {line.guid!r}, which the first epoch has not"
            raise _wrong(file, line.number, why)
        if predicted[place] >= 0 or place in seen:
            raise _wrong(file, line.number, f"has the guid {line.guid!r}, as a line before it")
        if line.gold != known.labels[place]:
            why = f"has the gold label {line.gold}, the first epoch has {known.labels[place]}"
            raise _wrong(file, line.number, why)
        seen.add(place)
    return np.array([known.index[line.guid] for line in lines])


def _logits(file: Path, lines: Sequence[Line], known: Known) -> NDArray[np.float64]:
    for line in lines:
        if len(line.logits) != known.num_classes:
            why = f"has {len(line.logits)} logits, the first line has {known.num_classes}"
            raise _wrong(file, line.number, why)
    try:
        logits = np.array([line.logits for line in lines])
    except ValueError:  # a list among the numbers
        logits = np.empty(0, dtype=object)
    if logits.dtype.kind not in "iuf":
        odd = (line for line in lines if not all(map(_is_number, line.logits)))
        raise _wrong(file, next(odd, lines[0]).number, "has a logit that is no number")
    # In single precision these would no longer be numbers.
    large = ~(np.abs(logits) < np.finfo(np.float32).max / 2)
    if large.any():
        place, logit = first(large)
        raise _wrong(file, lines[place].number, f"has the logit {logits[place, logit]}")
    return logits.astype(np.float64)


def _is_number(value: object) -> bool:
    # JSON has integers of any size.
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)


def score(
    logits: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Predicted class, confidence and margin [N] of logits [N, K] and labels [N].

    The margin of the only class there is, is its logit.
    """
    rows = np.arange(len(logits))
    gold = logits[rows, labels]
    predicted = logits.argmax(axis=1)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = shifted[rows, labels] / shifted.sum(axis=1)
    others = logits.copy()
    others[rows, labels] = -np.inf
    largest = others.max(axis=1)
    return predicted, confidence, gold - np.where(np.isfinite(largest), largest, 0.0)
