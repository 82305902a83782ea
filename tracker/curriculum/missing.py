"""What becomes of the examples without a score, in words: they look like the hardest ones."""

import numpy as np

from tracker.curriculum.description import Curriculum
from tracker.curriculum.order import BLIND
from tracker.curriculum.plan import Examples


def missing_words(curriculum: Curriculum, examples: Examples) -> str | None:
    """`206 of 1,438 examples have no score: they go last`, of those that have a weight above 0.

    None where each of them has a score, or where the order does not look.
    """
    there = np.ones(len(examples), bool) if examples.weights is None else examples.weights > 0
    count = int(np.isnan(examples.scores[there]).sum())
    left_out = curriculum.missing == "drop"
    if not count or (curriculum.order in BLIND and not left_out):
        return None
    have, they, go, are = (
        ("has", "it", "goes", "is") if count == 1 else ("have", "they", "go", "are")
    )
    fate = f"{are} left out" if left_out else f"{go} {curriculum.missing}"
    if curriculum.balance and not left_out:
        fate += f" of {'its' if count == 1 else 'their'} class"
    return f"{count:,} of {int(there.sum()):,} examples {have} no score: {they} {fate}"
