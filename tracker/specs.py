"""What an ensemble trains: frozen, validated, hashed, stored as JSON with the ensemble."""

import hashlib
import json
import re
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    NonNegativeFloat,
    PlainSerializer,
    PositiveFloat,
    PositiveInt,
)

from tracker.datasets.names import StoredName
from tracker.datasets.noise import LabelNoise
from tracker.errors import UsageError, choice_error
from tracker.holdout import HoldOut, held_out, parse_holdout
from tracker.outcomes.signals import OUTPUTS, check_signals
from tracker.spans import Span, SpanField, is_span

PROBE_PATTERN = re.compile(r"none|final|every:([1-9]\d{0,6})")
MAX_SEED = 2**31 - 1
MAX_NAME = 200
MAX_SEEDS = 100_000
"""Runs of one enqueue: more is a slip of the keyboard."""


def _parse_label_noise(value: object) -> LabelNoise:
    try:
        return LabelNoise.parse(value)
    except UsageError as error:
        raise ValueError(str(error)) from None


LabelNoiseField = Annotated[
    LabelNoise, BeforeValidator(_parse_label_noise), PlainSerializer(str, return_type=str)
]


def _parse_holdout(value: object) -> HoldOut | None:
    try:
        return parse_holdout(value)
    except UsageError as error:
        raise ValueError(str(error)) from None


HoldOutField = Annotated[
    InstanceOf[HoldOut] | None,
    BeforeValidator(_parse_holdout),
    PlainSerializer(str, return_type=str),
]


class Frozen(BaseModel):
    """Base of the spec's parts: immutable, no unknown fields, no number that JSON has not."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _check_word(value: str) -> str:
    if not value.isprintable() or not 0 < len(value) <= MAX_NAME:
        raise ValueError(f"a name has from 1 to {MAX_NAME} printable characters")
    return value


Name = Annotated[str, AfterValidator(_check_word)]


class StepDecay(Frozen):
    """The learning rate is divided by `divisor` after each of `at`, and after every `every`."""

    divisor: PositiveFloat
    at: tuple[SpanField, ...] = ()
    every: SpanField | None = None


OPTIMIZERS = ("sgd", "adadelta", "adam")


class Recipe(Frozen):
    """How one network is trained."""

    length: SpanField
    batch_size: PositiveInt
    optimizer: Literal["sgd", "adadelta", "adam"]
    lr: PositiveFloat
    momentum: NonNegativeFloat = 0.0
    weight_decay: NonNegativeFloat = 0.0
    decay: StepDecay | None = None


def _parse_signals(value: object) -> object:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        return value  # which pydantic refuses
    try:
        return check_signals(value)
    except UsageError as error:
        raise ValueError(str(error)) from None


class Recording(Frozen):
    """When all examples are scored, and what is recorded besides the predicted classes."""

    every: SpanField = Span(1, "epoch")
    initial: bool = Field(default=False, description="Also before training, as evaluation 0.")
    signals: Annotated[tuple[str, ...], BeforeValidator(_parse_signals)] = Field(
        default=(),
        # Not stored when empty: specs from before there were signals keep their digest.
        exclude_if=lambda signals: not signals,
        description="Signals of every example at every evaluation, sorted, each once.",
    )
    outputs: bool = Field(
        default=False,
        exclude_if=lambda outputs: not outputs,
        description="Softmax outputs of every example at the last evaluation.",
    )

    @property
    def named(self) -> tuple[str, ...]:
        """What is recorded besides the predicted classes, as `--record` names it."""
        return (*self.signals, *([OUTPUTS] if self.outputs else []))


class Probing(Frozen):
    """At which evaluations k-NN probes are run, and what of them is kept."""

    every: PositiveInt | None = Field(
        default=None, description="Evaluations of these multiples too; else the last alone."
    )
    votes: bool = Field(default=False, description="The class that each probe gives each example.")

    @classmethod
    def parse(cls, text: str, *, votes: bool = False) -> "Probing | None":
        """What `--probe text` asks for; None for `none`.

        Raises
        ------
        UsageError
            If it is neither `final`, `every:K` nor `none`, or if votes are wanted of no probe.
        """
        match = PROBE_PATTERN.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"--probe {text!r}: write final, every:K (evaluations), or none")
        if text.strip() == "none":
            if votes:
                raise UsageError("--probe-votes needs --probe final or --probe every:K beside it")
            return None
        return cls(every=None if match[1] is None else int(match[1]), votes=votes)

    @property
    def name_part(self) -> str:
        """As names of ensembles have it: probe, probe5, probe5+votes."""
        return f"probe{self.every or ''}{'+votes' if self.votes else ''}"

    def due(self, evaluation: int, *, last: bool) -> bool:
        """Is the evaluation with this ordinal probed? `last` is the last of a run."""
        return last or (self.every is not None and evaluation % self.every == 0)


class CurriculumSpec(Frozen):
    """In which order the runs of an ensemble see their training examples."""

    parameters: dict[str, Any] = Field(
        description="Of `tracker.curriculum.description.Curriculum`, but for those that each run "
        "has of its own: seed and number of examples of an epoch."
    )
    source: dict[str, Any] = Field(description="Where the scores came from.")
    snapshot: str = Field(
        pattern="^([0-9a-f]{2})+$",
        description="Digest of the scores, in hexadecimal; they are stored.",
    )

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal."""
        return _digest(self)


