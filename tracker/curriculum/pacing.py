"""How fast the pool of training examples grows: the pacing functions of x = t/(aT).

Formulas: Wu, Dyer and Neyshabur, "When Do Curricula Work?", ICLR 2021; `single-step`: Hacohen
and Weinshall, "On the Power of Curriculum Learning in Training Deep Networks", ICML 2019.
`tracker.curriculum.growth` has those that do not depend on the length of training.
"""

import math
from collections.abc import Callable

from tracker.errors import UsageError, choice_error

TOLERANCE = 1e-12
"""Relative width within which a binary fraction counts as the decimal that was meant."""


def linear(x: float) -> float:
    """x."""
    return x


def quadratic(x: float) -> float:
    """x squared: slow at first."""
    return x * x


def root(x: float) -> float:
    """Square root of x: fast at first."""
    return math.sqrt(x)


def step(x: float) -> float:
    """floor(x): nothing, then all at once at x = 1."""
    return float(math.floor(x))


def exponential(x: float) -> float:
    """(e^{10x} - 1) / (e^{10} - 1): nearly nothing until x is about 0.7."""
    return math.expm1(10 * x) / math.expm1(10)


def logarithmic(x: float) -> float:
    """1 + ln(x + e^{-10}) / 10: more than half of the rest by x = 0.01.

    It passes 1 just before x = 1, by less than 5e-6; `pool_size` cuts that off.
    """
    return 1 + math.log(x + math.exp(-10)) / 10


PACING: dict[str, Callable[[float], float]] = {
    "linear": linear,
    "quadratic": quadratic,
    "root": root,
    "step": step,
    "exponential": exponential,
    "logarithmic": logarithmic,
    # N s for the first L steps, then N: Wu's `step` with b = s and aT = L.
    "single-step": step,
}
"""Name to share of the pool's growth done at x = t/(aT), for x in [0, 1]."""


def check_pacing(pacing: str, grow: float, start: float) -> None:
    """Refuse an unknown pacing function and parameters out of range.

    Raises
    ------
    UsageError
        If `pacing` is not in `PACING` (the message lists them), `start` is not in [0, 1], or
        `grow` is negative or not finite.
    """
    if pacing not in PACING:
        raise choice_error("pacing", pacing, PACING)
    check_start_and_grow(start, grow)


def check_start_and_grow(start: float | None, grow: float | None) -> None:
    """Refuse parameters out of range; None is not looked at."""
    if start is not None and not 0 <= start <= 1:
        raise UsageError(f"start must lie between 0 and 1 (a share of the examples), got {start}")
    # Wu et al. also train with a = 1.6, so that the pool never becomes the whole set.
    if grow is not None and not (grow >= 0 and math.isfinite(grow)):
        raise UsageError(f"grow must be at least 0 (a share of the training), got {grow}")


def pool_size(pacing: str, t: float, total: float, n: int, grow: float, start: float) -> int:
    """Number of examples in the pool at time `t`: the g(t) of Wu et al. 2021.

    g(t) = bN + (1-b)N f(t/(aT)), rounded down as the authors' code does, and clamped to
    [1, N]; N exactly from t = aT on. Binary fractions do not show: a value within 1e-12 N below
    a whole number is that number (0.29 of 100 is 29), and t within 1e-12 aT before aT is aT.
    The papers' `step` adds N rather than (1-b)N, which the clamp makes the same.

    Parameters
    ----------
    pacing
        A name in `PACING`: f.
    t
        Time since the start of training, from 0, in epochs or steps.
    total
        T: length of training, in the unit of `t`. Later times are allowed.
    n
        N: number of examples.
    grow
        a: share of training over which the pool grows. 0: the whole set from the start;
        above 1: never the whole set within T.
    start
        b: first share of the pool, in [0, 1].

    Raises
    ------
    UsageError
        If a value is out of range, or `pacing` is unknown.
    """
    check_pacing(pacing, grow, start)
    if not t >= 0:
        raise UsageError(f"time must be at least 0, got {t}")
    if not total > 0:
        raise UsageError(f"the length of training must be positive, got {total}")
    if n < 1:
        raise UsageError(f"the number of examples must be at least 1, got {n}")
    end = grow * total
    if t >= end * (1 - TOLERANCE):
        return n
    first = start * n
    return clamp(first + (n - first) * PACING[pacing](t / end), n)


def clamp(size: float, n: int) -> int:
    """`size` rounded down, as the decimal that was meant, in [1, n]."""
    return math.floor(min(max(size + n * TOLERANCE, 1), n))
