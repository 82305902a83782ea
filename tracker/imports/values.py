"""Numbers of a file, checked: right and wrong, classes, signals, outputs, names."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError
from tracker.imports.trajectories import MAX_CLASSES, first
from tracker.outcomes.outputs import far_from_1
from tracker.outcomes.signals import LAST_SIGNALS

Refusal = Callable[[tuple[int, ...], str], UsageError]
"""Makes the error for the element at an index, from what is wrong with it."""

LARGEST = float(np.finfo(np.float32).max)

UNRECORDED = np.float32(-np.inf)
"""Stands for a signal where it is not recorded: as a signal it is refused."""


def as_correct(values: NDArray[Any], refusal: Refusal) -> NDArray[np.bool_]:
    """Right and wrong from booleans, or from numbers that are 0 or 1."""
    return as_truth(values, refusal, "wrong", "right")


def as_held_out(values: NDArray[Any], refusal: Refusal) -> NDArray[np.bool_]:
    """Held out or trained on from booleans, or from numbers that are 1 or 0."""
    return as_truth(values, refusal, "trained on", "held out")


def as_truth(values: NDArray[Any], refusal: Refusal, zero: str, one: str) -> NDArray[np.bool_]:
    """Booleans, or numbers that are 0, which means `zero`, or 1, which means `one`."""
    if values.dtype == np.bool_:
        return values
    wrong = ~((values == 0) | (values == 1))
    if wrong.any():
        place = first(wrong)
        raise refusal(place, f"is {values[place]}, neither 0 ({zero}) nor 1 ({one})")
    return np.asarray(values == 1)


def as_classes(values: NDArray[Any], refusal: Refusal) -> NDArray[np.integer]:
    """Class indices from integers, booleans, or floats without a fraction."""
    with np.errstate(invalid="ignore"):
        wrong = ~((values >= 0) & (values < MAX_CLASSES))
        if values.dtype.kind == "f":
            wrong |= values != np.floor(values)
    if wrong.any():
        place = first(wrong)
        raise refusal(place, f"is {values[place]}, not a class from 0 to {MAX_CLASSES - 1}")
    return values if values.dtype.kind in "iu" else values.astype(np.int32)


def as_signal(
    name: str,
    values: NDArray[Any],
    refusal: Refusal,
    unrecorded: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """A signal in single precision; finite, and a confidence a probability.

    Where it is `unrecorded`, of a shape that broadcasts to that of `values`, it is `UNRECORDED`.
    Distances (`LAST_SIGNALS`) may be infinite, and NaN where there is none.
    """
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(values) <= LARGEST)
        if name in LAST_SIGNALS:
            wrong &= ~(np.isnan(values) | (values == np.inf))
    if unrecorded is not None:
        wrong &= ~unrecorded
    if wrong.any():
        place = first(wrong)
        raise refusal(place, f"is {values[place]}: a signal must be finite")
    if name == "confidence":
        # Softmax in single precision may exceed 1 by its last bits.
        wrong = (values < -1e-6) | (values > 1 + 1e-6)
        if wrong.any():
            place = first(wrong)
            raise refusal(place, f"is {values[place]}, not a probability")
    checked = values.astype(np.float32)
    return checked if unrecorded is None else np.where(unrecorded, UNRECORDED, checked)


def as_outputs(values: NDArray[Any], refusal: Refusal) -> NDArray[np.float32]:
    """Softmax outputs [X, K] in single precision: probabilities of each example, or NaN alone."""
    with np.errstate(over="ignore", invalid="ignore"):
        outputs = values.astype(np.float32)
        wrong = far_from_1(outputs)
    if wrong.any():
        (example,) = first(wrong)
        got = _no_probability(outputs[example])
        raise refusal(
            (example,), f"is no probability a class: from 0 on, with the sum 1, got {got}"
        )
    return outputs


def _no_probability(outputs: NDArray[np.float32]) -> str:
    """Why these of one example [K] are none."""
    if np.isnan(outputs).any():
        return "nan beside numbers"
    least = outputs.min()
    return f"{least:.6g}" if least < 0 else f"the sum {outputs.sum(dtype=np.float64):.6g}"


def first_double(ids: Sequence[int | str]) -> int | None:
    """Index of the first element that is there before."""
    if len(set(ids)) == len(ids):
        return None
    seen: set[int | str] = set()
    for index, name in enumerate(ids):
        if name in seen:
            return index
        seen.add(name)
    return None
