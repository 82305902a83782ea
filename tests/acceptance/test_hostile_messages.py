"""Whatever lies in the queue, a worker refuses it in one line and trains the run after it."""

import base64
import json
import pickle
import random
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.acceptance.conftest import Tracker
from tests.support.servers import Servers
from tracker.queue import ANALYSIS_TASK, TASK


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


def altered(**properties: object) -> str:
    """A run's message with other properties."""
    envelope = json.loads(message(call(1)))
    envelope["properties"] |= properties
    return json.dumps(envelope)


def flipped(count: int) -> Iterator[bytes]:
    """Messages with some bytes changed, cut off, or put in anywhere."""
    rng = random.Random(0)  # noqa: S311
    for _ in range(count):
        text = bytearray(message(call(rng.choice([1 << 30, "1", [1]]))).encode())
        for _ in range(rng.choice([1, 1, 2, 8])):
            place = rng.randrange(len(text))
            change = rng.choice([b"", b"{", b"]", b'"', b"9", b"\xff", b"null", rng.randbytes(3)])
            text[place : place + rng.choice([0, 1, 1, 3, 40])] = change
        yield bytes(text[: rng.randrange(len(text))] if rng.random() < 0.1 else text)


@pytest.mark.embedded_only
def test_messages_with_damage_anywhere_end_no_worker(tracker: Tracker, servers: Servers) -> None:
    tracker("enqueue", "--arch", "mlp-tiny", "--dataset", "digits", "--seeds", "1", "--epochs", "1")
    queue = tracker.environment["TRACKER_QUEUE"]
    with redis.Redis.from_url(servers.redis_url) as client:
        for sent in flipped(400):
            client.rpush(queue, sent)
        with tracker.worker("--once") as worker:
            assert worker.wait(timeout=300) == 0, tracker.logged
        assert client.llen(queue) == 0
    assert tracker.sql("SELECT state FROM run") == [["complete"]]
    assert "Traceback" not in tracker.logged
    assert 200 < tracker.logged.count("refused a message") <= 400
    assert len(tracker.logged.splitlines()) < 410


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
        "a score without its name": message(call("mine"), task=ANALYSIS_TASK),
        "a score of no ensemble": message(call(1, "ensemble-agreement"), task=ANALYSIS_TASK),
        "huge name of a score": message(call("mine", "x" * 5_000), task=ANALYSIS_TASK),
        "unknown task": message(call(1), task="os.system"),
        "no such body": message(b"[[[]"),
        "not a call": message(b"42"),
        "no call either": message(b"[1, 2, 3]"),
        "task that is no name": message(call(1), task=["tracker"]),
        "huge text of a body": message(b"[" * 100_000),
        "not even JSON": "not even JSON",
        "nothing": "",
        "no UTF-8": b"\xff\xfe\0",
        "nested without end": "[" * 200_000,
        "a number": "17",
        "an empty object": "{}",
        "a type that cannot be made": '{"__type__": "decimal", "__value__": "x"}',
        "no properties": json.dumps(json.loads(message(call(1))) | {"properties": None}),
        "no headers": json.dumps(json.loads(message(call(1))) | {"headers": [1]}),
        "no tag": altered(delivery_tag=None),
        "a tag that is none": altered(delivery_tag={"a": 1}),
        "no place": altered(delivery_info="here"),
        "unknown encoding of the body": altered(body_encoding="rot13"),
        "body that is no base64": json.dumps(json.loads(message(call(1))) | {"body": "?"}),
        "body that is no text": json.dumps(json.loads(message(call(1))) | {"body": [1]}),
        "content of no kind": json.dumps(json.loads(message(call(1))) | {"content-type": 1}),
        "compressed by nobody": message(call(1), compression="bz7"),
        "an expiry that is none": message(call(1), expires="never"),
        "a start that is none": message(call(1), eta=[1]),
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
