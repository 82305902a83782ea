"""The message queue: one message wakes a worker for one run; Postgres decides the rest.

A message may also ask for a score of an ensemble; it is computed unless it is stored and current.
"""

import ssl
from collections.abc import Iterable
from urllib.parse import urlsplit

from celery import Celery
from kombu.exceptions import OperationalError
from redis import RedisError
from sqlalchemy import Engine

from tracker.embedded import EmbeddedServers
from tracker.errors import BrokerUnavailableError, UsageError
from tracker.runs import mark_sent, open_runs
from tracker.settings import Settings

TASK = "tracker.train_run"
ANALYSIS_TASK = "tracker.analyze"

AWAY = (OperationalError, RedisError, OSError)
"""What is raised when the broker does not answer, or breaks off."""

# A sender gives up soon and says so: the run is queued in Postgres, and a worker will send it.
_RETRY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}


def broker_url(settings: Settings) -> str:
    """Address of the broker as Celery takes it.

    Raises
    ------
    UsageError
        If TRACKER_BROKER_URL is not the address of a Redis server.
    """
    if settings.broker_url is None:
        return EmbeddedServers(settings.home).addresses.broker_url
    url = settings.broker_url.get_secret_value()
    try:
        parts = urlsplit(url)
        readable = parts.scheme in ("redis", "rediss", "redis+socket") and not parts.fragment
        readable = readable and (parts.port is None or parts.port > 0)
    except ValueError:
        readable = False
    if not readable:
        # No part of it is repeated: what looks like a host may be half of a password.
        raise UsageError(
            "TRACKER_BROKER_URL must read redis://:password@host:port/number, with special "
            "characters of the password percent-encoded (# is %23)"
        )
    return url


def describe_broker(settings: Settings) -> str:
    """Host, port and number for messages; never the password."""
    if settings.broker_url is None:
        return f"the embedded broker under {settings.home}"
    parts = urlsplit(broker_url(settings))
    if parts.scheme == "redis+socket":
        return f"socket {parts.path}"
    host, port = parts.hostname or "localhost", parts.port or 6379
    return f"host {host}, port {port}, database {parts.path.lstrip('/') or '0'}"


def make_celery(settings: Settings) -> Celery:
    """The Celery application, for those who send and those who work."""
    app = Celery("tracker", broker=broker_url(settings), set_as_current=False)
    app.conf.update(
        task_default_queue=settings.queue,
        task_serializer="json",
        accept_content=["json"],
        # What a run gave is in Postgres; nobody reads results from Celery.
        task_ignore_result=True,
        # Early acknowledgement: with late ones the Redis transport delivers a message again while
        # its run is still training. A message lost with its worker is sent again by the reaper.
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        # Spawned, not forked: safe with CUDA. One child keeps data and compiled code warm.
        worker_pool_start_method="spawn",
        worker_concurrency=1,
        # On a busy machine a new child takes longer to load than Celery's 4 s: it would be killed,
        # and so would the next one, for ever.
        worker_proc_alive_timeout=120.0,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        # A worker waits for its broker for ever; Celery's default gives up after 100 tries.
        broker_connection_max_retries=None,
        broker_transport_options={"socket_connect_timeout": 5},
        task_publish_retry_policy=_RETRY,
    )
    if _must_verify(settings):
        # kombu's own default would take any certificate. What the address says goes before this.
        app.conf.broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    return app


def _must_verify(settings: Settings) -> bool:
    url = urlsplit(broker_url(settings))
    return url.scheme == "rediss" and "ssl_cert_reqs" not in url.query


def check_broker(app: Celery, settings: Settings) -> None:
    """Raise `BrokerUnavailableError` unless the broker answers."""
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(
                max_retries=1, interval_start=0, interval_step=0.1, timeout=5
            )
    except AWAY as error:
        raise BrokerUnavailableError(
            f"cannot connect to the broker at {describe_broker(settings)}: {error}"
        ) from None


def send_runs(app: Celery, engine: Engine, run_ids: Iterable[int]) -> None:
    """Send one message per run, and note in the database that they are sent.

    Call it after the transaction that queued the runs, or a worker may look too early.

    Raises
    ------
    BrokerUnavailableError
        If the broker does not answer. Runs that were not noted as sent are sent by a caretaker.
    """
    ids = list(run_ids)
    try:
        with app.producer_pool.acquire(block=True) as producer:
            for run_id in ids:
                app.send_task(TASK, args=(run_id,), producer=producer)
    except AWAY as error:
        raise BrokerUnavailableError(
            f"the broker went away ({error}): the runs are queued, and a worker that reaches it "
            "again will find them"
        ) from None
    with engine.begin() as connection:
        mark_sent(connection, ids)


def waiting_messages(app: Celery, settings: Settings) -> int:
    """Number of messages that no worker has taken yet."""
    with app.connection_for_read() as connection:
        declared = connection.default_channel.queue_declare(settings.queue, passive=False)
        return int(declared.message_count)


def nothing_waits(
    app: Celery, engine: Engine, settings: Settings, worker: str | None = None
) -> bool:
    """Is no run of the queue open that `worker` could train, and no score asked for?"""
    with engine.connect() as connection:
        if open_runs(connection, settings.queue, worker) > 0:
            return False
    # Only a message tells of a score. One that is being computed ends before its worker does.
    return waiting_messages(app, settings) == 0


def send_analysis(app: Celery, ensemble: str, score: str) -> None:
    """Ask a worker to compute a score of an ensemble.

    Nothing keeps the request but the message: one that is lost with its worker is sent again by
    whoever misses the score.

    Raises
    ------
    BrokerUnavailableError
        If the broker does not answer.
    """
    try:
        app.send_task(ANALYSIS_TASK, args=(ensemble, score))
    except AWAY as error:
        raise BrokerUnavailableError(
            f"the broker went away ({error}): nothing is queued, ask again when it is back"
        ) from None
