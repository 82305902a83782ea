"""Lengths of training, in epochs or in optimizer steps."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer

from tracker.errors import UsageError

# Of digits no more than numbers of 64 bits have: of thousands Python makes no number.
_PATTERN = re.compile(r"(\d{1,18})\s*(epochs?|steps?)")


@dataclass(frozen=True)
class Span:
    """A length of training: a number of epochs or of optimizer steps; `7000steps`, `1epoch`."""

    count: int
    unit: Literal["epoch", "step"]

    @classmethod
    def parse(cls, text: object) -> "Span":
        """The span that `text` names.

        Raises
        ------
        UsageError
            If it is not a positive whole number followed by `epochs` or `steps`.
        """
        if isinstance(text, Span):
            return text
        match = _PATTERN.fullmatch(str(text).strip())
        if match is None or int(match[1]) < 1:
            raise UsageError(f"not a length of training: {text!r}; write 1epoch, 20epochs, 50steps")
        return cls(int(match[1]), "epoch" if match[2].startswith("epoch") else "step")

    def __str__(self) -> str:
        return f"{self.count}{self.unit}{'' if self.count == 1 else 's'}"

    @property
    def words(self) -> str:
        """As people write it: `3 epochs`."""
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"

    def steps(self, steps_per_epoch: int) -> int:
        """The span in optimizer steps."""
        return self.count if self.unit == "step" else self.count * steps_per_epoch


def _parse_span(value: object) -> Span:
    try:
        return Span.parse(value)
    except UsageError as error:
        raise ValueError(str(error)) from None


def is_span(value: object) -> bool:
    """Is it a text that names a span?"""
    return isinstance(value, str) and _PATTERN.fullmatch(value) is not None


SpanField = Annotated[Span, BeforeValidator(_parse_span), PlainSerializer(str, return_type=str)]
