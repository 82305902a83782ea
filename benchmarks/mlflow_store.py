"""MLflow's tracking store on the same PostgreSQL server: one metric per outcome.

`log_batch` takes 1,000 metrics at once, its limit. What is logged is the predicted class, from
which right and wrong follow, as the metric `example/<number>` at step `evaluation`. A sample is
enough: its rate does not rise with more.
"""

import logging
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import URL

from benchmarks.content import Content
from benchmarks.timing import Figure, Unanswered, seconds_of
from tracker.db.engine import libpq_url

BATCH = 1000

HINT = "not installed: pip install mlflow-skinny"


@dataclass(frozen=True)
class Logged:
    """What logging a sample cost."""

    outcomes: int
    rate: Figure
    bytes_per_outcome: float


def log_sample(url: URL, content: Content, outcomes: int) -> Logged:
    """Log about `outcomes` outcomes of the first run into the empty database at `url`.

    Raises
    ------
    Unanswered
        If MLflow is not installed.
    """
    client, metric = _client(url)
    experiment = client.create_experiment("bench", artifact_location="unused")
    run = client.create_run(experiment).info.run_id
    seconds, sizes = [], []
    for batch in _batches(content, outcomes):
        stamp = int(time.time() * 1000)
        metrics = [metric(key, value, stamp, step) for key, value, step in batch]
        took, _ = seconds_of(partial(client.log_batch, run, metrics=metrics))
        seconds.append(took)
        sizes.append(len(metrics))
    with psycopg.connect(libpq_url(url)) as connection:
        row = connection.execute(
            "SELECT pg_total_relation_size('metrics') + pg_total_relation_size('latest_metrics')"
        ).fetchone()
    size = row[0] if row else 0
    rates = [number / took for number, took in zip(sizes, seconds, strict=True)]
    return Logged(sum(sizes), Figure.of(rates), size / sum(sizes))


def _client(url: URL) -> tuple[Any, Any]:
    """A client whose store is the database, and the class of a metric."""
    # Nobody is told of this run.
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    warnings.simplefilter("ignore")
    try:
        from mlflow import MlflowClient
        from mlflow.entities import Metric
    except ImportError:
        raise Unanswered(HINT) from None
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    address = url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    return MlflowClient(tracking_uri=address), Metric


def _batches(content: Content, outcomes: int) -> Iterator[list[tuple[str, float, int]]]:
    """Metrics of the first run, evaluation by evaluation, a thousand examples at a time."""
    predicted = content.run(0)
    left = outcomes
    for evaluation, classes in enumerate(predicted.tolist(), start=1):
        for first in range(0, content.examples, BATCH):
            if left <= 0:
                return
            part = classes[first : first + BATCH]
            left -= len(part)
            yield [
                (f"example/{first + place}", float(value), evaluation)
                for place, value in enumerate(part)
            ]
