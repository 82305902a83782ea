"""Labels that are wrong on purpose: drawn once, the same on every machine."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError

MAX_NOISE_SEED = 2**32 - 1
NOISE_PATTERN = re.compile(r"(?:noise(?P<share>\d+(?:\.\d+)?)|random)(?:-seed(?P<seed>\d{1,18}))?")


@dataclass(frozen=True)
class LabelNoise:
    """Which labels of a training split are drawn anew: `noise0.4`, `random`, `noise0.4-seed7`.

    Baldock 2021 s.3.2 trains with 40% of the labels randomized and fixed, and calls all of these
    examples mislabelled: here, too, none of that share keeps its class. Random labels are Zhang
    2016's, as in Hacohen 2020 s.5.2: every label is drawn from all classes, so that one in K is
    right by chance.
    """

    share: float | None
    """Share of the training examples that get another class; None draws every label anew."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.share is not None and not 0 < self.share <= 1:
            raise UsageError(
                f"the share of label noise must be above 0 and at most 1, got {self.share}"
            )
        if not 0 <= self.seed <= MAX_NOISE_SEED:
            raise UsageError(
                f"the seed of label noise must lie between 0 and {MAX_NOISE_SEED}, got {self.seed}"
            )

    @classmethod
    def parse(cls, text: object) -> "LabelNoise":
        """The label noise that `text` names, as `str` writes it.

        Raises
        ------
        UsageError
            If it names none.
        """
        if isinstance(text, LabelNoise):
            return text
        match = NOISE_PATTERN.fullmatch(str(text))
        if match is None:
            raise UsageError(f"not a label noise: {text!r}; write noise0.4, random, random-seed7")
        share, seed = match["share"], match["seed"]
        return cls(None if share is None else float(share), int(seed or 0))

    def __str__(self) -> str:
        # In decimals, as short as is read back the same: never 1e-05.
        kind = (
            "random"
            if self.share is None
            else f"noise{np.format_float_positional(self.share, trim='-')}"
        )
        return kind + (f"-seed{self.seed}" if self.seed else "")

    def relabel(self, labels: NDArray[np.int64], num_classes: int) -> NDArray[np.int64]:
        """The labels [N] in place of `labels` [N].

        Of a share, `round(share * N)` examples, drawn without regard to class, get a class drawn
        uniformly from the others.

        Raises
        ------
        UsageError
            If a label shall be wrong and there is no other class, or the share is of no example.
        """
        # RandomState and not default_rng: NumPy promises never to change its stream (NEP 19).
        # Two numbers, so that no stream is that of a subset's permutation.
        random = np.random.RandomState([self.seed, 1])
        if self.share is None:
            return random.randint(0, num_classes, len(labels)).astype(np.int64)
        if num_classes < 2:
            raise UsageError("label noise needs a dataset with more than one class")
        wrong = round(self.share * len(labels))
        if wrong == 0:
            raise UsageError(
                f"label noise of {self.share:g} makes none of {len(labels)} training labels wrong: "
                "choose a larger share"
            )
        noisy = labels.copy()
        chosen = random.permutation(len(labels))[:wrong]
        noisy[chosen] += random.randint(1, num_classes, len(chosen))
        return noisy % num_classes
