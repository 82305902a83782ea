"""Whatever lies in the queue, a worker refuses it in one line and trains the run after it."""

import base64
import json
import pickle
import secrets
from typing import Any

import pytest
import redis

from tests.acceptance.conftest import Tracker
from tests.support.servers import Servers
from tracker.queue import TASK


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.mark, "w"))


def message(
    body: bytes, kind: str = "application/json", task: object = TASK, **headers: Any
) -> str:
    """An envelope as kombu's Redis transport reads it."""
    tag = secrets.token_hex(8)
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8" if kind.endswith("json") else "binary",
            "content-type": kind,
            "headers": {"lang": "py", "task": task, "id": tag, "root_id": tag} | headers,
            "properties": {
                "correlation_id": tag,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "x"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": tag,
            },
        }
    )


def call(*arguments: object, **named: object) -> bytes:
    options = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return json.dumps([arguments, named, options]).encode()


@pytest.mark.embedded_only
def test_hostile_messages_are_refused_and_the_next_run_is_trained(
    tracker: Tracker, servers: Servers
) -> None:
    mark = tracker.log.with_name("mark")
    bomb = pickle.dumps(([Bomb(str(mark))], {}, {}))
    hostile = {
        "pickle": message(bomb, "application/x-python-serialize"),
        "yaml": message(b"!!python/object/apply:os.system ['true']", "application/x-yaml"),
        "text for a number": message(call("1; DROP TABLE run")),
        "object": message(call({"run_id": 1})),
        "float": message(call(1.5)),
        "truth": message(call(True)),
        "negative": message(call(-1)),
        "beyond the column": message(call(1 << 70)),
        "too many": message(call(1, 2, 3)),
        "none": message(call()),
        "unknown name": message(call(run_id=1, command="rm")),
        "huge": message(call("x" * 5_000_000)),
        "unknown task": message(call(1), task="os.system"),
        "no such body": message(b"[[[]"),
        "not a call": message(b"42"),
        "no call either": message(b"[1, 2, 3]"),
        "task that is no name": message(call(1), task=["tracker"]),
    }
    tracker("enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--seeds", "1", "--epochs", "1")
    queue = tracker.environment["TRACKER_QUEUE"]
    with redis.Redis.from_url(servers.redis_url) as client:
        # The right end is taken first: the run comes last.
        for sent in hostile.values():
            client.rpush(queue, sent)
        with tracker.worker("--once") as worker:
            assert worker.wait(timeout=300) == 0, tracker.logged
        assert client.llen(queue) == 0
    assert tracker.sql("SELECT state FROM run") == [["complete"]]
    assert not mark.exists()
    lines = [line for line in tracker.logged.splitlines() if "refused a message" in line]
    assert len(lines) == len(hostile), tracker.logged[:10_000]
    assert len(tracker.logged.splitlines()) < len(hostile) + 10, "a line each"
    assert max(map(len, lines)) < 300
