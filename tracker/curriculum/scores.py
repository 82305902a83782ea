"""What a curriculum reads from the database: scores, difficulty types, and what the dataset was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Double,
    Integer,
    LargeBinary,
    Text,
    cast,
    column,
    func,
    literal,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from tracker.curriculum.columns import NEVER_IF_NULL, Score, find_score
from tracker.datasets.pictureless import is_pictureless
from tracker.db.models import Dataset, Ensemble, Example, Split
from tracker.ensembles import unknown_ensemble
from tracker.errors import DatasetMismatchError, UsageError, choice_error
from tracker.reports.needs import source_of
from tracker.reports.subject import snapshot
from tracker.reports.views import ensemble_evaluation

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Select

Floats = NDArray[np.float64]

T = TypeVar("T")
U = TypeVar("U")

TYPES = "difficulty_type"
"""The view of difficulty types."""

_EMPTY = literal(b"", LargeBinary)


@dataclass(frozen=True)
class StoredSplit:
    """One split of the dataset on which an ensemble was trained."""

    ensemble: str
    dataset: str
    """Its name."""
    dataset_id: int
    split: str
    size: int
    """N: number of examples."""
    fingerprint: str
    """See `tracker.datasets.identity.split_fingerprint`."""
    has_pictures: bool = True
    """Whether it was not imported with names in place of pictures."""


@dataclass(frozen=True)
class Question:
    """Which numbers of which ensembles a curriculum asks for.

    Attributes
    ----------
    ensembles
        Names; the scores of several are averaged.
    score, view
        See `tracker.curriculum.columns.find_score`.
    types
        Whether the difficulty types are wanted too.
    """

    ensembles: tuple[str, ...]
    score: str = "accessibility"
    view: str | None = None
    split: str = "train"
    types: bool = False


@dataclass(frozen=True, eq=False)
class Answer:
    """The numbers, of one moment."""

    stored: StoredSplit
    """Of the first ensemble; the others' are the same examples."""
    score: Score
    scores: Floats
    """Shape (N,): see `read_scores`."""
    types: NDArray[np.str_] | None
    """Names of difficulty types, shape (N,), empty where there is none; if they were wanted."""


def ask(question: Question, engine: "Engine | None" = None, seconds: float | None = None) -> Answer:
    """What the views say now; running ensembles answer too.

    Parameters
    ----------
    engine
        Database; the configured one if not given.
    seconds
        How long the database may take for each question, if not as long as it likes.

    Raises
    ------
    NotFoundError
        If there is no such ensemble; the message lists up to ten that exist.
    UsageError
        If score or split are unknown, or an ensemble has no outcome that gives this score yet.
    DatasetMismatchError
        If the ensembles are of different examples.
    """
    with snapshot(_engine(engine)) as connection:
        if seconds is not None:
            connection.execute(text(f"SET LOCAL statement_timeout = {round(1000 * seconds):d}"))
        splits = [_find_split(connection, name, question.split) for name in question.ensembles]
        for stored in splits[1:]:
            if stored.fingerprint != splits[0].fingerprint:
                raise DatasetMismatchError(
                    f"ensembles {splits[0].ensemble!r} and {stored.ensemble!r} were trained on "
                    f"different examples: the split {question.split!r} of their datasets differs"
                )
        score = find_score(connection, question.score, question.view)
        scores = mean_scores([_read(connection, stored, score) for stored in splits])
        types = _read_types(connection, splits) if question.types else None
    return Answer(splits[0], score, scores, types)


def mean_scores(scores: Sequence[Floats]) -> Floats:
    """Mean of several ensembles' scores, shape (N,), over those that have one; NaN if none has."""
    values = np.stack(scores)
    counts: NDArray[np.int64] = (~np.isnan(values)).sum(axis=0)
    # A score that never happens in one ensemble never happens on average.
    sums = np.where(np.isnan(values), 0, values).sum(axis=0)
    mean: Floats = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return mean


def read_split(ensemble: str, split: str = "train", engine: "Engine | None" = None) -> StoredSplit:
    """The identity of a split of an ensemble's dataset.

    Raises
    ------
    NotFoundError
        If there is no such ensemble; the message lists up to ten that exist.
    UsageError
        If its dataset has no such split; the message lists them.
    """
    with _engine(engine).connect() as connection:
        return _find_split(connection, ensemble, split)


