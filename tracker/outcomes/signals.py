"""The real numbers that an evaluation says of each example, by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.errors import choice_error

SIGNALS: Mapping[str, str] = {
    "confidence": "softmax probability of the label (Swayamdipta 2020)",
    "margin": "logit of the label minus the largest other logit (AUM, Pleiss 2020)",
    "loss": "cross-entropy",
    "el2n": "2-norm of softmax minus one-hot label (Paul 2021)",
    "output_margin": "largest minus second-largest logit (Baldock 2021 s.3.3)",
}
"""What each signal is that can be recorded at every evaluation."""

LAST_SIGNALS: Mapping[str, str] = {
    "input_margin": "distance to the nearest other class, to first order (Baldock 2021 s.3.3)",
}
"""What each signal is that can only be recorded at the last evaluation."""

ALL_SIGNALS = (*SIGNALS, *LAST_SIGNALS)

MARGINS = ("output_margin", "input_margin")
"""Recorded at the last evaluation of every run that is probed there."""

ALWAYS = ("confidence", "margin")
"""Summarised in every run: data maps and AUM need them. Recorded ones are summarised too."""


OUTPUTS = "outputs"
"""What else may be recorded: softmax outputs of the last evaluation, K numbers an example."""

MAX_OUTPUTS = 2**26
"""Outputs of one block at most: a field of Postgres holds a gigabyte, of 8 bytes a number as COPY
writes them."""


@dataclass(frozen=True, eq=False)
class SignalSummary:
    """One signal's mean and deviation over the evaluations of one run.

    Attributes
    ----------
    evaluations
        How many evaluations it covers.
    mean
        float64 [X], all examples in storage order.
    deviation
        Population standard deviation, float64 [X].
    """

    evaluations: int
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


def check_signals(names: Iterable[str]) -> tuple[str, ...]:
    """`names` sorted, each once.

    Raises
    ------
    UsageError
        If one is not a signal, listing those that are.
    """
    unique = sorted(set(names))
    for name in unique:
        if name not in SIGNALS:
            raise choice_error("signal", name, SIGNALS)
    return tuple(unique)


def measured_signals(recorded: Iterable[str]) -> tuple[str, ...]:
    """What a worker measures where `recorded` is asked for: that and `ALWAYS`, sorted."""
    return check_signals({*ALWAYS, *recorded})
