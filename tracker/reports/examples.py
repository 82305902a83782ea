"""How each example was learned: the order, its ends, and forgetting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, func, select

from tracker.db.models import Block
from tracker.reports import views

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class Quantile:
    """A share of the examples and the accessibility that it does not exceed."""

    share: float
    accessibility: float


@dataclass(frozen=True)
class ExampleScore:
    """How one example was learned; means are over the runs."""

    position: int
    """0-based place in its split."""
    label: int
    class_name: str
    accessibility: float
    mean_learned: float | None
    """Mean evaluation from which on a run is always right; None if no run has learned it."""
    learned_share: float
    """Share of the runs that have learned it, and over which `mean_learned` is the mean."""
    forgetting_events: float


@dataclass(frozen=True, eq=False)
class LearningScores:
    """The view `learning_order` for one split of one ensemble: arrays [examples], by position."""

    runs: int
    """Runs with at least one evaluation."""
    evaluations: int
    """Evaluations that at least one run has recorded."""
    labels: NDArray[np.int64]
    accessibility: NDArray[np.float64]
    mean_learned: NDArray[np.float64]
    """NaN where no run has learned the example."""
    learned_share: NDArray[np.float64]
    forgetting_events: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    def order(self) -> NDArray[np.int64]:
        """Positions from the easiest example to the hardest [examples].

        By accessibility; of equals, those that are forgotten less and learned earlier come
        first, then in an order that is mixed but always the same: datasets may be sorted by
        class, and the first of many equals would all be of one.
        """
        # Rounded, because equal shares of the runs may add up to floats a last bit apart.
        keys = (
            np.random.RandomState(0).permutation(len(self)),
            np.nan_to_num(self.mean_learned, nan=np.inf),
            self.forgetting_events,
            -self.accessibility.round(12),
        )
        return np.lexsort(keys)

    def example(self, position: int, class_names: Sequence[str]) -> ExampleScore:
        """The example at `position`."""
        label, learned = int(self.labels[position]), float(self.mean_learned[position])
        return ExampleScore(
            position=int(position),
            label=label,
            class_name=class_names[label],
            accessibility=float(self.accessibility[position]),
            mean_learned=None if np.isnan(learned) else learned,
            learned_share=float(self.learned_share[position]),
            forgetting_events=float(self.forgetting_events[position]),
        )

    def quantiles(self) -> tuple[Quantile, ...]:
        """Accessibility at each of `QUANTILES`, linear between examples."""
        values = np.quantile(self.accessibility, QUANTILES).tolist()
        return tuple(map(Quantile, QUANTILES, values))

    def tied_with(self, position: int) -> int:
        """Number of examples with the same accessibility as the one at `position`, itself too."""
        rounded = self.accessibility.round(12)
        return int(np.count_nonzero(rounded == rounded[position]))


@dataclass(frozen=True)
class Forgetting:
    """Forgetting over all pairs of a run and an example of the split (Toneva 2019).

    The three shares add up to 1.
    """

    runs: int
    mean_events: float
    """Forgetting events of one run on one example."""
    unforgettable_share: float
    """Right at some evaluation and never wrong after it."""
    forgotten_share: float
    """Forgotten at least once."""
    never_learned_share: float
    """Right at no evaluation."""


def learning_scores(connection: Connection, ensemble: str, split: str) -> LearningScores:
    """How every example of the split was learned, from the view `learning_order`."""
    view = views.learning_order
    rows = connection.execute(
        select(
            view.c.runs,
            view.c.evaluations,
            view.c.label,
            view.c.accessibility,
            view.c.mean_learned,
            view.c.learned_share,
            view.c.forgetting_events,
        )
        .where(view.c.ensemble == ensemble, view.c.split == split)
        .order_by(view.c.position)
    ).all()
    # None becomes NaN.
    values = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(len(rows), 7)
    runs, evaluations = values[0, :2] if len(rows) else (0, 0)
    return LearningScores(
        int(runs), int(evaluations), values[:, 2].astype(np.int64), *values[:, 3:].T
    )


def summarize_forgetting(connection: Connection, ensemble: str, split: str) -> Forgetting:
    """Forgetting events, never forgotten and never learned.

    Counts set bits in `history_block`: the view `forgetting` gives the same figures by run and
    example, at ten times the cost.
    """
    history = views.history_block
    row = connection.execute(
        select(
            func.count(history.c.run_id.distinct()).label("runs"),
            func.sum(Block.size).label("pairs"),
            func.sum(func.bitslice_total(history.c.forgotten)).label("events"),
            func.sum(func.bit_count(func.bitslice_at_least(history.c.forgotten, 1))).label(
                "forgotten"
            ),
            func.sum(func.bit_count(history.c.ever)).label("met"),
        )
        .join(
            Block,
            and_(Block.dataset_id == history.c.dataset_id, Block.block == history.c.block),
        )
        .where(history.c.ensemble == ensemble, Block.split == split)
    ).one()
    pairs, events, forgotten, met = (int(count or 0) for count in row[1:])
    return Forgetting(
        runs=row.runs,
        mean_events=events / pairs,
        unforgettable_share=(met - forgotten) / pairs,
        forgotten_share=forgotten / pairs,
        never_learned_share=(pairs - met) / pairs,
    )
