"""Prediction depths of one ensemble beside all that the paper compares them with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sqlalchemy import Engine, text

TYPES = (
    "easy",
    "looks_like_a_different_class",
    "ambiguous_unless_the_label_is_given",
    "ambiguous",
)
MISLABELLED_TYPE = "looks_like_a_different_class"
"""That of mislabelled examples (Baldock 2021 s.4)."""

_DEPTHS = text("""
    SELECT
        run_depth.seed,
        run_depth.position,
        run_depth.depth,
        outcome.held_out,
        outcome.correct,
        margin.value AS output_margin,
        example_label.mislabelled
    FROM run_depth
    INNER JOIN outcome
        ON
            run_depth.run_id = outcome.run_id
            AND run_depth.example_id = outcome.example_id
            AND run_depth.evaluation = outcome.evaluation
    INNER JOIN signal AS margin
        ON
            run_depth.run_id = margin.run_id
            AND run_depth.example_id = margin.example_id
            AND run_depth.evaluation = margin.evaluation
            AND margin.signal = 'output_margin'
    INNER JOIN example_label
        ON
            run_depth.ensemble_id = example_label.ensemble_id
            AND run_depth.example_id = example_label.example_id
    WHERE run_depth.ensemble = :ensemble AND run_depth.split = 'train'
        AND outcome.ensemble = :ensemble AND margin.ensemble = :ensemble
    ORDER BY run_depth.seed, run_depth.position
""")
_HISTORIES = text("""
    SELECT predicted
    FROM outcome
    WHERE ensemble = :ensemble AND split = 'train'
    ORDER BY seed, position, evaluation
""")
_LAYERS = text("SELECT max(layers) FROM run_depth WHERE ensemble = :ensemble")
_TYPES = text("""
    SELECT difficulty_type.type, example_label.mislabelled
    FROM difficulty_type
    INNER JOIN example_label USING (ensemble_id, example_id)
    WHERE difficulty_type.ensemble = :ensemble AND difficulty_type.split = 'train'
        AND difficulty_type.type IS NOT NULL
""")


@dataclass(frozen=True)
class Types:
    """How many examples have each of TYPES, int64 [4]: all, and the mislabelled ones."""

    everyone: NDArray[np.int64]
    mislabelled: NDArray[np.int64]

    @classmethod
    def read(cls, engine: Engine, ensemble: str) -> "Types":
        """Ask the view `difficulty_type`."""
        with engine.connect() as connection:
            rows = connection.execute(_TYPES, {"ensemble": ensemble}).all()
        types = [row.type for row in rows]
        wrong = [row.type for row in rows if row.mislabelled]
        return cls(*(np.array([told.count(name) for name in TYPES]) for told in (types, wrong)))

    @property
    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of all examples and of the mislabelled ones, those of each type, [4]; NaN of none."""
        with np.errstate(invalid="ignore"):
            return (
                self.everyone / self.everyone.sum(),
                self.mislabelled / self.mislabelled.sum(),
            )


