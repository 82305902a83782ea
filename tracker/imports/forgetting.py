"""The example-forgetting code's statistics: `*__stats_dict.pkl` (Toneva et al. 2019).

One file is one run: a dict from the example's index in the training set to three lists of equal
length, one entry for every presentation of the example: loss, right (0 or 1), margin. The keys
`train` and `test` hold curves and are left out. Several files are the runs of one ensemble.

Presentations are numbered from 1 unless asked otherwise. Examples stand in the order of their
indices; classes are not told.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError
from tracker.imports.pickles import as_list, count_of, load_numbers
from tracker.imports.trajectories import (
    Examples,
    ImportedRun,
    Options,
    Outcomes,
    Trajectories,
    refuse,
)
from tracker.imports.values import as_correct, as_signal

CURVES = ("train", "test")
LISTS = ("loss", "correct", "margin")


def read_forgetting(paths: list[Path], options: Options) -> Trajectories:
    """The trajectories of one run a file.

    Raises
    ------
    UsageError
        If a file has another form, or examples or presentations differ between files.
    """
    # One file at a time, twice: a run of Python numbers is large.
    indices: list[int] = []
    lengths = []
    for file in paths:
        found, values = _read(file)
        if indices and found != indices:
            other = next(iter(sorted(set(found) ^ set(indices))))
            raise refuse(file.name, f"example {other} is not in every file")
        indices = found
        lengths.append(values["correct"].shape[1])
    start = options.shift(0, unnumbered=1)
    return Trajectories(
        splits={options.split_name: Examples(len(indices), None, indices)},
        num_classes=0,
        runs=[
            ImportedRun(
                seed=run,
                evaluations=tuple(range(start, start + length)),
                name=file.name if len(paths) > 1 else None,
            )
            for run, (file, length) in enumerate(zip(paths, lengths, strict=True))
        ],
        outcomes=lambda: _outcomes(paths, start),
        place=lambda _, run, example, evaluation: (
            f"{paths[run].name}: example {indices[example]}, presentation {evaluation - start + 1}"
        ),
        what=paths[0].name,
        has_correct=True,
        has_predicted=False,
    )


def _outcomes(paths: list[Path], start: int) -> Iterator[Outcomes]:
    for run, file in enumerate(paths):
        _, values = _read(file)
        turned = {name: np.ascontiguousarray(part.T) for name, part in values.items()}
        for evaluation, correct in enumerate(turned["correct"]):
            yield Outcomes(
                run=run,
                evaluation=start + evaluation,
                correct=correct,
                predicted=None,
                signals={name: turned[name][evaluation] for name in ("loss", "margin")},
            )


def _read(file: Path) -> tuple[list[int], dict[str, NDArray[Any]]]:
    """Indices, ascending, and loss, correct and margin [X, E] in their order."""
    stored = load_numbers(file)
    if not isinstance(stored, dict):
        raise refuse(file.name, f"it holds a {type(stored).__name__}, not a dict of examples")
    indices = []
    for key in stored:
        if isinstance(key, int) and not isinstance(key, bool) and key >= 0:
            indices.append(key)
        elif key not in CURVES:
            raise refuse(
                file.name,
                f"its key {key!r} is no index of an example: the statistics of training "
                "(*__stats_dict.pkl) are needed, not what was made from them",
            )
    if not indices:
        raise refuse(file.name, "it has no examples")
    indices.sort()
    _check_shared(file, [stored[index] for index in indices])
    lists = [_lists(file, index, stored[index]) for index in indices]
    presentations = len(lists[0][0])
    values = {}
    for place, name in enumerate(LISTS):
        for index, three in zip(indices, lists, strict=True):
            if len(three[place]) != presentations or not presentations:
                raise refuse(
                    file.name,
                    f"example {index} has {len(three[place])} presentations ({name}), example "
                    f"{indices[0]} has {presentations}",
                )
        values[name] = _checked(file, name, [three[place] for three in lists], indices)
    return indices, values


def _check_shared(file: Path, entries: Iterable[object]) -> None:
    """Refuse one list for many examples: written once, it would be read as often as it is named."""
    numbers = 0
    for entry in entries:
        if isinstance(entry, list | tuple):
            numbers += sum(map(count_of, entry))
    if numbers > (size := file.stat().st_size):
        raise refuse(file.name, f"it says {numbers:,} numbers in {size:,} bytes: of one list in "
                                "many places")  # fmt: skip


def _lists(file: Path, index: int, entry: object) -> list[list[Any]]:
    try:
        three = [as_list(part) for part in entry]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        three = []
    if len(three) != len(LISTS):
        raise refuse(file.name, f"example {index} has not three lists: loss, right, margin")
    return three


def _checked(file: Path, name: str, rows: list[list[Any]], indices: list[int]) -> NDArray[Any]:
    def refusal(place: tuple[int, ...], why: str) -> UsageError:
        example, presentation = place
        which = f"{name} of example {indices[example]}, presentation {presentation + 1}"
        return refuse(file.name, f"{which}, {why}")

    # Before an array is made: lists within the lists, all of them the same one, have no end.
    plain = all(set(map(type, row)) <= {int, float, bool} for row in rows)
    array = np.array(rows) if plain else np.empty(0)
    if array.dtype.kind not in "biuf" or array.ndim != 2:
        raise refuse(file.name, f"{name} holds something that is no number")
    if name == "correct":
        return as_correct(array, refusal)
    return as_signal(name, array, refusal)
