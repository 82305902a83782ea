"""`CurriculumSampler`: the curriculum as a sampler for PyTorch's `DataLoader`.

The one module of `tracker` that loads torch when it is imported.
"""

from collections.abc import Iterator, Sized
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import Sampler

from tracker.curriculum.description import Curriculum
from tracker.curriculum.growth import make_pacing
from tracker.curriculum.identity import check_dataset
from tracker.curriculum.order import UNPACED, check_order
from tracker.curriculum.plan import Examples, epoch_length, epoch_segments, make_ranking, plan_epoch
from tracker.curriculum.scores import easier, read_scores, read_split
from tracker.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine


class CurriculumSampler(Sampler[int]):
    """Each epoch, the examples of a growing pool in a fresh random order.

    The pool holds the examples that come first in `order`; its size follows `pacing`. As with
    `DistributedSampler`, call `set_epoch` before each epoch, or epoch 0 is repeated.

    Parameters
    ----------
    dataset
        Map-style dataset of N examples that the sampler will be used with. With `ensemble`, its
        raw pictures must be readable: see `tracker.datasets.containers.raw_examples`.
    ensemble
        Name of the ensemble whose scores to use. `dataset` must be the one it was trained on:
        every picture and label is compared by fingerprint.
    scores
        Scores of one's own instead, shape (N,). NaN: missing, last in the order.
    score
        With `ensemble`, a column of the view `learning_order`; with `scores`, what they are
        (says whether a higher score is easier, as for accessibility, or harder).
    order
        `easy-first`; `hard-first` (anti-curriculum); `random` (random order with the same pool
        sizes); `shuffled` (no curriculum: all examples at every epoch, no pacing).
    pacing
        `linear`, `quadratic`, `root`, `step`, `exponential`, `logarithmic` (Wu et al. 2021),
        `single-step` (Hacohen & Weinshall 2019): see `tracker.curriculum.pacing`.
    start
        b: share of the examples in the pool at epoch 0, in [0, 1].
    grow
        a: share of training after which the pool is the whole set; above 1, never.
    epochs
        T: length of training in epochs.
    seed
        From 0 to 2^31 - 1. Decides ties between equal scores and the order of each epoch.
    split
        Split of the ensemble's dataset that `dataset` is.
    engine
        Database; the configured one if not given.

    Attributes
    ----------
    curriculum
        Its parameters, frozen.

    Raises
    ------
    UsageError
        If an option is unknown or out of range, not exactly one of `ensemble` and `scores` is
        given, or the ensemble has no outcomes yet. `NotFoundError` if it does not exist.
    DatasetMismatchError
        If `dataset` is not the ensemble's, with the first differing position.
    """

    def __init__(
        self,
        dataset: Sized,
        *,
        ensemble: str | None = None,
        scores: ArrayLike | torch.Tensor | None = None,
        score: str = "accessibility",
        order: str = "easy-first",
        pacing: str = "linear",
        start: float = 0.2,
        grow: float = 0.8,
        epochs: int,
        seed: int = 0,
        split: str = "train",
        engine: "Engine | None" = None,
    ) -> None:
        check_order(order)
        paced = make_pacing(pacing, epochs, start=start, grow=grow)
        self.curriculum = Curriculum(
            epochs=epochs,
            seed=seed,
            order=order,
            easy=easier(score),
            pacing=None if order in UNPACED else paced,
        )
        if ensemble is not None and scores is None:
            check_dataset(dataset, read_split(ensemble, split, engine), engine)
            values = read_scores(ensemble, score, split, engine)
        elif scores is not None and ensemble is None:
            values = _own_scores(dataset, scores)
        else:
            given = "neither" if ensemble is None else "both"
            raise UsageError(f"give exactly one of ensemble and scores, got {given}")
        self._examples = Examples(values)
        self._ranking = make_ranking(self.curriculum, self._examples)
        self.epoch = 0

    @property
    def ranking(self) -> NDArray[np.int64]:
        """All examples in the order in which they enter the pool, shape (N,)."""
        return self._ranking.indices

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` (from 0) the one that is iterated next; the pacing's t."""
        if epoch < 0:
            raise UsageError(f"epoch must be at least 0, got {epoch}")
        self.epoch = epoch

    @property
    def pool_size(self) -> int:
        """Number of examples in the current epoch's pool."""
        return epoch_segments(self.curriculum, len(self._ranking), self.epoch)[-1].pool

    def __len__(self) -> int:
        """Number of examples of the current epoch."""
        return epoch_length(self.curriculum, len(self._ranking), self.epoch)

    def __iter__(self) -> Iterator[int]:
        """The current epoch's indices, each once."""
        plan = plan_epoch(self.curriculum, self._examples, self.epoch, self._ranking)
        # A list of Python integers: datasets may not take NumPy's.
        return iter(plan.indices.tolist())


def _own_scores(dataset: Sized, scores: ArrayLike | torch.Tensor) -> NDArray[np.float64]:
    if isinstance(scores, torch.Tensor):
        scores = scores.detach().double().cpu().numpy()
    try:
        values = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"scores must be numbers: {error}") from None
    size = len(dataset)
    if values.shape != (size,):
        raise UsageError(
            f"scores must be one number for each of the {size} examples, got shape {values.shape}"
        )
    if np.isnan(values).all():
        raise UsageError("scores are all missing (NaN)")
    return values
