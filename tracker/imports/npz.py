"""NumPy archives: `correct` or `predicted` of runs x examples x evaluations.

Arrays
------
correct : bool or 0/1 [R, X, E]
predicted : class indices [R, X, E]
    One of the two; both must agree with `label`. [R, X] is one evaluation.
label : class indices [X], optional
margin, confidence, loss, el2n, output_margin, input_margin : [R, X, E], optional
    An evaluation at which all examples have NaN has not recorded it.
example or stimulus : integers or strings [X], optional
    What the examples are called.
observer : integers or strings [R], optional
    What the runs are called.
held_out : bool or 0/1 [R, X], optional
    What each run did not train on; of splits other than train everything.
seed [R], evaluation [E], split [X], position [X] : optional, as `tracker export` writes them
    Seeds of the runs, ordinals, and where the examples stand.

The first evaluation is number 1 unless the file or the user says otherwise: the papers count
evaluations after training, and 0 is the untrained network.

At most `MAX_RUNS` runs of `MAX_EXAMPLES` examples, and `MAX_BYTES` of one run, are read.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.imports.npz_archive import (
    MAX_BYTES,
    Member,
    check_names,
    integers,
    names_of,
    read_members,
)
from tracker.imports.trajectories import (
    MAX_EXAMPLES,
    MAX_ORDINAL,
    MAX_SEED,
    UNKNOWN,
    Examples,
    ImportedRun,
    Options,
    Outcomes,
    Trajectories,
    at,
    check_split_name,
    first,
    refuse,
    trainable,
)
from tracker.imports.values import (
    UNRECORDED,
    Refusal,
    as_classes,
    as_correct,
    as_held_out,
    as_signal,
    first_double,
)
from tracker.outcomes.signals import ALL_SIGNALS

MAX_RUNS = 1_000_000
OUTCOMES = ("correct", "predicted")
EXAMPLE_IDS = ("example", "stimulus", "position")
RUN_IDS = "observer"
KNOWN = (
    *(*OUTCOMES, *ALL_SIGNALS, *EXAMPLE_IDS, RUN_IDS),
    *("label", "held_out", "seed", "evaluation", "split"),
)
UNNEEDED = ("metadata", "example_id")
"""Parts of an export that follow from the others."""


def read_npz(paths: list[Path], options: Options) -> Trajectories:
    """The trajectories of one archive; see the module for its arrays.

    Raises
    ------
    UsageError
        If an array is missing, has another shape or an impossible value; the first is named.
    """
    (file,) = paths
    members, ignored = read_members(file, KNOWN)
    told = {name: members[name] for name in (*OUTCOMES, *ALL_SIGNALS) if name in members}
    runs, examples, evaluations = _check_shapes(file, told, ignored)
    label = _vector(members, "label", examples)
    labels = None if label is None else _labels(label)
    ordinals = _ordinals(members, file, evaluations, options)
    seeds = _seeds(members, runs)
    names = names_of(_vector(members, RUN_IDS, runs))
    labels, num_classes, partial = _survey(told, labels, examples)
    splits = _splits(members, examples, labels, options)
    return Trajectories(
        splits=splits,
        num_classes=num_classes,
        runs=[
            ImportedRun(seeds[run], ordinals, None if names is None else str(names[run]))
            for run in range(runs)
        ],
        outcomes=lambda: _outcomes(told, ordinals),
        place=lambda name, run, example, evaluation: at(
            name, (run, example, ordinals.index(evaluation))[: len(told[name].shape)]
        ),
        what=file.name,
        has_correct="correct" in told,
        has_predicted="predicted" in told,
        partial=partial,
        ignored=[name for name in ignored if name not in UNNEEDED],
        held_out=_held_out(members, runs, splits),
    )


def _ordinals(
    members: Mapping[str, Member], file: Path, evaluations: int, options: Options
) -> tuple[int, ...]:
    member = _vector(members, "evaluation", evaluations)
    if member is None:
        start = options.shift(0, unnumbered=1)
        ordinals = tuple(range(start, start + evaluations))
    else:
        told = integers(member, MAX_ORDINAL)
        if (np.diff(told) <= 0).any():
            place = int((np.diff(told) <= 0).argmax()) + 1
            raise member.refusal()((place,), f"is {told[place]}, not more than the one before it")
        ordinals = tuple((told + options.shift(int(told[0]))).tolist())
    if ordinals[-1] > MAX_ORDINAL:
        raise refuse(file.name, f"an evaluation would be numbered {ordinals[-1]}: more than "
                                f"{MAX_ORDINAL}")  # fmt: skip
    return ordinals


def _seeds(members: Mapping[str, Member], runs: int) -> list[int]:
    member = _vector(members, "seed", runs)
    if member is None:
        return list(range(runs))
    seeds: list[int] = integers(member, MAX_SEED).tolist()
    double = first_double(seeds)
    if double is not None:
        raise member.refusal()((double,), f"is {seeds[double]}, as one before it")
    return seeds


def _splits(
    members: Mapping[str, Member], examples: int, labels: NDArray[np.int64] | None, options: Options
) -> dict[str, Examples]:
    """The examples, split where the file says so."""
    named = _vector(members, "split", examples)
    ids = next((members[name] for name in EXAMPLE_IDS if name in members), None)
    splits = {}
    for split, part in _ranges(named, examples, options).items():
        names = None if ids is None else names_of(_vector(members, ids.name, examples), part)
        if names and ids and ids.name == "position" and names == list(range(len(names))):
            names = None
        told = None if labels is None else labels[part]
        splits[split] = Examples(part.stop - part.start, told, names)
    return splits


def _ranges(member: Member | None, examples: int, options: Options) -> dict[str, slice]:
    if member is None:
        return {options.split_name: slice(0, examples)}
    if options.split is not None:
        raise refuse(
            member.file.name, f"its array split names its splits: leave out {options.split!r}"
        )
    if member.dtype.kind != "U":
        raise refuse(member.file.name, f"array split holds {member.dtype}, not strings")
    check_names(member)
    names = member.whole()
    starts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), examples]
    ranges: dict[str, slice] = {}
    for start, stop in pairwise(starts):
        name = check_split_name(str(names[start]), member.file.name)
        if name in ranges:
            raise member.refusal()((start,), f"is {name!r} again: a split must be in one piece")
        ranges[name] = slice(start, stop)
    return ranges


def _check_shapes(
    file: Path, told: Mapping[str, Member], ignored: list[str]
) -> tuple[int, int, int]:
    leading = next((told[name] for name in OUTCOMES if name in told), None)
    if leading is None:
        others = f"; it has {', '.join(ignored)}" if ignored else ""
        raise refuse(file.name, f"it has neither an array correct nor an array predicted{others}")
    for member in told.values():
        if len(member.shape) not in (2, 3):
            raise refuse(
                file.name,
                f"array {member.name} must be runs x examples x evaluations (or runs x examples), "
                f"got shape {member.shape}",
            )
        if member.dtype.kind not in "biuf":
            raise refuse(file.name, f"array {member.name} holds {member.dtype}, not numbers")
        if member.shape != leading.shape:
            raise refuse(
                file.name,
                f"array {member.name} has shape {member.shape}, {leading.name} {leading.shape}",
            )
    if 0 in leading.shape:
        raise refuse(file.name, f"array {leading.name} is empty: shape {leading.shape}")
    _check_room(file, told, leading)
    return leading.runs


def _check_room(file: Path, told: Mapping[str, Member], leading: Member) -> None:
    """Refuse what no memory would hold: zeros by the million are a few bytes in the file."""
    runs, examples, evaluations = leading.runs
    for count, most, noun in (
        (runs, MAX_RUNS, "runs"),
        (examples, MAX_EXAMPLES, "examples"),
        (evaluations, MAX_ORDINAL + 1, "evaluations"),
    ):
        if count > most:
            raise refuse(
                file.name, f"array {leading.name} has {count:,} {noun}: at most {most:,} are read"
            )
    needed = examples * evaluations * sum(member.dtype.itemsize for member in told.values())
    if needed > MAX_BYTES:
        raise refuse(
            file.name, f"one run of {', '.join(told)} is {needed:,} bytes: at most {MAX_BYTES:,} "
                       "are read, split the file by its examples"
        )  # fmt: skip


def _vector(members: Mapping[str, Member], name: str, size: int) -> Member | None:
    member = members.get(name)
    if member is not None and member.shape != (size,):
        raise refuse(
            member.file.name, f"array {name} must have shape ({size},), got {member.shape}"
        )
    return member


def _held_out(
    members: Mapping[str, Member], runs: int, splits: Mapping[str, Examples]
) -> NDArray[np.bool_] | None:
    member = members.get("held_out")
    if member is None:
        return None
    may_train = trainable(splits)
    if member.shape != (runs, len(may_train)):
        raise refuse(
            member.file.name,
            f"array held_out must have shape {(runs, len(may_train))}, got {member.shape}",
        )
    if member.dtype.kind not in "biuf":
        raise refuse(member.file.name, f"array held_out holds {member.dtype}, not 0 and 1")
    values = as_held_out(member.whole(), member.refusal())
    trained = ~values & ~may_train
    if trained.any():
        raise member.refusal()(
            first(trained), "is 0, but runs hold out all examples of splits other than train"
        )
    return values


def _labels(member: Member) -> NDArray[np.int64]:
    if member.dtype.kind not in "biuf":
        raise refuse(member.file.name, f"array {member.name} holds {member.dtype}, not numbers")
    return _read_only(as_classes(member.whole(), member.refusal()).astype(np.int64))


def _survey(
    told: Mapping[str, Member], labels: NDArray[np.int64] | None, examples: int
) -> tuple[NDArray[np.int64] | None, int, list[str]]:
    """Check every value; the labels that are told or follow, the number of classes, and the
    signals that are recorded at some evaluations only.

    A class that is predicted and right is the label.
    """
    most = UNKNOWN if labels is None else int(labels.max())
    partial = set()
    inferred = None
    if labels is None and len(told.keys() & set(OUTCOMES)) == len(OUTCOMES):
        inferred = np.full(examples, UNKNOWN, dtype=np.int64)
    for run, parts in enumerate(_by_run(told)):
        if "predicted" in parts:
            most = max(most, int(parts["predicted"].max()))
        partial |= {n for n in told if n in ALL_SIGNALS and (parts[n][0] == UNRECORDED).any()}
        if inferred is not None:
            _infer(inferred, parts, told["predicted"].refusal(run))
    return (labels if inferred is None else _read_only(inferred)), most + 1, sorted(partial)


def _infer(
    inferred: NDArray[np.int64], parts: Mapping[str, NDArray[Any]], refusal: Refusal
) -> None:
    for evaluation in range(parts["correct"].shape[1]):
        right = np.flatnonzero(parts["correct"][:, evaluation])
        classes = parts["predicted"][right, evaluation]
        other = (inferred[right] != UNKNOWN) & (inferred[right] != classes)
        if other.any():
            example = int(right[other.argmax()])
            raise refusal(
                (example, evaluation),
                f"is {int(classes[other.argmax()])} and right, but {inferred[example]} was right "
                "before",
            )
        inferred[right] = classes


def _by_run(told: Mapping[str, Member]) -> Iterator[dict[str, NDArray[Any]]]:
    """All arrays of each run, [X, E], checked."""
    with ExitStack() as stack:
        streams = {}
        for name, member in told.items():
            streams[name] = member.by_run()
            stack.callback(streams[name].close)  # type: ignore[attr-defined]
        for run in range(next(iter(told.values())).runs[0]):
            yield {
                name: _checked(name, next(stream), told[name].refusal(run))
                for name, stream in streams.items()
            }
        # The end of the arrays is checked too.
        for stream in streams.values():
            next(stream, None)


def _checked(name: str, values: NDArray[Any], refusal: Refusal) -> NDArray[Any]:
    if name == "correct":
        return as_correct(values, refusal)
    if name == "predicted":
        return as_classes(values, refusal)
    unrecorded = np.isnan(values).all(axis=0)
    return as_signal(name, values, refusal, unrecorded if unrecorded.any() else None)


def _outcomes(told: Mapping[str, Member], ordinals: Sequence[int]) -> Iterator[Outcomes]:
    for run, parts in enumerate(_by_run(told)):
        # One copy makes the examples of an evaluation neighbours.
        turned = {name: np.ascontiguousarray(part.T) for name, part in parts.items()}
        for evaluation, ordinal in enumerate(ordinals):
            correct, predicted = turned.get("correct"), turned.get("predicted")
            yield Outcomes(
                run=run,
                evaluation=ordinal,
                correct=None if correct is None else correct[evaluation],
                predicted=None if predicted is None else predicted[evaluation],
                signals={
                    name: turned[name][evaluation]
                    for name in ALL_SIGNALS
                    if name in turned and turned[name][evaluation][0] != UNRECORDED
                },
            )


def _read_only(values: NDArray[np.int64]) -> NDArray[np.int64]:
    values.flags.writeable = False
    return values