@dataclass(frozen=True)
class Depths:
    """What the runs of one ensemble say of their training split, [R, X] unless told otherwise.

    Attributes
    ----------
    depth
        NaN where the last probe disagrees with the network.
    correct
        Is the last prediction the label that the run was given?
    learned
        First evaluation from which on the prediction is the last one.
    mislabelled
        [X].
    """

    layers: int
    depth: NDArray[np.float64]
    held_out: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    output_margin: NDArray[np.float64]
    learned: NDArray[np.int64]
    mislabelled: NDArray[np.bool_]

    @classmethod
    def read(cls, engine: Engine, ensemble: str) -> "Depths":
        """Ask the views."""
        with engine.connect() as connection:
            rows = connection.execute(_DEPTHS, {"ensemble": ensemble}).all()
            predicted = connection.scalars(_HISTORIES, {"ensemble": ensemble}).all()
            layers = connection.scalar(_LAYERS, {"ensemble": ensemble})
        shape = (len({row.seed for row in rows}), -1)
        histories = np.array(predicted).reshape(len(rows), -1)
        changed = histories[:, :-1] != histories[:, 1:]
        # The evaluation after the last change; 0 where there is none.
        learned = np.where(changed.any(1), changed.shape[1] - changed[:, ::-1].argmax(1), 0)
        return cls(
            layers or 0,
            np.array([row.depth for row in rows], float).reshape(shape),
            np.array([row.held_out for row in rows]).reshape(shape),
            np.array([row.correct for row in rows]).reshape(shape),
            np.array([row.output_margin for row in rows]).reshape(shape),
            learned.reshape(shape),
            np.array([row.mislabelled for row in rows]).reshape(shape)[0],
        )

    def mean(self, values: NDArray, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Mean of `values` of each example over those of the `chosen` runs [R, X] that have a depth
        for it; NaN over none."""
        counted = chosen & ~np.isnan(self.depth)
        count = counted.sum(0)
        total = np.where(counted, values, 0).sum(0)
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)

    def correlation(self, values: NDArray, chosen: NDArray[np.bool_]) -> float:
        """Spearman's of the mean depth of each example and the mean of `values`: as Fig. 6, C.3."""
        return rank_correlation(self.mean(self.depth, chosen), self.mean(values, chosen))


def rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Spearman's, over the places where both are numbers."""
    both = ~(np.isnan(one) | np.isnan(other))
    return float(spearmanr(one[both], other[both]).statistic)


@dataclass(frozen=True)
class Result:
    """What one ensemble shows.

    Attributes
    ----------
    clean, mislabelled
        Mean depth of such examples where they are trained on.
    fitted
        Share of the wrong labels that the runs told them say in the end.
    without
        Share of predictions that have no depth.
    learned, margin
        Rank correlations of mean depths, of examples trained on and held out.
    seeds
        That of the depths of the first two seeds, of examples that both trained on.
    noisy_share, chance_share
        Of the mislabelled examples and of all, those that look like a different class.
    """

    clean: float
    mislabelled: float
    fitted: float
    without: float
    learned: tuple[float, float]
    margin: tuple[float, float]
    seeds: float
    noisy_share: float
    chance_share: float

    @classmethod
    def of(cls, told: Depths, types: Types) -> "Result":
        """Depths compared with everything that the paper compares them with."""
        sides = (~told.held_out, told.held_out)
        wrong = told.mislabelled
        depth = told.mean(told.depth, sides[0])
        both = sides[0][0] & sides[0][1]
        chance, noisy = (shares[TYPES.index(MISLABELLED_TYPE)] for shares in types.shares)
        return cls(
            clean=float(np.nanmean(depth[~wrong])),
            mislabelled=float(np.nanmean(depth[wrong])),
            fitted=float(told.correct[sides[0] & wrong].mean()),
            without=float(np.isnan(told.depth).mean()),
            learned=(
                told.correlation(told.learned, sides[0]),
                told.correlation(told.learned, sides[1]),
            ),
            margin=(
                told.correlation(told.output_margin, sides[0]),
                told.correlation(told.output_margin, sides[1]),
            ),
            seeds=rank_correlation(told.depth[0, both], told.depth[1, both]),
            noisy_share=float(noisy),
            chance_share=float(chance),
        )

    @property
    def failures(self) -> list[str]:
        """The directions of the paper that it does not show."""
        shown = {
            "mislabelled examples are deeper than clean ones": self.mislabelled > self.clean,
            "shallow examples are learned earlier": min(self.learned) > 0,
            "shallow examples have larger output margins": max(self.margin) < 0,
            "depths of two seeds correlate": self.seeds > 0,
            "mislabelled examples look like a different class more often than by chance": (
                self.noisy_share > self.chance_share
            ),
            "most mislabelled examples look like a different class": self.noisy_share > 0.5,
        }
        return [what for what, so in shown.items() if not so]
