"""Hypothesis strategies: ensembles of every shape, small enough to be written fast, and JSON."""

import numpy as np
from hypothesis import strategies as st

from tests.support.ensembles import LAYERS, Story
from tracker.outcomes.signals import SIGNALS

CLASSES = (1, 2, 3, 10, 1000)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner,
                                                                max_size=3),
    max_leaves=6,
)  # fmt: skip
"""Whatever JSON has."""


@st.composite
def stories(draw: st.DrawFn, *, examples: int = 20, runs: int = 6, evaluations: int = 6) -> Story:
    """Ensembles of up to so many examples a split, runs and evaluations.

    Some have a test split, gaps, runs behind the others, runs without evaluations, failed ones;
    evaluation 0 or not; examples that all runs have right, or none; predicted classes that are
    not known, of all runs or of some; probes at some evaluations.
    """
    sizes = {"train": draw(st.integers(1, examples))}
    if draw(st.booleans()):
        sizes["test"] = draw(st.integers(1, examples))
    num_classes = draw(st.sampled_from(CLASSES))
    shape = (draw(st.integers(1, runs)), sum(sizes.values()), draw(st.integers(1, evaluations)))
    ordinals = st.sets(st.integers(0, shape[2] - 1)).map(sorted)
    complete = list(range(draw(st.integers(0, 1)) if shape[2] > 1 else 0, shape[2]))
    prefixes = st.integers(0, len(complete)).map(lambda length: complete[:length])
    recorded = draw(
        st.one_of(
            st.just([complete] * shape[0]),
            st.lists(prefixes, min_size=shape[0], max_size=shape[0]),
            st.lists(ordinals, min_size=shape[0], max_size=shape[0]),
        )
    )
    noisy = draw(st.booleans())
    states = st.sampled_from(["complete", "running", "cancelled", "queued", "failed"])
    # The arrays come from one number: drawing every cell would take hypothesis seconds.
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    labels = rng.integers(0, num_classes, shape[1])
    ease = draw(st.sampled_from(["random", "learning", "right", "wrong"]))
    chance = {
        "random": rng.random((shape[1], 1)),
        "learning": rng.random((shape[1], 1)) ** (2 / (1 + np.arange(shape[2]))),
        "right": np.ones(1),
        "wrong": np.zeros(1),
    }[ease]
    guesses = rng.integers(0, num_classes, shape)
    if ease == "wrong" and num_classes > 1:
        guesses = (labels[None, :, None] + rng.integers(1, num_classes, shape)) % num_classes
    predicted = np.where(rng.random(shape) < chance, labels[None, :, None], guesses)
    return Story(
        sizes=sizes,
        num_classes=num_classes,
        labels=labels,
        predicted=predicted,
        recorded=recorded,
        held_out=rng.random((shape[0], sizes["train"])) < draw(st.sampled_from([0, 0.3, 1])),
        original_labels=rng.integers(0, num_classes, shape[1]) if noisy else None,
        states=draw(st.lists(states, min_size=shape[0], max_size=shape[0])),
        classes_known=draw(
            st.one_of(
                st.just(True),
                st.just(False),
                st.lists(st.booleans(), min_size=shape[0], max_size=shape[0]),
            )
        ),
        outputs=(
            rng.dirichlet(np.full(num_classes, 0.3), shape[:2]).astype(np.float32)
            if num_classes < 100 and draw(st.booleans())
            else None
        ),
        signals={
            name: rng.normal(scale=10, size=shape).astype(np.float32)
            for name in sorted(draw(st.sets(st.sampled_from(list(SIGNALS)))))
        },
        depths=rng.integers(0, len(LAYERS) + 1, shape) if draw(st.booleans()) else None,
        probed=sorted(draw(st.sets(st.integers(0, shape[2] - 1)))),
        votes_told=draw(st.booleans()),
    )
