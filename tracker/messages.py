"""What a message may say: strict, so that whatever else lies in the queue is refused unread."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tracker.errors import TrackerError

LARGEST_ID = (1 << 31) - 1
"""Of a run: the column is an integer of 32 bits."""


class MessageError(TrackerError):
    """A message is not one of ours."""


class TrainRun(BaseModel):
    """Train one run."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    run_id: Annotated[int, Field(ge=1, le=LARGEST_ID)]


def read_train_run(arguments: Sequence[Any], named: Mapping[str, Any]) -> TrainRun:
    """The message that a task was called with.

    Raises
    ------
    MessageError
        If it is anything but one run's id; nothing of its contents is repeated.
    """
    given = [*arguments, *named.values()]
    if len(given) != 1:
        raise MessageError(f"refused a message: one argument is expected, got {len(given)}")
    try:
        return TrainRun.model_validate(dict(named) or {"run_id": arguments[0]})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise MessageError(f"refused a message: {first['msg']}") from None
