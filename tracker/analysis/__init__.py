"""Scores that SQL cannot sensibly compute, written into the table `score_block`.

    from tracker.analysis import analyze
    analyze(engine, "mnist5k-mlp-tiny", "ensemble-agreement")

Computed block by block from what the runs have recorded, in memory that does not grow with the
dataset. A score is stored with its version, a digest of what it was computed from (the view
`output_version`), so that one that is stale is known as such.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from psycopg.errors import ForeignKeyViolation
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from tracker.analysis.agreement import ensemble_agreement
from tracker.db.models import Dataset, Ensemble, ScoreBlock
from tracker.ensembles import unknown_ensemble
from tracker.errors import NotFoundError, TrackerError, choice_error
from tracker.outcomes.layout import BlockRange
from tracker.outcomes.outputs import read_outputs
from tracker.registry import get_dataset
from tracker.reports.subject import snapshot
from tracker.sources import covered_layout

READ_NUMBERS = 2**24
"""Outputs that are read at once: 64 MB, and a few times that on their way."""

SCORES: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float64]]] = {
    "ensemble-agreement": ensemble_agreement,
}
"""Each score by name: from the runs' outputs [R, N, K] to a number an example [N]."""

Progress = Callable[[int, int], None]
"""Called with the number of examples that are done, and of all."""

_VERSION = text("SELECT run_ids, version FROM output_version WHERE ensemble = :ensemble")


@dataclass(frozen=True)
class Material:
    """What there is to compute a score from."""

    ensemble: str
    ensemble_id: int
    run_ids: tuple[int, ...]
    """Runs that have recorded outputs, at least two."""
    version: str
    blocks: tuple[BlockRange, ...]
    num_classes: int

    @property
    def examples(self) -> int:
        """Number of examples."""
        return sum(block.size for block in self.blocks)


@dataclass(frozen=True)
class Analyzed:
    """What an analysis did."""

    ensemble: str
    score: str
    runs: int
    examples: int
    computed: bool
    """False if it was there already, computed from the same runs."""


def analyze(
    engine: Engine, ensemble: str, score: str, progress: Progress = lambda *_: None
) -> Analyzed:
    """Compute a score of an ensemble and store it, unless it is stored and current.

    Raises
    ------
    NotFoundError
        If there is no such ensemble.
    UsageError
        If there is no such score, listing those that there are.
    TrackerError
        If fewer than two runs have recorded their outputs.
    """
    check_score(score)
    with snapshot(engine) as connection:
        material = find_material(connection, ensemble)
        stale = _stored_version(connection, material.ensemble_id, score) != material.version
        if stale:
            values = compute(connection, material, score, progress)
    if stale:
        with engine.begin() as connection:
            store(connection, material, score, values)
    return Analyzed(ensemble, score, len(material.run_ids), material.examples, computed=stale)


def check_score(score: str) -> str:
    """`score` if it is known, else `UsageError` with the choices."""
    if score not in SCORES:
        raise choice_error("score", score, SCORES)
    return score


def find_material(connection: Connection, ensemble: str) -> Material:
    """What there is to compute a score of an ensemble from; raises as `analyze`."""
    row = connection.execute(
        select(Ensemble.id, Ensemble.spec, Dataset.name.label("dataset"))
        .join(Dataset, Ensemble.dataset_id == Dataset.id)
        .where(Ensemble.name == ensemble)
    ).one_or_none()
    if row is None:
        raise unknown_ensemble(connection, ensemble)
    told = connection.execute(_VERSION, {"ensemble": ensemble}).one_or_none()
    if told is None or len(told.run_ids) < 2:
        has = "no complete run has" if told is None else "1 complete run has"
        raise TrackerError(
            f"{has} recorded outputs of {ensemble!r}, and scores compare two or more: "
            "`tracker enqueue --record outputs` makes an ensemble that records them"
        )
    dataset = get_dataset(connection, row.dataset)
    layout = covered_layout(row.spec, dataset.layout)
    return Material(
        ensemble=ensemble,
        ensemble_id=int(row.id),
        run_ids=tuple(told.run_ids),
        version=str(told.version),
        blocks=tuple(block for split in layout.splits for block in split.blocks),
        num_classes=dataset.num_classes,
    )


def _stored_version(connection: Connection, ensemble_id: int, score: str) -> str | None:
    query = select(ScoreBlock.version).where(
        ScoreBlock.ensemble_id == ensemble_id, ScoreBlock.score == score
    )
    return connection.scalar(query.limit(1))


def compute(
    connection: Connection,
    material: Material,
    score: str,
    progress: Progress = lambda *_: None,
) -> dict[int, NDArray[np.float32]]:
    """A score of every example, by block.

    Raises
    ------
    CorruptOutcomesError
        If a run's outputs are damaged.
    """
    measure, values, done = SCORES[score], {}, 0
    for block in material.blocks:
        parts = []
        for outputs in read_outputs(
            connection, material.run_ids, block, material.num_classes, READ_NUMBERS
        ):
            parts.append(measure(outputs).astype(np.float32))
            done += len(parts[-1])
            progress(done, material.examples)
        values[block.block] = np.concatenate(parts)
    return values


def store(
    connection: Connection,
    material: Material,
    score: str,
    values: Mapping[int, NDArray[np.float32]],
) -> None:
    """Write a score in the place of what the ensemble has of it.

    Raises
    ------
    NotFoundError
        If the ensemble has been deleted meanwhile.
    """
    rows = [
        {
            "ensemble_id": material.ensemble_id,
            "score": score,
            "block": block,
            "version": material.version,
            "runs": len(material.run_ids),
            "value": numbers.tolist(),
        }
        for block, numbers in values.items()
    ]
    # Replaced in place: workers may add and change scores, but delete nothing.
    written = insert(ScoreBlock)
    changed = {name: written.excluded[name] for name in ("version", "runs", "value")}
    written = written.on_conflict_do_update(
        index_elements=["ensemble_id", "score", "block"], set_=changed
    )
    try:
        connection.execute(written, rows)
    except IntegrityError as error:
        if not isinstance(error.orig, ForeignKeyViolation):
            raise
        raise NotFoundError(
            f"ensemble {material.ensemble!r} was deleted while it was analyzed"
        ) from None
