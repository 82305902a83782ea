"""Celery's consumer, which a message of the wrong shape does not stop."""

import logging
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer

from workers.transport import Transport

logger = logging.getLogger(__name__)


class ShapeError(Exception):
    """The body of a message is not a call."""


def _check_shape(message: Any) -> None:
    """Raise unless the body is arguments, named arguments and options, or cannot be decoded."""
    try:
        body = message.payload
    except Exception:  # which Celery says, and refuses the message
        return
    kinds = (list, dict, dict | None)
    if not isinstance(body, list) or [
        isinstance(part, kind) for part, kind in zip(body, kinds, strict=False)
    ] != [True] * len(kinds):
        raise ShapeError


class GuardedConsumer(Consumer):  # type: ignore[misc]
    """Refuses a message on which Celery itself stumbles; of those, its own would end the worker."""

    def connection_for_read(self, heartbeat: float | None = None) -> Any:
        """The connection that messages come by."""
        connection = self.app.connection_for_read(heartbeat=heartbeat)
        # Not by a setting: the scheme redis+socket would win.
        connection.transport_cls = Transport
        return self.ensure_connected(connection)

    def create_task_handler(self, *arguments: Any, **named: Any) -> Callable[[Any], None]:
        """What is called with each message."""
        handle = super().create_task_handler(*arguments, **named)
        # A broker that goes away is for Celery to notice.
        passed_on = (OSError, *self.connection_errors, *self.channel_errors)

        def guarded(message: Any) -> None:
            try:
                _check_shape(message)
                handle(message)
            except passed_on:
                raise
            except Exception as error:  # whatever the shape of a message provokes
                logger.error("refused a message: %s", type(error).__name__)  # noqa: TRY400
                message.reject_log_error(logger, self.connection_errors)

        return guarded
