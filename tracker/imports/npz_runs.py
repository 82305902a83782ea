"""What the runs of an npz archive say: its arrays by run, checked, and read a run at a time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.imports.npz_archive import MAX_BYTES, Member, vector
from tracker.imports.trajectories import (
    MAX_CLASSES,
    MAX_EXAMPLES,
    MAX_ORDINAL,
    UNKNOWN,
    Outcomes,
    first,
    refuse,
)
from tracker.imports.values import (
    UNRECORDED,
    Refusal,
    as_classes,
    as_correct,
    as_outputs,
    as_signal,
    as_truth,
)
from tracker.outcomes.outputs import HAS_OUTPUTS, exceeded
from tracker.outcomes.signals import ALL_SIGNALS, OUTPUTS

MAX_RUNS = 1_000_000
OUTCOMES = ("correct", "predicted")


@dataclass(frozen=True, eq=False)
class Told:
    """The arrays that say something of each run, none read yet."""

    histories: Mapping[str, Member]
    """Right and wrong, predicted classes, signals: [R, X, E], or [R, X], each by name."""
    outputs: Member | None
    """Final softmax outputs [R, X, K]."""
    with_outputs: NDArray[np.bool_]
    """Which runs have recorded theirs [R]."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Runs, examples, evaluations."""
        return next(iter(self.histories.values())).runs

    @property
    def classes(self) -> int | None:
        """K: classes of the outputs, where a run has any."""
        return int(self.outputs.shape[2]) if self.outputs and self.with_outputs.any() else None

    def by_run(self) -> Iterator[dict[str, NDArray[Any]]]:
        """All arrays of each run, checked: [X, E] each, and its outputs [X, K]."""
        members = {**self.histories, **({OUTPUTS: self.outputs} if self.outputs else {})}
        with ExitStack() as stack:
            streams = {}
            for name, member in members.items():
                streams[name] = member.by_run()
                stack.callback(streams[name].close)  # type: ignore[attr-defined]
            for run in range(self.shape[0]):
                parts = {name: next(stream) for name, stream in streams.items()}
                if not self.with_outputs[run]:
                    parts.pop(OUTPUTS, None)
                yield _checked(parts, {name: members[name].refusal(run) for name in parts})
            # The end of the arrays is checked too.
            for stream in streams.values():
                next(stream, None)


def find_told(file: Path, members: Mapping[str, Member], ignored: Sequence[str]) -> Told:
    """The arrays of an archive that say something of each run.

    Raises
    ------
    UsageError
        If there is neither `correct` nor `predicted`, or one has another shape than the others.
    """
    histories = {name: members[name] for name in (*OUTCOMES, *ALL_SIGNALS) if name in members}
    leading = next((histories[name] for name in OUTCOMES if name in histories), None)
    if leading is None:
        others = f"; it has {', '.join(ignored)}" if ignored else ""
        raise refuse(file.name, f"it has neither an array correct nor an array predicted{others}")
    for member in histories.values():
        if len(member.shape) not in (2, 3):
            raise refuse(
                file.name,
                f"array {member.name} must be runs x examples x evaluations (or runs x examples), "
                f"got shape {member.shape}",
            )
        _check_numeric(member)
        if member.shape != leading.shape:
            raise refuse(
                file.name,
                f"array {member.name} has shape {member.shape}, {leading.name} {leading.shape}",
            )
    if 0 in leading.shape:
        raise refuse(file.name, f"array {leading.name} is empty: shape {leading.shape}")
    outputs = members.get(OUTPUTS)
    if outputs is not None:
        _check_shape_of_outputs(outputs, leading)
    _check_room(file, [*histories.values(), *([outputs] if outputs else [])], leading)
    return Told(histories, outputs, _with_outputs(members, outputs, leading.runs[0]))


def _check_numeric(member: Member) -> None:
    if member.dtype.kind not in "biuf":
        raise refuse(member.file.name, f"array {member.name} holds {member.dtype}, not numbers")