def read_scores(
    ensemble: str | Sequence[str],
    score: str = "accessibility",
    split: str = "train",
    engine: "Engine | None" = None,
    *,
    view: str | None = None,
) -> Floats:
    """One score per example of a split: see `ask`.

    Parameters
    ----------
    ensemble
        Name of the ensemble, or of several whose scores are averaged.
    score
        A column of numbers of any view with one row per example, as `view.column` or alone: see
        `tracker.curriculum.columns.find_score`.
    view
        The view, if `score` does not name it.
    split
        Split of the ensemble's dataset.
    engine
        Database; the configured one, read as the reader where there is one, if not given.

    Returns
    -------
    Array of shape (N,), by position in the split. Where the score is NULL: infinity if that says
    that it never happened (`NEVER_IF_NULL`), else NaN.

    Raises
    ------
    As `ask`.
    """
    names = (ensemble,) if isinstance(ensemble, str) else tuple(ensemble)
    return ask(Question(names, score, view, split), engine).scores


def _find_split(connection: "Connection", ensemble: str, split: str) -> StoredSplit:
    found = connection.execute(
        select(Dataset.name, Split.dataset_id, Split.size, Split.fingerprint)
        .join(Dataset, Dataset.id == Split.dataset_id)
        .join(Ensemble, Ensemble.dataset_id == Split.dataset_id)
        .where(Ensemble.name == ensemble, Split.split == split)
    ).one_or_none()
    if found is None:
        raise _not_found(connection, ensemble, split)
    content_hash = connection.scalar(
        select(Example.content_hash)
        .where(Example.dataset_id == found.dataset_id, Example.split == split)
        .limit(1)
    )
    pictures = content_hash is None or not is_pictureless(content_hash)
    return StoredSplit(
        ensemble, found.name, found.dataset_id, split, found.size, found.fingerprint, pictures
    )


def _read(connection: "Connection", stored: StoredSplit, score: Score) -> Floats:
    """One ensemble's scores, by position."""
    numbers: ColumnElement[float] = column(score.column, Double)
    if score.kind == "boolean":
        numbers = cast(column(score.column, Boolean), Integer)
    null = "Infinity" if score.column in NEVER_IF_NULL else "NaN"
    # Two strings of bytes instead of a row for each example: fetching them is ten times faster.
    query = select(
        func.string_agg(func.int4send(column("position", Integer)), _EMPTY, type_=LargeBinary),
        func.string_agg(
            func.float8send(func.coalesce(cast(numbers, Double), cast(null, Double))),
            _EMPTY,
            type_=LargeBinary,
        ),
    )
    positions, scores = connection.execute(_of_split(query, score.view, stored)).one()
    values = np.full(stored.size, np.nan)
    if positions is not None:
        values[np.frombuffer(positions, ">i4")] = np.frombuffer(scores, ">f8")
    if not np.isfinite(values).any():
        raise _without_scores(connection, stored, score)
    return values


def _without_scores(connection: "Connection", stored: StoredSplit, score: Score) -> UsageError:
    """Why an ensemble gives no such score of any example."""
    recorded = ensemble_evaluation.c
    asked = select(recorded.evaluation).where(recorded.ensemble == stored.ensemble).limit(1)
    which = f"{score.column} of split {stored.split!r}"
    if connection.scalar(asked) is None:
        return UsageError(
            f"ensemble {stored.ensemble!r} has no outcomes yet that give {which}: wait for its "
            "first evaluation (`tracker status`)"
        )
    source = source_of(score.view, score.column)
    reason = f"it comes from {source}" if source else "it is NULL for every example so far"
    return UsageError(f"ensemble {stored.ensemble!r} has no {which}: {reason}")


def _read_types(connection: "Connection", splits: Sequence[StoredSplit]) -> NDArray[np.str_]:
    """The difficulty type of each example, by position; empty where it has none."""
    if len(splits) > 1:
        names = ", ".join(stored.ensemble for stored in splits)
        raise UsageError(f"difficulty types are those of one ensemble, not of {names}")
    stored = splits[0]
    query = select(
        func.array_agg(column("position", Integer), type_=ARRAY(Integer)),
        func.array_agg(func.coalesce(column("type", Text), ""), type_=ARRAY(Text)),
    )
    positions, found = connection.execute(_of_split(query, TYPES, stored)).one()
    if positions is None or not any(found):
        raise UsageError(
            f"ensemble {stored.ensemble!r} has no difficulty types of split {stored.split!r}: they "
            "come from runs with --split and --probe"
        )
    types = np.full(stored.size, "", dtype=np.array(found).dtype)
    types[np.asarray(positions)] = found
    return types


def _of_split(query: "Select[T, U]", view: str, stored: StoredSplit) -> "Select[T, U]":
    rows = table(view, column("ensemble", Text), column("split", Text))
    return query.select_from(rows).where(
        rows.c.ensemble == stored.ensemble, rows.c.split == stored.split
    )


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
    from tracker.db import get_reader_engine

    return get_reader_engine()
