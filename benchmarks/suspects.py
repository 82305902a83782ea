"""What an ensemble and cleanlab suspect of being wrong, and how often they are right."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from tracker.analysis import find_material
from tracker.outcomes.outputs import read_outputs
from tracker.reports.subject import snapshot

FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
)
"""cleanlab's ways to choose; the first is its default."""
RANKINGS = ("self_confidence", "normalized_margin")

_EXAMPLES = text("""
    SELECT example_label.label, example_label.mislabelled, aum.aum
    FROM example_label
    INNER JOIN aum USING (ensemble, split, position)
    WHERE example_label.ensemble = :ensemble AND example_label.split = 'train'
    ORDER BY example_label.position
""")
_SUSPECTS = text("""
    SELECT position FROM suspected_label_errors
    WHERE ensemble = :ensemble
    ORDER BY score DESC, position
""")
_HELD_OUT = text("""
    SELECT run_id, block, held_out::TEXT AS held_out
    FROM final_block
    WHERE ensemble = :ensemble AND split = 'train'
    ORDER BY run_id, block
""")


@dataclass(frozen=True, eq=False)
class Told:
    """What one ensemble says of the training examples."""

    labels: NDArray[np.int64]
    """Given labels [X]."""
    wrong: NDArray[np.bool_]
    """Which of them are wrong [X]: the answer."""
    aum: NDArray[np.float64]
    suspects: NDArray[np.int64]
    """Positions that the view suspects, the most suspect first."""
    outputs: NDArray[np.float64]
    """Mean final softmax outputs [X, K]."""
    accuracy: float
    """On the given labels, at the end, mean over the runs."""
    by_heart: float
    """Share of the wrong labels that the runs say in the end."""


@dataclass(frozen=True)
class Found:
    """How good a choice, or the first of a ranking, is."""

    chosen: int
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def found(chosen: NDArray[np.int64], wrong: NDArray[np.bool_]) -> Found:
    """Precision and recall of the positions `chosen`; of none, both are 0."""
    hits = int(wrong[chosen].sum())
    return Found(len(chosen), hits / max(1, len(chosen)), hits / int(wrong.sum()))


def average_precision(ranking: NDArray[np.int64], wrong: NDArray[np.bool_]) -> float:
    """Mean over the wrong labels of the precision of the ranking down to each."""
    hits = wrong[ranking]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def choices(told: Told) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each method's choice, the most suspect first."""
    yield "tracker, suspected_label_errors", told.suspects
    chosen = {name: _cleanlab(told, name) for name in FILTERS}
    yield f"cleanlab, find_label_issues ({FILTERS[0]}, its default)", chosen[FILTERS[0]]
    best = max(FILTERS, key=lambda name: found(chosen[name], told.wrong).f1)
    yield "cleanlab, the best of its filters in hindsight", chosen[best]
    many = len(told.suspects)
    for name, ranking in rankings(told):
        yield f"{name}: as many as the view suspects", ranking[:many]


def rankings(told: Told) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each method's order of all examples, the most suspect first."""
    from cleanlab.rank import get_label_quality_scores

    yield "tracker, aum", np.argsort(told.aum, kind="stable")
    for name in RANKINGS:
        scores = get_label_quality_scores(told.labels, told.outputs, method=name)
        yield f"cleanlab, {name}", np.argsort(scores, kind="stable")


def _cleanlab(told: Told, filter_by: str) -> NDArray[np.int64]:
    from cleanlab.filter import find_label_issues

    chosen: NDArray[np.int64] = find_label_issues(
        told.labels,
        told.outputs,
        return_indices_ranked_by=RANKINGS[0],
        filter_by=filter_by,
        n_jobs=1,
    )
    return np.asarray(chosen, dtype=np.int64)


def read(engine: Engine, ensemble: str, *, held_out: bool) -> Told:
    """What an ensemble says; its outputs are of the runs that held an example out, or of all."""
    with snapshot(engine) as connection:
        rows = connection.execute(_EXAMPLES, {"ensemble": ensemble}).all()
        suspects = connection.scalars(_SUSPECTS, {"ensemble": ensemble}).all()
        labels = np.array([row.label for row in rows])
        wrong = np.array([row.mislabelled for row in rows])
        outputs = _outputs(connection, ensemble, len(labels))
        weights = np.ones(outputs.shape[:2])
        if held_out:
            weights = _held_out(connection, ensemble, outputs.shape[:2])
            weights[:, ~weights.any(0)] = 1
    said = outputs.argmax(2)
    return Told(
        labels=labels,
        wrong=wrong,
        aum=np.array([row.aum for row in rows]),
        suspects=np.array(suspects, dtype=np.int64),
        outputs=np.average(
            outputs, axis=0, weights=np.repeat(weights[..., None], outputs.shape[2], 2)
        ),
        accuracy=float((said == labels).mean()),
        by_heart=float((said == labels)[:, wrong].mean()),
    )


def _outputs(connection: Connection, ensemble: str, examples: int) -> NDArray[np.float64]:
    """Final softmax outputs of all runs for the training examples, [R, X, K]."""
    material = find_material(connection, ensemble)
    blocks = [block for block in material.blocks if block.split == "train"]
    parts = [
        part
        for block in blocks
        for part in read_outputs(connection, material.run_ids, block, material.num_classes, 2**24)
    ]
    outputs = np.concatenate(parts, axis=1).astype(np.float64)
    assert outputs.shape[1] == examples  # noqa: S101
    return outputs / outputs.sum(2, keepdims=True)


def _held_out(connection: Connection, ensemble: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Which examples each run held out, 0 or 1 [R, X]."""
    rows = connection.execute(_HELD_OUT, {"ensemble": ensemble})
    bits = "".join(row.held_out for row in rows)
    return np.array([bit == "1" for bit in bits], dtype=np.float64).reshape(shape)
