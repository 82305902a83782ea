"""A pacing function with its parameters: what a curriculum keeps, as JSON, of how its pool grows.

`fixed-exponential` and `varied-exponential`: Hacohen and Weinshall, "On the Power of Curriculum
Learning in Training Deep Networks", ICML 2019; the others: `tracker.curriculum.pacing`.
"""

import math
import operator
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from numbers import Real

from tracker.curriculum.pacing import PACING, check_start_and_grow, clamp, pool_size
from tracker.errors import UsageError, choice_error

EXPONENTIALS = ("fixed-exponential", "varied-exponential")
"""N min(s r^k, 1) after k steps of the pool, all of length L or each of its own."""

TABLE = "table"
"""A share for each t: what a callable or a sequence of the user's is stored as."""

PACINGS = (*PACING, *EXPONENTIALS)
"""Every name that can be asked for."""


@dataclass(frozen=True)
class Pacing:
    """A pacing function with its parameters: t to pool size. Frozen, and JSON's by `asdict`.

    What its function does not read is None. `make_pacing` fills in defaults.

    Attributes
    ----------
    name
        A name in `PACINGS`, or `table`.
    start
        b of Wu et al., s of Hacohen & Weinshall: first share of the examples, in [0, 1].
    grow
        a: share of training over which the pool grows (`PACING` only).
    increase
        r: factor by which the pool grows at each step of an exponential.
    lengths
        L: how long each step of an exponential lasts, in epochs or optimizer steps. One number
        for `fixed-exponential`, one each for `varied-exponential`: after the last the pool stays.
    shares
        Of `table`: the share of the examples at t = 0, 1, ...; later ones are as the last.
    """

    name: str = "linear"
    start: float | None = None
    grow: float | None = None
    increase: float | None = None
    lengths: tuple[int, ...] | None = None
    shares: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.name not in (*PACINGS, TABLE):
            raise choice_error("pacing", self.name, PACINGS)
        read = _READ[self.name]
        for parameter in ("start", "grow", "increase", "lengths", "shares"):
            given = getattr(self, parameter) is not None
            if given != (parameter in read):
                has = "has no" if given else "needs"
                raise UsageError(f"pacing {self.name!r} {has} {_SHOWN.get(parameter, parameter)}")
        check_start_and_grow(self.start, self.grow)
        if self.increase is not None and not (self.increase > 1 and math.isfinite(self.increase)):
            raise UsageError(f"increase must be above 1 (a factor), got {self.increase}")
        for length in self.lengths or ():
            if not (isinstance(length, int) and length >= 1):
                raise UsageError(f"step_length must be whole numbers from 1, got {length}")
        if self.shares is not None and not self.shares:
            raise UsageError("pacing needs at least one share")

    def size(self, t: int, total: int, n: int) -> int:
        """Size of the pool of `n` examples at time `t` of `total`, clamped to [1, n].

        Parameters
        ----------
        t
            Time since the start of training, from 0, in epochs or steps.
        total
            T: length of training, in the unit of `t`. Later times are allowed.
        n
            N: number of examples.
        """
        if self.grow is not None and self.start is not None:
            return pool_size(self.name, t, total, n, self.grow, self.start)
        return clamp(n * self._share(t), n)

    def _share(self, t: int) -> float:
        """Share of the examples at `t`, of what does not depend on the length of training."""
        if self.shares is not None:
            return self.shares[min(t, len(self.shares) - 1)]
        steps = self._steps_done(t)
        try:
            return min((self.start or 0) * (self.increase or 1) ** steps, 1)
        except OverflowError:
            return 1

    def _steps_done(self, t: int) -> int:
        """How often an exponential has grown by `t`."""
        lengths = self.lengths or (1,)
        if self.name == "fixed-exponential":
            return t // lengths[0]
        return bisect_right(list(accumulate(lengths)), t)


_READ = {
    **dict.fromkeys(PACING, ("start", "grow")),
    **dict.fromkeys(EXPONENTIALS, ("start", "increase", "lengths")),
    TABLE: ("shares",),
}
"""The parameters of each."""

_SHOWN = {"lengths": "step_length"}
"""Parameters that users know by another name."""

_DEFAULTS: dict[str, tuple[float, float | None, float | None, int | None]] = {
    **dict.fromkeys(PACING, (0.2, 0.8, None, None)),
    # The authors' for CIFAR-100, in steps.
    "fixed-exponential": (0.04, None, 1.9, 100),
    "varied-exponential": (0.04, None, 1.9, None),
}
"""`start`, `grow`, `increase` and `step_length` where they are not given."""


def make_pacing(
    pacing: "str | Callable[[int], float] | Sequence[float]" = "linear",
    total: int = 1,
    *,
    start: float | None = None,
    grow: float | None = None,
    increase: float | None = None,
    step_length: int | Sequence[int] | None = None,
) -> Pacing:
    """The pacing function that a user asks for, with defaults filled in.

    Parameters
    ----------
    pacing
        A name in `PACINGS`; or a function from t = 0, 1, ..., total - 1 to the share of the
        examples that is in the pool, or these shares.
    total
        T, in epochs or steps: for how many t a function is asked.
    start, grow, increase, step_length
        See `Pacing`; `step_length` are its `lengths`.

    Raises
    ------
    UsageError
        If a name is unknown, a parameter out of range, without effect or missing.
    """
    lengths = _whole(step_length)
    given = {"start": start, "grow": grow, "increase": increase, "step_length": lengths}
    if not isinstance(pacing, str):
        for name, value in given.items():
            if value is not None:
                raise UsageError(f"a pacing function or table of your own has no {name}")
        return Pacing(TABLE, shares=_tabulate(pacing, total))
    if pacing not in PACINGS:
        raise choice_error("pacing", pacing, PACINGS)
    if pacing == "varied-exponential" and lengths is None:
        raise UsageError("pacing 'varied-exponential' needs step_length, a number for each step")
    if pacing == "fixed-exponential" and lengths is not None and len(lengths) != 1:
        raise UsageError(
            "pacing 'fixed-exponential' has one step_length: choose varied-exponential"
        )
    b, a, r, length = _DEFAULTS[pacing]
    lengths = lengths if lengths is not None else (length,) if length is not None else None
    return Pacing(
        pacing,
        start=b if start is None else start,
        grow=a if grow is None else grow,
        increase=r if increase is None else increase,
        lengths=lengths,
    )


def _whole(step_length: int | Iterable[int] | None) -> tuple[int, ...] | None:
    """Lengths as Python's integers, which JSON can hold; NumPy's are taken."""
    if step_length is None:
        return None
    lengths = step_length if isinstance(step_length, Iterable) else (step_length,)
    try:
        return tuple(operator.index(length) for length in lengths)
    except TypeError:
        raise UsageError(f"step_length must be whole numbers from 1, got {step_length}") from None


def _tabulate(pacing: "Callable[[int], float] | Sequence[float]", total: int) -> tuple[float, ...]:
    shares = map(pacing, range(total)) if callable(pacing) else pacing
    found: list[float] = []
    for t, share in enumerate(shares):
        if not isinstance(share, Real) or not math.isfinite(share):
            raise UsageError(f"pacing must give a share of the examples, got {share!r} at t = {t}")
        found.append(float(share))
    return tuple(found)
