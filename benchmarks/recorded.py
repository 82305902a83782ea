"""What runs record besides outcomes: numbers that look like signals, made from a seed.

No view looks for anything in them that real ones would have and these have not: they are added up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.content import Content, Floats
from tracker.outcomes.signals import SignalSummary

SUMMARISED = ("confidence", "margin")
"""Signals of which each run keeps mean and deviation over the evaluations."""
RECORDED = "el2n"
"""The signal that is recorded at every evaluation."""


@dataclass(frozen=True)
class Signals:
    """Those of one run."""

    recorded: Floats
    """`RECORDED` at each evaluation, float32 [E, N]."""
    summaries: dict[str, SignalSummary]


def signals_of(content: Content, run: int) -> Signals:
    """The signals of run `run`."""
    generator = np.random.default_rng([content.seed, 5, content.first_run + run])
    shape = (content.evaluations, content.examples)
    return Signals(
        recorded=generator.random(shape, dtype=np.float32),
        summaries={
            name: SignalSummary(
                content.evaluations,
                generator.random(content.examples),
                generator.random(content.examples) / 2,
            )
            for name in SUMMARISED
        },
    )


def held_out_of(content: Content, run: int) -> NDArray[np.bool_]:
    """The tenth of the examples that run `run` did not train on, bool [N]."""
    generator = np.random.default_rng([content.seed, 7, content.first_run + run])
    held_out: NDArray[np.bool_] = generator.random(content.examples) < 0.1
    return held_out


def outputs_of(content: Content, run: int) -> Floats:
    """Softmax outputs of run `run` in the end, float32 [N, K]: alike where an example is easy."""
    generator = np.random.default_rng([content.seed, 6, content.first_run + run])
    logits = generator.standard_normal((content.examples, content.classes), dtype=np.float32)
    logits[np.arange(content.examples), content.labels] += 3
    powers = np.exp(logits)
    outputs: Floats = powers / powers.sum(1, keepdims=True)
    return outputs
