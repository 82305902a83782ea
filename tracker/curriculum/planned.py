"""The epochs of a curriculum, handed out to one of several ranks, stopped and gone on with."""

import operator
import warnings
from collections.abc import Iterator, Mapping, Sized
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sqlalchemy.exc import SQLAlchemyError
from torch import Tensor
from torch.utils.data import Sampler

from tracker.curriculum.given import scores_of
from tracker.curriculum.missing import missing_words
from tracker.curriculum.options import Prepared
from tracker.curriculum.order import BLIND, Floats
from tracker.curriculum.plan import (
    EpochPlan,
    Examples,
    epoch_length,
    epoch_segments,
    make_ranking,
    plan_epoch,
)
from tracker.curriculum.ranks import Ranks
from tracker.curriculum.scores import Question, ask
from tracker.curriculum.shards import shard, shard_length
from tracker.curriculum.source import Recorder, shown_score
from tracker.curriculum.state import State, examples_digest
from tracker.curriculum.walk import Walk
from tracker.errors import TrackerError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

REFRESH_SECONDS = 10.0
"""How long the database may take to answer while training waits."""


class PlannedSampler(Sampler[Any]):
    """Hands out what `plan_epoch` says; `CurriculumSampler` is one that users can make.

    Parameters
    ----------
    dataset
        Map-style dataset of N examples.
    prepared
        Description, arrays and where they are from.
    ranks
        Which of how many processes this is.
    drop_last, batch_size, record, engine
        As of `CurriculumSampler`.
    refresh
        What to ask the database at each new epoch.
    """

    def __init__(
        self,
        dataset: Sized,
        prepared: Prepared,
        ranks: Ranks,
        *,
        drop_last: bool = False,
        batch_size: int | None = None,
        record: Recorder | None = None,
        refresh: Question | None = None,
        engine: "Engine | None" = None,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, got {batch_size}")
        self.curriculum = prepared.curriculum
        self.epoch = 0
        self.batch_size = batch_size
        self.drop_last = drop_last
        self._dataset = dataset
        self._ranks = ranks
        self._source = prepared.source
        self._examples = prepared.examples
        self._ranking = make_ranking(self.curriculum, self._examples)
        self._described = self.curriculum.as_json()
        self._digest = examples_digest(self._examples)
        self._own_scores = not prepared.source.ensembles
        self._pending: Floats | None = None
        self._refreshed = refresh
        self._engine = engine
        self._walk: Walk | None = None
        self._begun_at = 0
        self._record = record if ranks.rank == 0 else None
        # A name that is taken ends the sampler on all ranks: the others would wait for the first.
        ranks.from_first(self._begin_record)

    def __repr__(self) -> str:
        scores = shown_score(self._source.score or "own scores")
        ensembles = f" of {' + '.join(self._source.ensembles)}" if self._source.ensembles else ""
        missing = missing_words(self.curriculum, self._examples)
        return (
            f"<{type(self).__name__}: {self.curriculum.order} by {scores}{ensembles}, "
            f"epoch {self.epoch} of {self.curriculum.epochs}, "
            f"pool {self.pool_size} of {len(self._ranking)}"
            f"{f', {missing}' if missing else ''}>"
        )

    @property
    def rank(self) -> int:
        """Which process this is, from 0."""
        return self._ranks.rank

    @property
    def num_replicas(self) -> int:
        """How many processes train together."""
        return self._ranks.replicas

    @property
    def ranking(self) -> NDArray[np.int64]:
        """The M examples that take part, first to enter the pool first, shape (M,)."""
        return self._ranking.indices

    @property
    def pool_size(self) -> int:
        """Number of examples in the pool at the end of the current epoch."""
        return epoch_segments(self.curriculum, len(self._ranking), self.epoch)[-1].pool

    def __len__(self) -> int:
        """Number of examples, or batches, of the current epoch on this rank."""
        return self._share(epoch_length(self.curriculum, len(self._ranking), self.epoch))

    def __iter__(self) -> Iterator[Any]:
        """The current epoch's indices on this rank, from where a loaded state left off."""
        # Loaders with workers make an iterator that they never use before the one that they do.
        again = self._walk is not None and not self._walk.untouched
        begin = 0 if again else self._begun_at
        if begin == 0:
            self._take_up_pending()
        plan = plan_epoch(self.curriculum, self._examples, self.epoch, self._ranking)
        rest = shard(
            plan.indices, self.rank, self.num_replicas, drop_last=self.drop_last, position=begin
        )
        self._begun_at = begin
        told = partial(self._tell, self.epoch, plan, self._examples)
        self._walk = Walk(rest, self.batch_size, drop_last=self.drop_last, begin=told)
        return iter(self._walk)

    def set_epoch(self, epoch: int) -> None:
        """Make `epoch` (from 0) the one that is iterated next; the pacing's t.

        A new epoch takes up the scores of `update`, and with `refresh` reads the database: then
        all ranks have to call it. The epoch that it is already stays where it is.
        """
        try:
            wanted = operator.index(epoch)
        except TypeError:
            raise UsageError(f"epoch must be a whole number, got {epoch!r}") from None
        if wanted < 0:
            raise UsageError(f"epoch must be at least 0, got {epoch}")
        if wanted == self.epoch:
            return
        self.epoch = wanted
        self._walk, self._begun_at = None, 0
        self._take_up_pending()
        if self._refreshed is not None:
            self._refresh(self._refreshed)

    def update(self, scores: "ArrayLike | Tensor") -> None:
        """Other scores from the next epoch on: the run's own losses, for self-paced learning.

        Parameters
        ----------
        scores
            Shape (N,), NaN where missing, easy at the same end as before. Where ranks were found
            by torch, all have to call it, and those of rank 0 count.
        """
        blind = self.curriculum.order in BLIND and self.curriculum.band is None
        if blind and self.curriculum.missing == "last":
            raise UsageError(f"scores have no effect on order {self.curriculum.order!r}")
        found = self._ranks.from_first(lambda: scores_of(scores, len(self._examples)))
        # Errors here rather than at the next epoch.
        make_ranking(self.curriculum, replace(self._examples, scores=found))
        self._pending, self._own_scores = found, False

    def state_dict(self, examples: int | None = None) -> dict[str, Any]:
        """Where the sampler is, to go on from there in the middle of an epoch.

        Parameters
        ----------
        examples
            How many examples of this epoch this rank has trained on; those handed out, if not
            given. A `DataLoader` with workers fetches ahead of the training, so say it there
            (torchdata's `StatefulDataLoader` keeps count itself).
        """
        taken = 0 if self._walk is None else self._walk.taken
        if examples is not None:
            if examples < 0:
                raise UsageError(f"examples must be at least 0, got {examples}")
            position = examples * self.num_replicas
        else:
            position = self._begun_at + taken * self.num_replicas
        return State(
            epoch=self.epoch,
            position=position,
            curriculum=self._described,
            examples=self._digest,
            scores=None if self._own_scores else self._examples.scores,
            weights=None if self._own_scores else self._examples.weights,
            pending=self._pending,
        ).as_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken, with any number of ranks and any batch size.

        Raises
        ------
        UsageError
            If it is of another curriculum, or of other scores of the user's.
        """
        state = State.from_dict(state_dict)
        state.check(self.curriculum, self._examples)
        ahead = self.epoch > state.epoch and self._is_done(state)
        if state.scores is None:
            if state.examples != self._digest:
                raise UsageError("the state is of other scores, labels or weights than these")
        elif not (ahead and self._refreshed is not None):
            self._put(state.scores, state.weights)
            self._own_scores = False
        self._pending = state.pending
        self._walk = None
        # A loader that is resumed after `set_epoch` may load the end of the epoch before.
        if not ahead:
            self.epoch, self._begun_at = state.epoch, state.position

    def _share(self, count: int) -> int:
        """Number of examples, or batches, of this rank where all together have `count` examples."""
        own = shard_length(count, self.num_replicas, drop_last=self.drop_last)
        if self.batch_size is None:
            return own
        return shard_length(own, self.batch_size, drop_last=self.drop_last)

    def _is_done(self, state: State) -> bool:
        whole = epoch_length(self.curriculum, len(self._ranking), state.epoch)
        return self._share(max(whole - state.position, 0)) == 0

    def _take_up_pending(self) -> None:
        if self._pending is not None:
            self._put(self._pending, self._examples.weights)
            self._pending = None

    def _put(self, scores: Floats, weights: Floats | None) -> None:
        self._examples = replace(self._examples, scores=scores, weights=weights)
        self._ranking = make_ranking(self.curriculum, self._examples)
        self._digest = examples_digest(self._examples)

    def _refresh(self, question: Question) -> None:
        """The database's scores of now; the last ones if they cannot be had."""

        def read() -> tuple[Floats | None, str]:
            try:
                found = ask(question, self._engine, REFRESH_SECONDS).scores
                make_ranking(self.curriculum, replace(self._examples, scores=found))
            except (TrackerError, SQLAlchemyError, OSError) as error:
                return None, _one_line(error)
            return found, ""

        found, reason = self._ranks.from_first(read)
        if found is not None:
            self._put(found, self._examples.weights)
        elif self.rank == 0:
            _warn(f"epoch {self.epoch} keeps the scores of before: {reason}")

    def _begin_record(self) -> None:
        if self._record is not None:
            self._record.begin(self.curriculum, self._examples, self._source)

    def _tell(self, epoch: int, plan: EpochPlan, examples: Examples) -> None:
        """Tell the recorder that an epoch begins; training goes on if it fails."""
        if self._record is None:
            return
        try:
            self._record.epoch(epoch, plan, examples)
        except (TrackerError, SQLAlchemyError, OSError) as error:
            _warn(f"epoch {epoch} is not recorded: {_one_line(error)}")


def _one_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=3)
