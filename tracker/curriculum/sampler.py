"""`CurriculumSampler`: the curriculum as a sampler for PyTorch's `DataLoader`.

It only wires: `options` reads what the user says, `plan` decides the indices, `ranks` asks torch
which process this is, `planned` hands the indices out. Besides this module only `ranks`, `state`
and `planned` load torch.
"""

from collections.abc import Callable, Mapping, Sequence, Sized
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike
from torch import Tensor

from tracker.curriculum.options import Options, Prepared, prepare
from tracker.curriculum.planned import PlannedSampler
from tracker.curriculum.ranks import find_ranks
from tracker.curriculum.recorder import make_recorder
from tracker.curriculum.snapshot import Snapshot, read_snapshot, write_snapshot
from tracker.curriculum.source import Recorder

if TYPE_CHECKING:
    from sqlalchemy import Engine


class CurriculumSampler(PlannedSampler):
    """Each epoch, the examples of a growing pool in a fresh random order.

    The pool holds the examples that come first in `order`; its size follows `pacing`. As with
    `DistributedSampler`, call `set_epoch` before each epoch, or epoch 0 is repeated. Options that
    would have no effect together are refused. docs/curriculum.md has examples.

    Parameters
    ----------
    dataset
        Map-style dataset of N examples that the sampler will be used with. With `ensemble`, its
        raw pictures must be readable: see `tracker.datasets.containers.raw_examples`.
    ensemble
        Name of the ensemble whose scores to use, or of several whose scores are averaged.
        `dataset` must be the one it was trained on: every picture and label is compared by
        fingerprint.
    scores
        Scores of one's own instead, shape (N,), NaN where missing.
    score, view
        With `ensemble`, a column of numbers of any view with one row per example: `aum`,
        `consistency.prediction_entropy`, or a column of `view`; `accessibility` if not given. With
        `scores`, what they are.
    split
        Split of the ensemble's dataset that `dataset` is; `train` if not given.
    easy
        At which end of the score easy examples are, `high` or `low`: known for the field's scores,
        else needed.
    missing
        Where examples without a score go: `last` (if not given), `first`, `drop`, `error`.
    order
        `easy-first`; `hard-first` (anti-curriculum); `random` (random order with the same pool
        sizes); `shuffled` (no curriculum: all examples at every epoch, no pacing).
    balance
        Classes enter the pool round-robin (Hacohen & Weinshall 2019); `labels` are their classes,
        shape (N,), if the dataset does not tell them.
    types
        Weights by difficulty type (Baldock et al. 2021): 0 leaves a type out. Types are the
        ensemble's, or `example_types`, N names.
    weights
        A weight for each example, shape (N,): 0 leaves it out.
    band
        Only examples with a score between these two quantiles of the scores.
    pacing
        `linear`, `quadratic`, `root`, `step`, `exponential`, `logarithmic` (Wu et al. 2021),
        `single-step`, `fixed-exponential`, `varied-exponential` (Hacohen & Weinshall 2019), a
        function from t to the share of the examples in the pool, or these shares.
    start
        Share of the examples in the pool at first, in [0, 1]: b (0.2 if not given) or s (0.04).
    grow
        a: share of training after which the pool is the whole set (0.8): 0 is from the start,
        above 1 never.
    increase, step_length
        r and L of Hacohen & Weinshall's exponentials: the pool grows r-fold (1.9) after every L
        (100) epochs or steps; of `varied-exponential` a length for each growth.
    unit
        Whether t counts epochs (`epoch`) or optimizer steps (`step`).
    step_examples
        Examples of one optimizer step on all ranks together, where the unit is a step;
        `batch_size` on every rank if that is given.
    epochs
        T: length of training in epochs.
    sampling
        `shuffle`: a pass through the pool. `replacement`: independent draws by weight (if not
        given, where weights differ). `without-replacement`: `num_samples` different ones by weight.
    num_samples
        Examples of an epoch on all ranks together; as many as are in the pool if not given, or,
        where the unit is a step, as there are.
    refresh
        `epoch`: read the scores anew at every `set_epoch`, of an ensemble that still trains.
    seed
        From 0 to 2^31 - 1. Decides ties between equal scores and the order of each epoch.
    rank, num_replicas
        Which of how many processes this is; asked of `torch.distributed` if not given. Then one
        rank alone reads the database and tells the others, so that all must make their sampler.
    drop_last
        Leave out what does not divide among the ranks (else the epoch is filled up from its
        beginning) and, with `batch_size`, a last batch that is not full.
    batch_size
        Give batches of this many indices, to be used as `batch_sampler=`.
    record
        Keep all that gives the epochs again in the database, for `tracker curriculum show` and
        `replay`: under this name, or, if True, under one made from what it is. A database that is
        away is told later, with a warning. Or another `tracker.curriculum.source.Recorder`.
    engine
        Database; the configured one if not given.

    Attributes
    ----------
    curriculum : tracker.curriculum.description.Curriculum
        Its parameters, frozen.
    epoch
        The one that is iterated next.

    Raises
    ------
    UsageError
        If an option is unknown, out of range or without effect, or the ensemble has no outcomes
        yet. `NotFoundError` if it does not exist.
    DatasetMismatchError
        If `dataset` is not the ensemble's, with the first differing position.
    """

    def __init__(
        self,
        dataset: Sized,
        *,
        epochs: int,
        ensemble: str | Sequence[str] | None = None,
        scores: "ArrayLike | Tensor | None" = None,
        score: str | None = None,
        view: str | None = None,
        split: str | None = None,
        easy: str | None = None,
        missing: str | None = None,
        order: str = "easy-first",
        balance: bool = False,
        labels: "ArrayLike | Tensor | None" = None,
        types: Mapping[str, float] | None = None,
        example_types: ArrayLike | None = None,
        weights: "ArrayLike | Tensor | None" = None,
        band: tuple[float, float] | None = None,
        pacing: str | Callable[[int], float] | Sequence[float] | None = None,
        start: float | None = None,
        grow: float | None = None,
        increase: float | None = None,
        step_length: int | Sequence[int] | None = None,
        unit: str = "epoch",
        step_examples: int | None = None,
        sampling: str | None = None,
        num_samples: int | None = None,
        refresh: str | None = None,
        seed: int = 0,
        rank: int | None = None,
        num_replicas: int | None = None,
        drop_last: bool = False,
        batch_size: int | None = None,
        record: bool | str | Recorder | None = None,
        engine: "Engine | None" = None,
    ) -> None:
        ranks = find_ranks(rank, num_replicas)
        if unit == "step" and step_examples is None and batch_size is not None:
            step_examples = batch_size * ranks.replicas
        options = Options(
            epochs=epochs,
            ensemble=ensemble,
            scores=scores,
            score=score,
            view=view,
            split=split,
            easy=easy,
            missing=missing,
            order=order,
            balance=balance,
            labels=labels,
            types=types,
            example_types=example_types,
            weights=weights,
            band=band,
            pacing=pacing,
            start=start,
            grow=grow,
            increase=increase,
            step_length=step_length,
            unit=unit,
            step_examples=step_examples,
            sampling=sampling,
            num_samples=num_samples,
            refresh=refresh,
            seed=seed,
        )
        prepared = prepare(dataset, options, engine, ranks.from_first)
        super().__init__(
            dataset,
            prepared,
            ranks,
            drop_last=drop_last,
            batch_size=batch_size,
            record=make_recorder(record, engine),
            refresh=None if refresh is None else prepared.question,
            engine=engine,
        )

    @classmethod
    def from_snapshot(
        cls,
        path: str | Path,
        dataset: Sized,
        *,
        rank: int | None = None,
        num_replicas: int | None = None,
        drop_last: bool = False,
        batch_size: int | None = None,
        record: bool | str | Recorder | None = None,
    ) -> "CurriculumSampler":
        """The sampler that `snapshot` wrote: the same epochs, without a database.

        Parameters
        ----------
        dataset
            The one that the sampler was made with: every picture and label is compared by
            fingerprint, or its length where the pictures could not be read.
        rank, num_replicas, drop_last, batch_size, record
            As of `CurriculumSampler`; every rank reads the file.

        Raises
        ------
        UsageError
            If the file is not there or no snapshot.
        DatasetMismatchError
            If `dataset` is another, with the first differing position.
        """
        held = read_snapshot(path, dataset)
        prepared = Prepared(held.curriculum, held.examples, held.source, None)
        sampler = cls.__new__(cls)
        PlannedSampler.__init__(
            sampler,
            dataset,
            prepared,
            find_ranks(rank, num_replicas),
            drop_last=drop_last,
            batch_size=batch_size,
            record=make_recorder(record),
        )
        return sampler

    def snapshot(self, path: str | Path) -> None:
        """Write parameters, scores and what tells the dataset's examples apart to one file."""
        held = Snapshot(self.curriculum, self._examples, self._source)
        write_snapshot(path, held, self._dataset)
