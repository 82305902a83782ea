"""Which training examples a run does not train on: `90:10`, `parts:4`, `part:1/4`.

    parse_holdout("90:10").held_out(seed=3, size=50_000)

Examples are drawn without regard to class, as in the papers ("90:10% random train:validation
splits", Baldock 2021 A; "we randomly split the train set into several partitions", Hacohen 2020
s.3.3). All runs of an ensemble train on equally many, so that they have the same steps and
evaluations.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError

FULL = "full"
SHARES = re.compile(r"(\d{1,2}):(\d{1,2})")
PARTS = re.compile(r"parts:(\d{1,18})")
PART = re.compile(r"part:(\d{1,18})/(\d{1,18})")
_SHARE_STREAM, _PARTS_STREAM = 2, 3
"""Second numbers of the generators' seeds: neither they nor label noise draw the same."""


class HoldOut(ABC):
    """How training examples are shared out between training and holding out."""

    @abstractmethod
    def trained_on(self, size: int) -> int:
        """How many of `size` training examples each run trains on."""

    @abstractmethod
    def held_out(self, seed: int, size: int) -> NDArray[np.bool_]:
        """Of `size` training examples, by position, those that the run of `seed` holds out."""

    @property
    @abstractmethod
    def name_part(self) -> str:
        """What it is called in the name of an ensemble."""

    def check(self, size: int) -> None:
        """Raise `UsageError` unless `size` examples give some to train on and some to hold out."""
        if not 0 < self.trained_on(size) < size:
            raise UsageError(
                f"--split {self} of {size} training examples trains on {self.trained_on(size)} of "
                "them: choose another, or --split full"
            )


@dataclass(frozen=True)
class ShareHeldOut(HoldOut):
    """Each run holds out a share of its own, drawn by its seed and by nothing else of it."""

    percent: int
    """Share of the training examples that is held out, 1 to 99."""

    def __str__(self) -> str:
        return f"{100 - self.percent}:{self.percent}"

    @property
    def name_part(self) -> str:
        """As `HoldOut.name_part`."""
        return f"heldout{self.percent}"

    def trained_on(self, size: int) -> int:
        """As `HoldOut.trained_on`."""
        return size - round(size * self.percent / 100)

    def held_out(self, seed: int, size: int) -> NDArray[np.bool_]:
        """As `HoldOut.held_out`."""
        return _all_but(_permutation([seed, _SHARE_STREAM], size)[: self.trained_on(size)], size)


@dataclass(frozen=True)
class Parts(HoldOut):
    """The runs whose seeds are equal modulo `count` train on one of so many disjoint parts.

    The parts are the same in all ensembles and have `size // count` examples each; the few that
    are left over are held out by all runs.
    """

    count: int

    def __str__(self) -> str:
        return f"parts:{self.count}"

    @property
    def name_part(self) -> str:
        """As `HoldOut.name_part`."""
        return f"parts{self.count}"

    def trained_on(self, size: int) -> int:
        """As `HoldOut.trained_on`."""
        return size // self.count

    def held_out(self, seed: int, size: int) -> NDArray[np.bool_]:
        """As `HoldOut.held_out`."""
        return Part(seed % self.count + 1, self.count).held_out(seed, size)


@dataclass(frozen=True)
class Part(HoldOut):
    """All runs train on one of the parts of `Parts`: ensembles of several can be compared."""

    number: int
    """From 1, the part of seed 0, to `count`."""
    count: int

    def __str__(self) -> str:
        return f"part:{self.number}/{self.count}"

    @property
    def name_part(self) -> str:
        """As `HoldOut.name_part`."""
        return f"part{self.number}of{self.count}"

    def trained_on(self, size: int) -> int:
        """As `HoldOut.trained_on`."""
        return size // self.count

    def held_out(self, seed: int, size: int) -> NDArray[np.bool_]:  # noqa: ARG002 (all seeds alike)
        """As `HoldOut.held_out`; the same for all seeds."""
        end = self.number * self.trained_on(size)
        order = _permutation([0, _PARTS_STREAM], size)
        return _all_but(order[end - self.trained_on(size) : end], size)


def parse_holdout(text: object) -> HoldOut | None:
    """What `text` says, as `str` writes it; None for `full`.

    Raises
    ------
    UsageError
        If it says nothing of the kind.
    """
    if text is None or isinstance(text, HoldOut):
        return text
    if text == FULL:
        return None
    shares, parts, part = (form.fullmatch(str(text)) for form in (SHARES, PARTS, PART))
    if shares and int(shares[1]) + int(shares[2]) == 100:
        return ShareHeldOut(int(shares[2]))
    if parts and int(parts[1]) > 1:
        return Parts(int(parts[1]))
    if part and 0 < int(part[1]) <= int(part[2]) > 1:
        return Part(int(part[1]), int(part[2]))
    raise UsageError(
        f"unknown split {text!r}: write full, two shares of 100 like 90:10 (trained on : held "
        "out), parts:K for K parts, 2 or more, or part:N/K for the N-th of them"
    )


def held_out(holdout: HoldOut | None, seed: int, size: int) -> NDArray[np.bool_]:
    """As `HoldOut.held_out`; without one, none is held out."""
    return np.zeros(size, np.bool_) if holdout is None else holdout.held_out(seed, size)


def _permutation(seed: list[int], size: int) -> NDArray[np.int64]:
    # RandomState and not default_rng: NumPy promises never to change its stream (NEP 19).
    return np.random.RandomState(seed).permutation(size)


def _all_but(positions: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    others = np.ones(size, np.bool_)
    others[positions] = False
    return others