def _check_shape_of_outputs(outputs: Member, leading: Member) -> None:
    _check_numeric(outputs)
    runs, examples, _ = leading.runs
    if len(outputs.shape) != 3 or outputs.shape[:2] != (runs, examples):
        raise refuse(
            outputs.file.name,
            f"array {OUTPUTS} must be runs x examples x classes, ({runs}, {examples}, classes), "
            f"got shape {outputs.shape}",
        )
    if not 0 < outputs.shape[2] <= MAX_CLASSES:
        raise refuse(
            outputs.file.name,
            f"array {OUTPUTS} is of {outputs.shape[2]:,} classes: from 1 to {MAX_CLASSES:,} are "
            "read",
        )


def _with_outputs(
    members: Mapping[str, Member], outputs: Member | None, runs: int
) -> NDArray[np.bool_]:
    member = vector(members, HAS_OUTPUTS, runs)
    if member is None:
        return np.full(runs, outputs is not None)
    if outputs is None:
        raise refuse(member.file.name, f"it has an array {HAS_OUTPUTS}, but no array {OUTPUTS}")
    _check_numeric(member)
    return as_truth(member.whole(), member.refusal(), "none recorded", "recorded")


def _check_room(file: Path, told: Sequence[Member], leading: Member) -> None:
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
    needed = sum(examples * member.runs[2] * member.dtype.itemsize for member in told)
    if needed > MAX_BYTES:
        names = ", ".join(member.name for member in told)
        raise refuse(
            file.name, f"one run of {names} is {needed:,} bytes: at most {MAX_BYTES:,} "
                       "are read, split the file by its examples"
        )  # fmt: skip


def survey(
    told: Told, labels: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64] | None, int, list[str]]:
    """Check every value; the labels that are told or follow, the number of classes, and the
    signals that are recorded at some evaluations only.

    A class that is predicted and right is the label.
    """
    most = UNKNOWN if labels is None else int(labels.max())
    partial = set()
    inferred = None
    if labels is None and len(told.histories.keys() & set(OUTCOMES)) == len(OUTCOMES):
        inferred = np.full(told.shape[1], UNKNOWN, dtype=np.int64)
    for run, parts in enumerate(told.by_run()):
        if "predicted" in parts:
            most = max(most, int(parts["predicted"].max()))
        partial |= {n for n in parts if n in ALL_SIGNALS and (parts[n][0] == UNRECORDED).any()}
        if inferred is not None:
            _infer(inferred, parts, told.histories["predicted"].refusal(run))
    if inferred is not None:
        inferred.flags.writeable = False
        labels = inferred
    return labels, max(most + 1, told.classes or 0), sorted(partial)


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


def _checked(
    parts: Mapping[str, NDArray[Any]], refusals: Mapping[str, Refusal]
) -> dict[str, NDArray[Any]]:
    checked = {name: _values(name, part, refusals[name]) for name, part in parts.items()}
    if OUTPUTS in checked and "predicted" in checked:
        final = checked["predicted"][:, -1]
        other = exceeded(checked[OUTPUTS], final)
        if other.any():
            (example,) = first(other)
            largest = int(checked[OUTPUTS][example].argmax())
            raise refusals[OUTPUTS](
                (example, largest), f"is the largest, but the predicted class is {final[example]}"
            )
    return checked


def _values(name: str, values: NDArray[Any], refusal: Refusal) -> NDArray[Any]:
    if name == "correct":
        return as_correct(values, refusal)
    if name == "predicted":
        return as_classes(values, refusal)
    if name == OUTPUTS:
        return as_outputs(values, refusal)
    unrecorded = np.isnan(values).all(axis=0)
    return as_signal(name, values, refusal, unrecorded if unrecorded.any() else None)


def outcomes(told: Told, ordinals: Sequence[int]) -> Iterator[Outcomes]:
    """What the archive says, run after run, each with its evaluations in order."""
    for run, parts in enumerate(told.by_run()):
        outputs = parts.pop(OUTPUTS, None)
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
                outputs=outputs if ordinal == ordinals[-1] else None,
            )
