"""What a curriculum is: everything that decides, with scores and labels, each epoch's examples."""

import hashlib
import json
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from tracker.curriculum.growth import Pacing
from tracker.curriculum.order import (
    BLIND,
    EASY_ENDS,
    MISSING,
    UNPACED,
    Easy,
    check_order,
)
from tracker.curriculum.sampling import SAMPLINGS
from tracker.errors import UsageError, choice_error
from tracker.specs import MAX_SEED

UNITS = ("epoch", "step")

LINEAR = Pacing("linear", start=0.2, grow=0.8)


@dataclass(frozen=True)
class Curriculum:
    """A curriculum's parameters: frozen, checked, and JSON's by `as_json` and `from_json`.

    Options that would have no effect together are refused.

    Attributes
    ----------
    epochs
        T: length of training.
    seed
        From 0 to 2^31 - 1: decides ties between equal scores and the order of each epoch.
    order
        A name in `tracker.curriculum.order.ORDERS`.
    easy
        At which end of the score easy examples are; None where the order does not look.
    missing
        What becomes of examples without a score: `last`, `first`, `drop`, `error`.
    balance
        Classes enter the pool round-robin (Hacohen & Weinshall 2019).
    band
        Only examples with a score between these two quantiles of the scores, both inclusive.
    pacing
        How fast the pool grows; None for the whole set at every epoch (order `shuffled`).
    unit
        Whether the pool grows by epoch or by optimizer step.
    step_examples
        Examples of one optimizer step on all ranks together, where the unit is a step.
    sampling
        How examples are drawn from the pool: a name in `tracker.curriculum.sampling.SAMPLINGS`.
    num_samples
        Examples of an epoch on all ranks together; as many as are in the pool if not given, or,
        where the unit is a step, as there are in all.
    """

    epochs: int
    seed: int = 0
    order: str = "easy-first"
    easy: Easy | None = "high"
    missing: str = "last"
    balance: bool = False
    band: tuple[float, float] | None = None
    pacing: Pacing | None = LINEAR
    unit: str = "epoch"
    step_examples: int | None = None
    sampling: str = "shuffle"
    num_samples: int | None = None

    def __post_init__(self) -> None:
        check_order(self.order)
        for name in ("epochs", "step_examples", "num_samples"):
            # NumPy's integers are taken, and kept as JSON can hold them.
            object.__setattr__(self, name, check_whole(name, getattr(self, name), 1))
        object.__setattr__(self, "seed", check_whole("seed", self.seed))
        if not 0 <= self.seed <= MAX_SEED:
            raise UsageError(f"seed must lie between 0 and {MAX_SEED}, got {self.seed}")
        for name, choices in (("missing", MISSING), ("unit", UNITS), ("sampling", SAMPLINGS)):
            if getattr(self, name) not in choices:
                raise choice_error(name, getattr(self, name), choices)
        if self.easy not in (None, *EASY_ENDS):
            raise choice_error("easy", self.easy, EASY_ENDS)
        if self.missing == "first" and self.order in BLIND:
            raise UsageError(f"missing='first' has no effect on order {self.order!r}")
        if self.easy is None and self.order not in BLIND:
            raise UsageError(f"order {self.order!r} needs easy: choose one of high, low")
        self._check_pool()
        self._check_band()
        if self.sampling == "without-replacement" and self.unit == "epoch" and not self.num_samples:
            raise UsageError(
                "sampling='without-replacement' of as many as there are in the pool is a shuffled "
                "pass: give num_samples, how many to draw"
            )

    def _check_pool(self) -> None:
        if self.order in UNPACED:
            for name, given in (("pacing", self.pacing), ("balance", self.balance or None)):
                if given is not None:
                    raise UsageError(
                        f"{name} has no effect on order {self.order!r}, which always has the whole "
                        "set: leave it out, or choose order='random'"
                    )
        elif self.pacing is None:
            raise UsageError(f"order {self.order!r} needs a pacing")
        by_step = self.unit == "step"
        if by_step and self.pacing is None:
            raise UsageError(f"unit='step' has no effect on order {self.order!r}")
        if by_step != (self.step_examples is not None):
            raise UsageError(
                "unit='step' needs step_examples, the examples of one optimizer step on all ranks"
                if by_step
                else "step_examples has no effect on a pool that grows by epoch: give unit='step'"
            )

    def _check_band(self) -> None:
        if self.band is None:
            return
        low, high = self.band
        if not 0 <= low < high <= 1:
            raise UsageError(f"band must be two quantiles, 0 <= low < high <= 1, got {self.band}")
        if self.missing in ("last", "first"):
            raise UsageError(
                "missing scores lie in no band: choose missing='drop' or missing='error'"
            )

    def as_json(self) -> dict[str, Any]:
        """Everything that is not None, as JSON can hold it."""
        found = {name: value for name, value in asdict(self).items() if value is not None}
        if self.pacing is not None:
            pacing = asdict(self.pacing).items()
            found["pacing"] = {name: value for name, value in pacing if value is not None}
        # Tuples become lists, as they will be when they are read again.
        plain: dict[str, Any] = json.loads(json.dumps(found))
        return plain

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Curriculum":
        """The curriculum that `as_json` wrote.

        Raises
        ------
        UsageError
            If a field is unknown or missing, or a value not what it can be.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(stored.keys() - known):
            raise choice_error("parameter of a curriculum", unknown[0], sorted(known))
        # What is not there was None.
        read = {"pacing": None, "easy": None, **stored}
        try:
            if read["pacing"] is not None:
                lists = {"lengths", "shares"} & read["pacing"].keys()
                tuples = {name: tuple(read["pacing"][name]) for name in lists}
                read["pacing"] = Pacing(**{**read["pacing"], **tuples})
            if read.get("band") is not None:
                read["band"] = tuple(read["band"])
            return cls(**read)
        except (TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"not a curriculum: {error}") from None

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal: equal curricula have equal digests."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def check_whole(name: str, value: Any, least: int | None = None) -> int | None:
    """`value` as an integer, None as None; `UsageError` if it is none, or below `least`."""
    if value is None:
        return None
    try:
        whole = operator.index(value)
    except TypeError:
        raise UsageError(f"{name} must be a whole number, got {value!r}") from None
    if least is not None and whole < least:
        raise UsageError(f"{name} must be at least {least}, got {value}")
    return whole
