"""Ensembles that train under a curriculum: scores as of the enqueue, an order for each run.

options = CurriculumOptions("easy-first", ("mnist5k-mlp-tiny",))
spec, examples = curriculum_of(engine, options, dataset)
order = RunOrder(spec, examples, seed=3, epochs=30)
order.indices(epoch)
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Integer, Text, column, select, table

from tracker.curriculum.columns import easy_end
from tracker.curriculum.description import Curriculum
from tracker.curriculum.growth import make_pacing
from tracker.curriculum.order import BLIND, EASY_ENDS, UNPACED, Easy, Indices, check_order
from tracker.curriculum.plan import Examples, make_ranking, plan_epoch
from tracker.curriculum.records import snapshot_digest
from tracker.curriculum.scores import Question, StoredSplit, ask, read_examples, read_split
from tracker.errors import DatasetMismatchError, UsageError
from tracker.registry import RegisteredDataset
from tracker.schedule import Schedule
from tracker.specs import CurriculumSpec, EnsembleSpec

SUSPECTED = table("suspected_label_errors", column("ensemble", Text), column("position", Integer))


@dataclass(frozen=True)
class CurriculumOptions:
    """What a user asks for; see `tracker.curriculum.description.Curriculum`."""

    order: str
    ensembles: tuple[str, ...]
    """Those whose scores, averaged, decide the order."""
    score: str = "accessibility"
    """A column of a view with one row per example: see `tracker.curriculum.columns.find_score`."""
    easy: str | None = None
    """At which end of the score easy examples are; known for the field's scores."""
    pacing: str | None = None
    start: float | None = None
    grow: float | None = None
    balance: bool = False
    drop_suspected: bool = False
    """Leave out the examples that the view `suspected_label_errors` names."""

    def curriculum(self, epochs: int = 1, seed: int = 0) -> Curriculum:
        """The description that these options ask for.

        Raises
        ------
        UsageError
            If one is unknown, out of range, or without effect.
        """
        check_order(self.order)
        unpaced = self.order in UNPACED
        for name in ("pacing", "start", "grow"):
            if unpaced and getattr(self, name) is not None:
                raise UsageError(
                    f"{name} has no effect on order {self.order!r}, which always has the whole set"
                )
        return Curriculum(
            epochs=epochs,
            seed=seed,
            order=self.order,
            easy=self._easy,
            balance=self.balance,
            pacing=None
            if unpaced
            else make_pacing(
                "linear" if self.pacing is None else self.pacing,
                epochs,
                start=self.start,
                grow=self.grow,
            ),
        )

    def check(self, epochs: int = 1, seed: int = 0) -> None:
        """`curriculum` without a database: which end of an unknown score is easy can wait.

        `curriculum_of` tells scores that do not exist from those whose end nobody has said.
        """
        known = easy_end(self.score, self.easy)
        replace(self, easy=known or EASY_ENDS[0]).curriculum(epochs, seed)

    @property
    def _easy(self) -> Easy | None:
        easy = easy_end(self.score, self.easy)
        if self.order in BLIND:
            return None
        if easy is None:
            raise UsageError(f"which end of {self.score!r} is easy? Give --easy high or --easy low")
        return easy


def curriculum_of(
    engine: Engine, options: CurriculumOptions, dataset: RegisteredDataset
) -> tuple[CurriculumSpec, Examples]:
    """The curriculum of an ensemble to be queued, and what it goes by: the scores of this moment.

    Parameters
    ----------
    dataset
        Of the ensemble to be queued.

    Raises
    ------
    UsageError
        If the options are wrong, or the reference ensemble does not exist or has no scores yet.
    DatasetMismatchError
        If the reference ensemble was trained on other examples.
    """
    split = read_split(options.ensembles[0], "train", engine)
    if split.dataset_id != dataset.id:
        raise DatasetMismatchError(
            f"ensemble {split.ensemble!r} is of dataset {split.dataset}, not of {dataset.name}, "
            "whose examples or labels are others: its scores say nothing of these"
        )
    # Before the parameters: of a score that does not exist nobody asks which end is easy.
    answer = ask(Question(options.ensembles, options.score), engine)
    curriculum = options.curriculum()
    parameters = curriculum.as_json()
    # Each run has its own.
    del parameters["seed"], parameters["epochs"]
    examples = Examples(
        scores=answer.scores,
        labels=read_examples(split, engine)[1] if options.balance else None,
        weights=_unsuspected(engine, split) if options.drop_suspected else None,
    )
    source = {
        "ensembles": list(options.ensembles),
        "score": str(answer.score),
        "split": split.split,
    }
    if options.drop_suspected:
        source["dropped"] = "suspected_label_errors"
    spec = CurriculumSpec(
        parameters=parameters, source=source, snapshot=snapshot_digest(examples).hex()
    )
    # What nobody could train on is refused now, and not by every worker.
    make_ranking(curriculum, examples)
    return spec, examples


def _unsuspected(engine: Engine, split: StoredSplit) -> NDArray[np.float64]:
    """1 for each example, 0 for those whose label the ensemble contradicts."""
    query = select(SUSPECTED.c.position).where(SUSPECTED.c.ensemble == split.ensemble)
    with engine.connect() as connection:
        suspected = connection.scalars(query).all()
    weights = np.ones(split.size)
    weights[list(suspected)] = 0
    return weights


class RunOrder:
    """The order in which one run sees its training examples, epoch by epoch.

    An epoch is as many examples as without a curriculum, so that all runs of a recipe take equally
    many optimizer steps: a pool that is smaller is passed through again, each time in another
    order. It depends on nothing but the seed and the epoch.

    Parameters
    ----------
    spec
        The curriculum of the run's ensemble.
    examples
        What it goes by.
    seed
        Of the run.
    epochs
        T: length of training.
    trained
        Positions of the run's training examples, if it holds some out; all, if not given.
    """

    def __init__(
        self,
        spec: CurriculumSpec,
        examples: Examples,
        *,
        seed: int,
        epochs: int,
        trained: Indices | None = None,
    ) -> None:
        if trained is not None:
            weights = np.zeros(len(examples))
            weights[trained] = 1 if examples.weights is None else examples.weights[trained]
            examples = Examples(examples.scores, examples.labels, weights)
        size = len(examples) if trained is None else len(trained)
        self.curriculum = Curriculum.from_json(
            {**spec.parameters, "seed": seed, "epochs": epochs, "num_samples": size}
        )
        self._examples = examples
        self._ranking = make_ranking(self.curriculum, examples)

    @classmethod
    def of(cls, spec: EnsembleSpec, examples: Examples, seed: int) -> "RunOrder":
        """The order of the run of `seed` in an ensemble that trains under a curriculum.

        Raises
        ------
        UsageError
            If it trains without one.
        """
        if spec.curriculum is None:
            raise UsageError("the ensemble trains without a curriculum")
        size = len(examples)
        return cls(
            spec.curriculum,
            examples,
            seed=seed,
            epochs=Schedule.of(spec, size).epochs,
            trained=np.flatnonzero(~spec.held_out(seed, size)),
        )

    def indices(self, epoch: int) -> Indices:
        """Positions in the training split, int64 [n], of one epoch."""
        return plan_epoch(self.curriculum, self._examples, epoch, self._ranking).indices
