"""kombu's Redis transport, which goes on where what lies in the list is no message."""

import logging
from collections.abc import Mapping
from queue import Empty
from typing import Any

from kombu.transport import redis
from redis import RedisError

logger = logging.getLogger(__name__)


class EnvelopeError(Exception):
    """What came is not what kombu's sender makes."""


def check_envelope(envelope: Any) -> None:
    """Raise `EnvelopeError` unless kombu and Celery find in it whatever they look for unasked."""
    properties = _mapping(envelope, "properties")
    _mapping(envelope, "headers")
    delivery = _mapping(properties, "delivery_info")
    for place, key in (
        (envelope, "body"),
        (envelope, "content-type"),
        (envelope, "content-encoding"),
        (properties, "delivery_tag"),
        (delivery, "exchange"),
        (delivery, "routing_key"),
    ):
        if not isinstance(place.get(key), str):
            raise EnvelopeError(f"{key} is no text")


def _mapping(place: Any, key: str) -> Mapping[str, Any]:
    found = place.get(key) if isinstance(place, dict) else None
    if not isinstance(found, dict):
        raise EnvelopeError(f"it has no {key}")
    return found


class Channel(redis.Channel):
    """Drops in one line what has no envelope; kombu's own would stop, and the worker with it."""

    def _brpop_read(self, **options: Any) -> Any:
        # A broker that goes away is for Celery to notice.
        passed_on = (Empty, OSError, RedisError, *self.connection_errors)
        try:
            return super()._brpop_read(**options)
        except passed_on:
            raise
        except EnvelopeError as error:
            reason = str(error)
        except Exception as error:  # whatever text that is no JSON, or odd JSON, provokes
            reason = type(error).__name__
        # It has left the list with being read: nothing is to be acknowledged.
        logger.error("refused a message: %s", reason)
        return True


class Transport(redis.Transport):
    """Looks at the envelope before anything is made of it."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        check_envelope(message)
        super()._deliver(message, queue)
