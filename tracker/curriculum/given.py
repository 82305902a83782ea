"""What a user hands over, as arrays: scores, labels, weights, difficulty types."""

from collections.abc import Mapping, Sized
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.curriculum.order import Floats, Indices
from tracker.datasets.containers import raw_examples
from tracker.errors import UsageError, choice_error

DIFFICULTY_TYPES = (
    "easy",
    "looks_like_a_different_class",
    "ambiguous_unless_the_label_is_given",
    "ambiguous",
)
"""Baldock et al. 2021 s.4, as the view `difficulty_type` names them."""


def numbers(what: str, values: Any, size: int) -> Floats:
    """One number for each of `size` examples, float64 [N], a copy; also from a tensor.

    Raises
    ------
    UsageError
        If they are no numbers, or not one for each example.
    """
    if hasattr(values, "detach"):
        values = values.detach().double().cpu().numpy()
    try:
        found = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} must be numbers: {error}") from None
    if found.shape != (size,):
        raise UsageError(
            f"{what} must be one number for each of the {size} examples, got shape {found.shape}"
        )
    return found


def scores_of(values: Any, size: int) -> Floats:
    """Scores of the user's own: see `numbers`; at least one of them is there."""
    found = numbers("scores", values, size)
    if np.isnan(found).all():
        raise UsageError("scores are all missing (NaN)")
    return found


def labels_of(dataset: Sized, labels: Any = None) -> Indices:
    """Class of each example, int64 [N]: as given, or as the dataset has them."""
    if labels is None:
        try:
            return raw_examples(dataset)[1]
        except UsageError as error:
            raise UsageError(
                f"balance=True needs labels, a class of each example: {error}"
            ) from None
    found = numbers("labels", labels, len(dataset))
    if not (found == np.floor(found)).all():
        raise UsageError("labels must be whole numbers")
    return found.astype(np.int64)


def type_weights(
    types: Mapping[str, float], names: NDArray[np.str_], choices: tuple[str, ...]
) -> Floats:
    """Weight of each example by its difficulty type, float64 [N]; 1 where none is given.

    Parameters
    ----------
    types
        Weights by type: 0 leaves a type out.
    names
        The type of each example, shape (N,).
    choices
        Types that there are.

    Raises
    ------
    UsageError
        If a type is none of them, or a weight no number.
    """
    weights = np.ones(len(names))
    for name, weight in types.items():
        if name not in choices:
            raise choice_error("difficulty type", name, choices)
        if not isinstance(weight, Real):
            raise UsageError(f"the weight of type {name!r} must be a number, got {weight!r}")
        weights[names == name] = weight
    return weights


def type_names(values: Any, size: int) -> NDArray[np.str_]:
    """A difficulty type of the user's own for each example, shape (N,)."""
    found = np.asarray(values, dtype=np.str_)
    if found.shape != (size,):
        raise UsageError(
            f"example_types must be one name for each of the {size} examples, "
            f"got shape {found.shape}"
        )
    return found
