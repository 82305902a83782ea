"""What k-NN probes say of one evaluation: prediction depths, votes, accuracies, as stored.

Prediction depth is Baldock 2021 s.2.1: the probes are numbered from 0, the input, to the softmax,
and the depth of an example is the first from which on all give the network's prediction. It has
none where the last probe gives another class (A.6.1).
"""

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, select

from tracker.db.models import ProbeAccuracy, ProbedEvaluation
from tracker.outcomes.copying import copy_into
from tracker.outcomes.layout import Layout, plane_count
from tracker.outcomes.packing import block_slices, pack_planes, varbit, varbit_array

NEIGHBOURS = 30
"""The papers' k (Baldock 2021 s.2.1); its A.4 finds accuracies much the same for others."""

_DEPTHS = "depth_block (run_id, block, evaluation, depth, undefined)"
_VOTES = "probe_vote_block (run_id, block, layer, evaluation, predicted)"


@dataclass(frozen=True)
class GroupAccuracy:
    """How often probes and network give the label, in one group of examples.

    Attributes
    ----------
    examples
        Size of the group.
    correct
        Of them, by layer, those whose probe gives the label.
    network_correct
        Of them, those of which the network gives it.
    """

    examples: int
    correct: tuple[int, ...]
    network_correct: int


@dataclass(frozen=True, eq=False)
class ProbeRecord:
    """What the probes of one evaluation say.

    Attributes
    ----------
    layers
        Name of what each of the L probes looks at, the input first.
    neighbours
        The k of its k-NN.
    packed
        uint8 [1 + planes, bytes] over all splits, as outcomes are packed: the bitmap of examples
        without a depth, and the bit planes of the depth, which is 0 for those.
    accuracies
        By group of examples.
    votes
        The class that each probe gives, as bit planes uint8 [L, planes, bytes]; None where they
        are not to be stored.
    """

    layers: tuple[str, ...]
    neighbours: int
    packed: NDArray[np.uint8]
    accuracies: Mapping[str, GroupAccuracy]
    votes: NDArray[np.uint8] | None = None

    @property
    def checksum(self) -> bytes:
        """BLAKE2b-128 of all its bitmaps: what `probed_evaluation.checksum` holds."""
        return probe_checksum(self.packed, self.votes)

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""
        return self.packed.nbytes + (0 if self.votes is None else self.votes.nbytes)


def probe_checksum(packed: NDArray[np.uint8], votes: NDArray[np.uint8] | None) -> bytes:
    """BLAKE2b-128 of the bitmaps of depths, and of those of votes where there are any."""
    digest = hashlib.blake2b(np.ascontiguousarray(packed).tobytes(), digest_size=16)
    if votes is not None:
        digest.update(np.ascontiguousarray(votes).tobytes())
    return digest.digest()


def pack_depths(depths: NDArray[np.integer], layers: int) -> NDArray[np.uint8]:
    """One split's depths [N], `layers` for those without one, as `ProbeRecord.packed` has them."""
    undefined = depths == layers
    planes = pack_planes(np.where(undefined, 0, depths), plane_count(layers))
    return np.concatenate([np.packbits(undefined)[None, :], planes])


def write_probes(
    connection: Connection, run_id: int, layout: Layout, evaluation: int, record: ProbeRecord
) -> None:
    """Write what the probes of an evaluation say, within the transaction that writes it."""
    connection.execute(
        insert(ProbedEvaluation).values(
            run_id=run_id,
            evaluation=evaluation,
            layers=list(record.layers),
            neighbours=record.neighbours,
            checksum=record.checksum,
        )
    )
    connection.execute(
        insert(ProbeAccuracy),
        [
            dict(zip(_ACCURACIES, (run_id, evaluation, *row), strict=True))
            for row in _accuracy_rows(record)
        ],
    )
    copy_into(connection, _DEPTHS, depth_rows(layout, run_id, evaluation, record.packed))
    if record.votes is not None:
        copy_into(connection, _VOTES, vote_rows(layout, run_id, evaluation, record.votes))


_ACCURACIES = (
    "run_id",
    "evaluation",
    "layer",
    "example_group",
    "examples",
    "correct",
    "network_correct",
)


def _accuracy_rows(record: ProbeRecord) -> list[tuple[int, str, int, int, int]]:
    """Layer, group, examples, correct and network_correct of each row of `probe_accuracy`."""
    return [
        (layer, group, told.examples, told.correct[layer], told.network_correct)
        for group, told in sorted(record.accuracies.items())
        for layer in range(len(record.layers))
    ]


def differing_probes(
    connection: Connection, run_id: int, evaluation: int, record: ProbeRecord | None
) -> str | None:
    """What differs between the stored probes of an evaluation and `record`; None if nothing."""
    at = (
        select(ProbedEvaluation.layers, ProbedEvaluation.neighbours, ProbedEvaluation.checksum)
        .where(ProbedEvaluation.run_id == run_id)
        .where(ProbedEvaluation.evaluation == evaluation)
    )
    stored = connection.execute(at).one_or_none()
    if stored is None or record is None:
        return None if stored is None and record is None else "whether it was probed"
    if (tuple(stored.layers), stored.neighbours) != (record.layers, record.neighbours):
        return "the layers that were probed"
    if bytes(stored.checksum) != record.checksum:
        return "the depths or votes of its probes"
    table = ProbeAccuracy
    rows = connection.execute(
        select(
            table.layer, table.example_group, table.examples, table.correct, table.network_correct
        )
        .where(table.run_id == run_id, table.evaluation == evaluation)
        .order_by(table.example_group.collate("C"), table.layer)
    )
    return None if [*map(tuple, rows)] == _accuracy_rows(record) else "the accuracies of its probes"


def depth_rows(
    layout: Layout, run_id: int, evaluation: int, packed: NDArray[np.uint8]
) -> Iterator[bytes]:
    """The rows of `depth_block` for one evaluation's depths, in COPY's binary form.

    Columns: run_id, block, evaluation, depth, undefined.
    """
    for block, columns in block_slices(layout):
        bits = packed[:, columns]
        key = struct.pack("!hiiiiii", 5, 4, run_id, 4, block.block, 4, evaluation)
        undefined = varbit(block.size, bits[0].tobytes())
        yield b"".join((key, varbit_array(block.size, bits[1:]), undefined))


def vote_rows(
    layout: Layout, run_id: int, evaluation: int, votes: NDArray[np.uint8]
) -> Iterator[bytes]:
    """The rows of `probe_vote_block` for the votes [L, planes, bytes], in COPY's binary form.

    Columns: run_id, block, layer, evaluation, predicted.
    """
    for block, columns in block_slices(layout):
        for layer, planes in enumerate(votes[:, :, columns]):
            key = struct.pack("!hiiiiiiii", 5, 4, run_id, 4, block.block, 4, layer, 4, evaluation)
            yield key + varbit_array(block.size, planes)
