"""What training under a curriculum gained: arms that share their seeds, paired seed by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from tracker.curriculum.paired import sign_flip_p_value
from tracker.errors import TrackerError

CONTROL = "shuffled"
"""The arm that all others are compared with: the plain recipe."""

FINAL_ACCURACY = text(
    """
    SELECT run_accuracy.seed, run_accuracy.accuracy
    FROM run_accuracy
    INNER JOIN ensemble ON run_accuracy.ensemble_id = ensemble.id
    INNER JOIN evaluation
        ON run_accuracy.run_id = evaluation.run_id
        AND run_accuracy.evaluation = evaluation.evaluation
    WHERE run_accuracy.ensemble = :ensemble AND run_accuracy.split = 'test'
        AND evaluation.step = ensemble.total_steps
    """
)


@dataclass(frozen=True)
class ArmResult:
    """One way of training, over all seeds."""

    arm: str
    ensemble: str
    seeds: int
    mean: float
    """Mean test accuracy at the end of training."""
    deviation: float | None
    """Its standard deviation over seeds (n - 1); None of a single one."""
    difference: float | None
    """Mean over seeds of what it has more than the control; None for the control itself."""
    better: int | None
    """Seeds with which it is better than the control."""
    p_value: float | None
    """See `sign_flip_p_value`."""


def final_accuracy(connection: Connection, ensemble: str) -> dict[int, float]:
    """Test accuracy of each seed's network after its last step; unfinished runs have none."""
    rows = connection.execute(FINAL_ACCURACY, {"ensemble": ensemble})
    return {row.seed: row.accuracy for row in rows}


def compare_arms(
    accuracies: Mapping[str, Mapping[int, float]],
    ensembles: Mapping[str, str],
    seeds: Sequence[int],
) -> list[ArmResult]:
    """Each arm beside the control, in the order of `accuracies`.

    Parameters
    ----------
    accuracies
        Of each arm, `CONTROL` among them: by seed.
    ensembles
        Name of each arm's ensemble.
    seeds
        Those to compare.

    Raises
    ------
    TrackerError
        If an arm lacks a seed.
    """
    values = {arm: _in_order(arm, found, seeds) for arm, found in accuracies.items()}
    control = values[CONTROL]
    results = []
    for arm, each in values.items():
        differences = None if arm == CONTROL else each - control
        results.append(
            ArmResult(
                arm=arm,
                ensemble=ensembles[arm],
                seeds=len(each),
                mean=float(each.mean()),
                deviation=float(each.std(ddof=1)) if len(each) > 1 else None,
                difference=None if differences is None else float(differences.mean()),
                better=None if differences is None else int((differences > 0).sum()),
                p_value=None if differences is None else sign_flip_p_value(differences),
            )
        )
    return results


def _in_order(arm: str, found: Mapping[int, float], seeds: Sequence[int]) -> NDArray[np.float64]:
    missing = [seed for seed in seeds if seed not in found]
    if missing:
        raise TrackerError(f"{arm}: no complete run of seed {missing[0]}")
    return np.array([found[seed] for seed in seeds])
