"""One score per example, and what its dataset was, read from the database."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Double, Integer, Text, cast, column, func, select, table
from sqlalchemy.dialects.postgresql import ARRAY

from tracker.curriculum.order import Easy
from tracker.datasets.pictureless import is_pictureless
from tracker.db.models import Ensemble, Example, Split
from tracker.ensembles import unknown_ensemble
from tracker.errors import UsageError, choice_error

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

EASIER: dict[str, Easy] = {
    "accessibility": "high",
    "rank": "low",
    "mean_learned": "low",
    "median_learned": "low",
    "first_correct": "low",
    "last_mistake": "low",
    "forgetting_events": "low",
    "never_learned_share": "low",
    "learned_share": "high",
}
"""The scores of the view `learning_order`, and at which end their easy examples are."""

NEVER_IF_NULL = frozenset({"mean_learned", "median_learned", "first_correct"})
"""Scores whose NULL means never, later than any evaluation: the hardest of all."""

LEARNING_ORDER = table(
    "learning_order",
    column("ensemble", Text),
    column("split", Text),
    column("position", Integer),
    *(column(name) for name in EASIER),
)


@dataclass(frozen=True)
class StoredSplit:
    """One split of the dataset on which an ensemble was trained."""

    ensemble: str
    dataset_id: int
    split: str
    size: int
    """N: number of examples."""
    fingerprint: str
    """See `tracker.datasets.identity.split_fingerprint`."""


def easier(score: str) -> Easy:
    """At which end of a score of `learning_order` the easy examples are.

    Raises
    ------
    UsageError
        If `score` is not in `EASIER`; the message lists them.
    """
    if not isinstance(score, str) or score not in EASIER:
        raise choice_error("score", score, EASIER)
    return EASIER[score]


def read_split(ensemble: str, split: str = "train", engine: "Engine | None" = None) -> StoredSplit:
    """The identity of a split of an ensemble's dataset.

    Raises
    ------
    NotFoundError
        If there is no such ensemble; the message lists up to ten that exist.
    UsageError
        If its dataset has no such split; the message lists them.
    """
    query = (
        select(Split.dataset_id, Split.size, Split.fingerprint)
        .join(Ensemble, Ensemble.dataset_id == Split.dataset_id)
        .where(Ensemble.name == ensemble, Split.split == split)
    )
    with _engine(engine).connect() as connection:
        found = connection.execute(query).one_or_none()
        if found is None:
            raise _not_found(connection, ensemble, split)
    return StoredSplit(ensemble, found.dataset_id, split, found.size, found.fingerprint)


def read_scores(
    ensemble: str, score: str, split: str = "train", engine: "Engine | None" = None
) -> NDArray[np.float64]:
    """One score per example of a split, in one query; running ensembles answer too.

    Parameters
    ----------
    ensemble
        Name of the ensemble.
    score
        A column of the view `learning_order`: one of `EASIER`.
    split
        Split of the ensemble's dataset.
    engine
        Database; the configured one if not given.

    Returns
    -------
    Array of shape (N,), by position in the split. Where the score is NULL: infinity if that says
    that it never happened (`NEVER_IF_NULL`), else NaN.

    Raises
    ------
    NotFoundError
        If there is no such ensemble; the message lists up to ten that exist.
    UsageError
        If `score` or `split` is unknown, or no outcome gives this score yet.
    """
    easier(score)
    values = np.full(read_split(ensemble, split, engine).size, np.nan)
    # Two arrays instead of a row for each example: fetching them is several times faster.
    query = select(
        func.array_agg(LEARNING_ORDER.c.position, type_=ARRAY(Integer)),
        func.array_agg(cast(LEARNING_ORDER.c[score], Double), type_=ARRAY(Double)),
    ).where(LEARNING_ORDER.c.ensemble == ensemble, LEARNING_ORDER.c.split == split)
    with _engine(engine).connect() as connection:
        positions, scores = connection.execute(query).one()
    if positions is not None:
        found = np.asarray(scores, dtype=np.float64)
        # Of these, NULL says that no run gets there: later than any, and not unknown.
        values[np.asarray(positions)] = (
            np.nan_to_num(found, nan=np.inf) if score in NEVER_IF_NULL else found
        )
    if not np.isfinite(values).any():
        raise UsageError(
            f"ensemble {ensemble!r} has no outcomes yet that give {score} of split {split!r}: "
            "wait for its first evaluation (`tracker status`)"
        )
    return values


def read_examples(
    split: StoredSplit, engine: "Engine | None" = None
) -> tuple[list[bytes], NDArray[np.int64]]:
    """Content hashes (16 bytes each) and labels, shape (N,), by position in the split."""
    query = (
        select(Example.content_hash, Example.label)
        .where(Example.dataset_id == split.dataset_id, Example.split == split.split)
        .order_by(Example.position)
    )
    with _engine(engine).connect() as connection:
        examples = connection.execute(query).all()
    hashes = [bytes(example.content_hash) for example in examples]
    return hashes, np.array([example.label for example in examples], dtype=np.int64)


def has_no_pictures(split: StoredSplit, engine: "Engine | None" = None) -> bool:
    """Whether the split was imported with names in place of pictures."""
    query = select(Example.content_hash).where(
        Example.dataset_id == split.dataset_id, Example.split == split.split
    )
    with _engine(engine).connect() as connection:
        content_hash = connection.scalar(query.limit(1))
    return content_hash is not None and is_pictureless(content_hash)


def _not_found(connection: "Connection", ensemble: str, split: str) -> UsageError:
    """Why there is no such split of such an ensemble."""
    splits = connection.scalars(
        select(Split.split)
        .join(Ensemble, Ensemble.dataset_id == Split.dataset_id)
        .where(Ensemble.name == ensemble)
        .order_by(Split.first_example)
    ).all()
    if splits:
        return choice_error("split", split, splits)
    return unknown_ensemble(connection, ensemble)


def _engine(engine: "Engine | None") -> "Engine":
    if engine is not None:
        return engine
    from tracker.db import get_engine

    return get_engine()
