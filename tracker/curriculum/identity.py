"""Is a dataset the one that was scored? Scores go by position, so the order counts too."""

from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracker.curriculum.scores import StoredSplit, read_examples
from tracker.datasets.identity import examples_of, split_fingerprint
from tracker.errors import DatabaseUnavailableError, DatasetMismatchError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

Examples = tuple[Sequence[bytes], NDArray[np.int64]]
"""Content hashes and labels of N examples, in order."""


def check_dataset(dataset: Sized, stored: StoredSplit, engine: "Engine | None" = None) -> Examples:
    """Refuse a dataset that is not the split on which an ensemble was trained.

    Every picture and label is compared by fingerprint; the stored examples are read only to
    say where the first difference is.

    Returns
    -------
    Content hashes and labels of the dataset.

    Raises
    ------
    DatasetMismatchError
        With the reason: another length, or the first position whose picture or label differs.
    UsageError
        If the pictures of `dataset` cannot be told (see `tracker.datasets.identity.examples_of`),
        or the ensemble was imported without any.
    """
    if len(dataset) != stored.size:  # Needs no hashes, and no look at the pictures.
        raise _mismatch(stored, f"it has {len(dataset)} examples, not {stored.size}")
    if not stored.has_pictures:
        raise UsageError(
            f"ensemble {stored.ensemble!r} was imported without pictures, so that no dataset can "
            "be told to be its own: import it with --dataset, or make sure that yours has its "
            "examples in its order and give scores=tracker.curriculum.scores.read_scores(...)"
        )
    given = examples_of(dataset)
    if split_fingerprint(*given) == stored.fingerprint:
        return given
    try:
        reason = first_difference(given, read_examples(stored, engine))
    except DatabaseUnavailableError:  # Only one of several processes need reach the database.
        reason = "its fingerprint differs"
    raise _mismatch(stored, reason)


def first_difference(given: Examples, stored: Examples) -> str:
    """Where two sets of equally many examples first differ, and whether by picture or label."""
    hashes, labels = given
    stored_hashes, stored_labels = stored
    pairs = zip(hashes, stored_hashes, strict=True)
    other_picture = np.array([one != other for one, other in pairs], dtype=bool)
    differs = other_picture | (labels != stored_labels)
    if not differs.any():
        return "its fingerprint differs though no example does: register the dataset anew"
    first = int(differs.argmax())
    if labels[first] == stored_labels[first]:
        return f"position {first} has another picture"
    label = f"label {labels[first]}, not {stored_labels[first]}"
    return f"position {first} has {'another picture and ' if other_picture[first] else ''}{label}"


def _mismatch(stored: StoredSplit, reason: str) -> DatasetMismatchError:
    return DatasetMismatchError(
        f"not the {stored.split!r} split that ensemble {stored.ensemble!r} was trained on: "
        f"{reason}; hand over that dataset, in that order"
    )
