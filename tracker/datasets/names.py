"""Names under which datasets are stored: `mnist5k`, `mnist5k-256`, `mnist5k-256-noise0.4`."""

import re
from typing import NamedTuple

from tracker.datasets.catalog import DATASETS
from tracker.datasets.noise import LabelNoise
from tracker.errors import UsageError

NAME_PATTERN = re.compile(
    r"(?P<dataset>.+?)(?:-(?P<examples>\d{1,18}))?(?:-(?P<label_noise>(?:noise|random).*))?"
)


class StoredName(NamedTuple):
    """A dataset, the size of its subset and the noise on its labels; each of them makes another."""

    dataset: str
    examples: int | None = None
    label_noise: LabelNoise | None = None

    def __str__(self) -> str:
        return "-".join(str(part) for part in self if part is not None)


def parse_name(name: str) -> StoredName | None:
    """What a stored name says; None if it is not one that a known dataset can have."""
    match = NAME_PATTERN.fullmatch(name)
    if match is None or match["dataset"] not in DATASETS:
        return None
    examples, noise = match["examples"], match["label_noise"]
    try:
        found = StoredName(
            match["dataset"],
            None if examples is None else int(examples),
            None if noise is None else LabelNoise.parse(noise),
        )
    except UsageError:
        return None
    # One dataset, one name: not also noise0.40.
    return found if str(found) == name else None
