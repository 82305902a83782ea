"""Keeping what a training must remember to go on, and finding what fits when it does."""

import io
import json
import logging
import time
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import torch

from tracker.checkpoints import CheckpointFolder
from tracker.outcomes.packing import checksum
from tracker.outcomes.writer import EvaluationRecord
from tracker.runs import Claim, decisive
from workers.state import TrainingState
from workers.summaries import SignalStatistics

logger = logging.getLogger(__name__)


class UnfitError(Exception):
    """A checkpoint is damaged, or of something else than what is to go on."""


class Checkpoints:
    """The checkpoints of one attempt at a run.

    A checkpoint is a digest, a line of JSON which says what it is of, and what torch saved. It
    fits the same run, recipe, data, versions, threads and device, and a recorded history whose
    checksums are those of the evaluations before it: no other history is gone on from, nor one
    with holes.

    Parameters
    ----------
    provenance
        What the attempt runs on.
    seconds
        How often a checkpoint is due.
    clock
        Seconds since whenever, for tests.
    """

    def __init__(
        self,
        folder: CheckpointFolder,
        claim: Claim,
        provenance: Mapping[str, Any],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._run = claim.uid
        self._identity = {
            "run": str(claim.uid),
            "spec": claim.spec.digest,
            "dataset": claim.dataset_fingerprint,
            "provenance": decisive(provenance),
        }
        self._seconds = seconds
        self._clock = clock
        self._last = clock()
        self._history = blake2b(digest_size=16)
        self._evaluation = -1

    @property
    def due(self) -> bool:
        """Is it time for the next one?"""
        return self._clock() - self._last >= self._seconds

    def follow(self, record: EvaluationRecord) -> None:
        """Take note of the evaluation that was made last."""
        self._history.update(checksum(record.packed))
        self._evaluation = record.evaluation

    def save(self, state: TrainingState, statistics: SignalStatistics) -> dict[str, Any] | None:
        """Keep where the training is, at the evaluation followed last, which is committed.

        Returns
        -------
        dict or None
            Evaluation and bytes; None if it could not be kept: that costs time if the attempt
            does not end well, and nothing else, so that the training goes on.
        """
        self._last = self._clock()
        payload = io.BytesIO()
        torch.save({"training": state.state_dict(), "signals": statistics.state_dict()}, payload)
        content = seal(
            {
                **self._identity,
                "evaluation": self._evaluation,
                "history": self._history.hexdigest(),
            },
            payload.getvalue(),
        )
        try:
            self._folder.write(self._run, self._evaluation, content)
        except Exception as error:  # each kind of storage has its own
            logger.warning("checkpoint not kept: %s: %s", type(error).__name__, error)
            return None
        return {"evaluation": self._evaluation, "bytes": len(content)}

    def find(self, recorded: Mapping[int, bytes | None]) -> "Found | None":
        """The newest checkpoint that fits the checksums `recorded` by evaluation, if any does."""
        try:
            names = self._folder.names(self._run)
        except Exception as error:  # each kind of storage has its own
            logger.warning("no checkpoints to be had: %s: %s", type(error).__name__, error)
            return None
        for name in names:
            try:
                return self._open(name, recorded)
            except Exception as error:
                logger.warning("checkpoint %s is of no use: %s", name, error)
        return None

    def _open(self, name: str, recorded: Mapping[int, bytes | None]) -> "Found":
        header, payload = unseal(self._folder.read(self._run, name))
        for key, value in self._identity.items():
            if header.get(key) != value:
                raise UnfitError(f"its {key} is {header.get(key)}, not {value}")
        evaluation = int(header["evaluation"])
        history = blake2b(digest_size=16)
        for ordinal in sorted(recorded):
            if ordinal <= evaluation:
                history.update(recorded[ordinal] or b"unknown")
        if history.hexdigest() != header.get("history"):
            raise UnfitError(f"the evaluations recorded up to {evaluation} are not those before it")
        content = torch.load(io.BytesIO(payload), weights_only=True, map_location="cpu")
        return Found(evaluation, content, history)

    def go_on(self, found: "Found", state: TrainingState, statistics: SignalStatistics) -> None:
        """Bring a training that has just been set up to where the checkpoint was made."""
        self._history, self._evaluation = found.history, found.evaluation
        state.load_state_dict(found.content["training"])
        statistics.load_state_dict(found.content["signals"])


class Found:
    """A checkpoint that fits."""

    def __init__(self, evaluation: int, content: dict[str, Any], history: Any) -> None:
        self.evaluation = evaluation
        """Ordinal of the evaluation at which it was made."""
        self.content = content
        self.history = history


def seal(header: Mapping[str, Any], payload: bytes) -> bytes:
    """A line with the digest of all that follows, a line of JSON, and `payload`."""
    body = json.dumps(header, sort_keys=True).encode() + b"\n" + payload
    return blake2b(body).hexdigest().encode() + b"\n" + body


def unseal(content: bytes) -> tuple[dict[str, Any], bytes]:
    """What was sealed.

    Raises
    ------
    UnfitError
        If it is not what `seal` gave, to the last bit.
    """
    digest, _, body = content.partition(b"\n")
    if digest != blake2b(body).hexdigest().encode():
        raise UnfitError("it is damaged")
    header, _, payload = body.partition(b"\n")
    return json.loads(header), payload