class EnsembleSpec(Frozen):
    """One frozen recipe; the runs of an ensemble differ in nothing but their seed."""

    version: Literal[1] = 1
    dataset: Name
    examples: PositiveInt | None = Field(
        default=None, description="At most this many examples of each split, chosen once."
    )
    label_noise: LabelNoiseField | None = Field(
        default=None,
        # Nor are these fields stored when unused: specs from before them keep their digest.
        exclude_if=lambda label_noise: label_noise is None,
        description="Which training labels are wrong on purpose: noise0.4, random.",
    )
    split: HoldOutField = Field(
        default=None,
        exclude_if=lambda split: split is None,
        description="What each run holds out: 90:10, parts:4, part:1/4; None for nothing.",
    )
    arch: Name
    recipe: Recipe
    curriculum: CurriculumSpec | None = Field(
        default=None, exclude_if=lambda curriculum: curriculum is None
    )
    recording: Recording = Recording()
    probe: Probing | None = Field(
        default=None,
        exclude_if=lambda probe: probe is None,
        description="Which evaluations are probed; none if not given.",
    )

    @property
    def dataset_name(self) -> str:
        """Name of the dataset as stored: a subset is one of its own, and so are noisy labels."""
        return str(StoredName(self.dataset, self.examples, self.label_noise))

    def trained_on(self, train_size: int) -> int:
        """How many of `train_size` training examples each run trains on."""
        return train_size if self.split is None else self.split.trained_on(train_size)

    def held_out(self, seed: int, train_size: int) -> NDArray[np.bool_]:
        """Of `train_size` training examples, by position, those that a run of `seed` holds out."""
        return held_out(self.split, seed, train_size)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal: equal specs have equal digests."""
        return _digest(self)

    def first_difference(self, other: "EnsembleSpec") -> str | None:
        """The first field in which `other` differs, as `recipe.lr: 0.1, not 0.2`."""
        return _first_difference(self.model_dump(mode="json"), other.model_dump(mode="json"), "")


def _digest(spec: Frozen) -> str:
    text = json.dumps(spec.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _first_difference(one: dict[str, Any], other: dict[str, Any], prefix: str) -> str | None:
    for key in sorted(one.keys() | other.keys()):
        mine, theirs = one.get(key), other.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            found = _first_difference(mine, theirs, f"{prefix}{key}.")
            if found is not None:
                return found
        elif mine != theirs:
            return f"{prefix}{key}: {_in_words(mine)}, not {_in_words(theirs)}"
    return None


def _in_words(value: object) -> object:
    """A value of a spec for people to read."""
    return Span.parse(value).words if is_span(value) else value


def seed_range(seeds: int, start: int) -> range:
    """The seeds `start, start + 1, ...` of an ensemble, checked.

    Raises
    ------
    UsageError
        If there is no seed, or one that does not fit a 32-bit signed integer.
    """
    if seeds < 1:
        raise UsageError(f"--seeds must be at least 1, got {seeds}")
    if seeds > MAX_SEEDS:
        raise UsageError(f"--seeds must be at most {MAX_SEEDS}, got {seeds}")
    if start < 0 or start + seeds - 1 > MAX_SEED:
        raise UsageError(f"seeds must lie between 0 and {MAX_SEED}, got {seeds} from {start} on")
    return range(start, start + seeds)


def check_optimizer(name: str) -> str:
    """`name` if it is a known optimizer, else `UsageError` with the choices."""
    if name not in OPTIMIZERS:
        raise choice_error("optimizer", name, OPTIMIZERS)
    return name
