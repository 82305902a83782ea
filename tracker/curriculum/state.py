"""Where a sampler is in its epoch, as checkpoints hold it: plain values and tensors."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tracker.curriculum.description import Curriculum
from tracker.curriculum.order import Floats
from tracker.curriculum.plan import Examples
from tracker.errors import UsageError

VERSION = 1

ARRAYS = ("scores", "weights", "pending")


@dataclass(frozen=True, eq=False)
class State:
    """A moment of a sampler.

    Attributes
    ----------
    epoch
        The one that is iterated, or will be next.
    position
        How many of its examples all ranks together have had.
    curriculum
        As JSON.
    examples
        `examples_digest` of what the epoch was planned from.
    scores, weights
        What came from the database, which may have others by now; None where the user has them.
    pending
        Scores that count from the next epoch on.
    """

    epoch: int
    position: int
    curriculum: Mapping[str, Any]
    examples: str
    scores: Floats | None = None
    weights: Floats | None = None
    pending: Floats | None = None

    def as_dict(self) -> dict[str, Any]:
        """What `torch.save` can keep and `torch.load(weights_only=True)` read."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        return {
            "version": VERSION,
            "epoch": self.epoch,
            "position": self.position,
            "curriculum": dict(self.curriculum),
            "examples": self.examples,
            **{
                name: torch.from_numpy(values)
                for name, values in arrays.items()
                if values is not None
            },
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "State":
        """The state that `as_dict` gave.

        Raises
        ------
        UsageError
            If it is none.
        """
        try:
            if stored["version"] != VERSION:
                raise UsageError(f"not a state of this version's sampler: {stored['version']}")
            arrays = {
                name: np.asarray(stored[name].cpu(), dtype=np.float64)
                for name in ARRAYS
                if name in stored
            }
            return cls(
                epoch=int(stored["epoch"]),
                position=int(stored["position"]),
                curriculum=stored["curriculum"],
                examples=stored["examples"],
                **arrays,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"not a state of CurriculumSampler: {error!r}") from None

    def check(self, curriculum: Curriculum, examples: Examples) -> None:
        """`UsageError` if the state is of another curriculum or of other examples."""
        mine = curriculum.as_json()
        for name in sorted(mine.keys() | self.curriculum.keys()):
            one, other = mine.get(name), self.curriculum.get(name)
            if one != other:
                raise UsageError(
                    f"the state is of another curriculum: {name} is {other} there, {one} here"
                )
        for name in ARRAYS:
            values = getattr(self, name)
            if values is not None and len(values) != len(examples):
                raise UsageError(
                    f"the state is of {len(values)} examples, the sampler of {len(examples)}"
                )


def examples_digest(examples: Examples) -> str:
    """SHA-256, in hexadecimal, of all that an epoch is planned from besides the description."""
    digest = hashlib.sha256()
    for name in ("scores", "labels", "weights"):
        values = getattr(examples, name)
        if values is not None:
            digest.update(f"{name} {len(values)}\n".encode())
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
