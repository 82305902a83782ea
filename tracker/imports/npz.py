"""NumPy archives: `correct` or `predicted` of runs x examples x evaluations.

Arrays
------
correct : bool or 0/1 [R, X, E]
predicted : class indices [R, X, E]
    One of the two; both must agree with `label`. [R, X] is one evaluation.
label : class indices [X], optional
margin, confidence, loss, el2n, output_margin, input_margin : [R, X, E], optional
    An evaluation at which all examples have NaN has not recorded it.
outputs : probabilities [R, X, K], optional
    Softmax outputs at the last evaluation; NaN for all classes where a run has diverged.
has_outputs : bool or 0/1 [R], optional
    Which runs have recorded their outputs; all if not given.
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

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.imports.npz_archive import (
    Member,
    check_names,
    integers,
    names_of,
    read_members,
    vector,
)
from tracker.imports.npz_runs import OUTCOMES, find_told, outcomes, survey
from tracker.imports.trajectories import (
    MAX_ORDINAL,
    MAX_SEED,
    Examples,
    ImportedRun,
    Options,
    Trajectories,
    at,
    check_split_name,
    first,
    refuse,
    trainable,
)
from tracker.imports.values import as_classes, as_held_out, first_double
from tracker.outcomes.outputs import HAS_OUTPUTS
from tracker.outcomes.signals import ALL_SIGNALS, OUTPUTS

EXAMPLE_IDS = ("example", "stimulus", "position")
RUN_IDS = "observer"
KNOWN = (
    *(*OUTCOMES, *ALL_SIGNALS, OUTPUTS, HAS_OUTPUTS, *EXAMPLE_IDS, RUN_IDS),
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
    told = find_told(file, members, ignored)
    runs, examples, evaluations = told.shape
    label = vector(members, "label", examples)
    labels = None if label is None else _labels(label)
    ordinals = _ordinals(members, file, evaluations, options)
    seeds = _seeds(members, runs)
    names = names_of(vector(members, RUN_IDS, runs))
    labels, num_classes, partial = survey(told, labels)
    splits = _splits(members, examples, labels, options)
    return Trajectories(
        splits=splits,
        num_classes=num_classes,
        runs=[
            ImportedRun(seeds[run], ordinals, None if names is None else str(names[run]))
            for run in range(runs)
        ],
        outcomes=lambda: outcomes(told, ordinals),
        place=lambda name, run, example, evaluation: at(
            name, (run, example, ordinals.index(evaluation))[: len(told.histories[name].shape)]
        ),
        what=file.name,
        has_correct="correct" in told.histories,
        has_predicted="predicted" in told.histories,
        partial=partial,
        ignored=[name for name in ignored if name not in UNNEEDED],
        held_out=_held_out(members, runs, splits),
        output_classes=told.classes,
        all_outputs=bool(told.outputs and told.with_outputs.all()),
    )


def _ordinals(
    members: Mapping[str, Member], file: Path, evaluations: int, options: Options
) -> tuple[int, ...]:
    member = vector(members, "evaluation", evaluations)
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
    member = vector(members, "seed", runs)
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
    named = vector(members, "split", examples)
    ids = next((members[name] for name in EXAMPLE_IDS if name in members), None)
    splits = {}
    for split, part in _ranges(named, examples, options).items():
        names = None if ids is None else names_of(vector(members, ids.name, examples), part)
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
    labels = as_classes(member.whole(), member.refusal()).astype(np.int64)
    labels.flags.writeable = False
    return labels
