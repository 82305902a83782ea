"""The life of a run: queued, claimed, fenced, reaped, finished.

Postgres owns the state; every step is one guarded UPDATE, so that of two workers that try the
same thing one matches no row. Times are the database's. Nothing here knows Celery.
"""

from tracker.runs.attempt import (
    DECISIVE,
    ERROR_LIMIT,
    Claim,
    beat,
    begin,
    claim_run,
    decisive,
    fail,
    fence,
    finish,
    give_back,
    recorded_checksums,
    stay,
    worker_name,
)
from tracker.runs.queueing import (
    DEFAULT_ATTEMPTS,
    Silent,
    mark_sent,
    open_runs,
    reap,
    release,
    request_cancel,
    retry,
    unsent_runs,
)

__all__ = [
    "DECISIVE",
    "DEFAULT_ATTEMPTS",
    "ERROR_LIMIT",
    "Claim",
    "Silent",
    "beat",
    "begin",
    "claim_run",
    "decisive",
    "fail",
    "fence",
    "finish",
    "give_back",
    "mark_sent",
    "open_runs",
    "reap",
    "recorded_checksums",
    "release",
    "request_cancel",
    "retry",
    "stay",
    "unsent_runs",
    "worker_name",
]
