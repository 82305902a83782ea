"""Which of several training processes this is, and telling all of them what one has read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch.distributed as dist

from tracker.curriculum.shards import check_rank
from tracker.errors import TrackerError

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    rank: int
    replicas: int
    together: bool
    """Whether they are the processes of torch's default group, which can tell each other things."""

    def from_first(self, act: Callable[[], T]) -> T:
        """What `act` returns on rank 0; where ranks are together, nobody else calls it.

        Raises
        ------
        TrackerError
            On every rank, if `act` raises one on rank 0.
        """
        if not self.together:
            return act()
        told: list[T | TrackerError | None] = [None]
        failure: BaseException | None = None
        if self.rank == 0:
            try:
                told = [act()]
            except TrackerError as error:
                told = [error]
            except BaseException as error:
                # The others wait: they are told before it goes on its way here.
                told, failure = [TrackerError(f"rank 0 failed: {error}")], error
        dist.broadcast_object_list(told, src=0)
        if failure is not None:
            raise failure
        if isinstance(told[0], TrackerError):
            raise told[0]
        return told[0]  # type: ignore[return-value]


def find_ranks(rank: int | None = None, replicas: int | None = None) -> Ranks:
    """This process, as given, or as `torch.distributed` has it once it is initialised.

    Raises
    ------
    UsageError
        If only one of the two is given, or the rank does not exist.
    """
    check_rank(rank, replicas)
    if rank is not None and replicas is not None:
        return Ranks(rank, replicas, together=False)
    if dist.is_available() and dist.is_initialized():
        replicas = dist.get_world_size()
        return Ranks(dist.get_rank(), replicas, together=replicas > 1)
    return Ranks(0, 1, together=False)
