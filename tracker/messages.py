"""What a message may say: strict, so that whatever else lies in the queue is refused unread."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tracker.errors import TrackerError

LARGEST_ID = (1 << 31) - 1
"""Of a run: the column is an integer of 32 bits."""


LONGEST_NAME = 200
"""Of what a message names, in characters."""

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f]+$")]


class MessageError(TrackerError):
    """A message is not one of ours."""


class TrainRun(BaseModel):
    """Train one run."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    run_id: Annotated[int, Field(ge=1, le=LARGEST_ID)]


class AnalyzeEnsemble(BaseModel):
    """Compute a score of every example of an ensemble."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    ensemble: Name
    score: Name


Message = TypeVar("Message", bound=BaseModel)


def read_train_run(arguments: Sequence[Any], named: Mapping[str, Any]) -> TrainRun:
    """The message that the task which trains was called with.

    Raises
    ------
    MessageError
        If it is anything but one run's id; nothing of its contents is repeated.
    """
    return _read(TrainRun, "one argument is", arguments, named)


def read_analysis(arguments: Sequence[Any], named: Mapping[str, Any]) -> AnalyzeEnsemble:
    """The message that the task which analyzes was called with.

    Raises
    ------
    MessageError
        If it is anything but names of an ensemble and a score; nothing of its contents is repeated.
    """
    return _read(AnalyzeEnsemble, "two arguments are", arguments, named)


def _read(
    kind: type[Message], expected: str, arguments: Sequence[Any], named: Mapping[str, Any]
) -> Message:
    fields = list(kind.model_fields)
    given = len(arguments) + len(named)
    if given != len(fields):
        raise MessageError(f"refused a message: {expected} expected, got {given}")
    try:
        return kind.model_validate(dict(zip(fields, arguments, strict=False)) | dict(named))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise MessageError(f"refused a message: {first['msg']}") from None
