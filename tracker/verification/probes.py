"""Checks of what probes have recorded: depths, votes, accuracies, and the margins beside them."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from tracker.db.models import ProbeAccuracy, ProbedEvaluation, SignalBlock
from tracker.outcomes.layout import BlockRange, Layout, plane_count
from tracker.outcomes.packing import unpack_planes
from tracker.outcomes.probes import probe_checksum
from tracker.outcomes.reader import CorruptOutcomesError, copy_fields, read_evaluation
from tracker.outcomes.signals import MARGINS
from tracker.outcomes.unpacking import Planes, parse_varbit, parse_varbit_array, unpack
from tracker.specs import Probing
from tracker.verification.problems import listed

_DEPTHS = (
    "SELECT block, undefined, depth FROM depth_block "
    "WHERE run_id = {} AND evaluation = {} ORDER BY block"
)
_VOTES = (
    "SELECT block, layer, predicted FROM probe_vote_block "
    "WHERE run_id = {} AND evaluation = {} ORDER BY block, layer"
)

Finding = tuple[int | None, int | None, str]
"""An evaluation, a block (None for all), and what is wrong with its probes."""

Classes = NDArray[np.int64]


def expected_probes(
    spec: Mapping[str, Any], recorded: Collection[int], last: int | None
) -> set[int]:
    """The evaluations, of those `recorded`, that a run of this recipe must have probed.

    Parameters
    ----------
    last
        The last of a complete run; None of a run that is not.
    """
    if spec.get("probe") is None:
        return set()
    probing = Probing.model_validate(spec["probe"])
    return {number for number in recorded if probing.due(number, last=number == last)}


def check_probes(
    connection: Connection,
    run_id: int,
    layout: Layout,
    num_classes: int,
    wanted: Collection[int],
    last: int | None,
) -> Iterator[Finding]:
    """What is wrong with the probes of one run, which covers `layout`.

    Parameters
    ----------
    wanted
        Evaluations that must be probed.
    last
        The last evaluation of a complete run; None of a run that is not.
    """
    probed = connection.execute(
        select(ProbedEvaluation.evaluation, ProbedEvaluation.layers, ProbedEvaluation.checksum)
        .where(ProbedEvaluation.run_id == run_id)
        .order_by(ProbedEvaluation.evaluation)
    ).all()
    for evaluation in sorted(set(wanted) - {row.evaluation for row in probed}):
        yield evaluation, None, "probes are missing"
    for row in probed:
        checker = _Checker(connection, run_id, row.evaluation, len(row.layers), num_classes, layout)
        for block, what in checker.check(bytes(row.checksum)):
            yield row.evaluation, block, what
    if last in wanted:
        stored = set(
            connection.scalars(
                select(SignalBlock.signal)
                .where(SignalBlock.run_id == run_id, SignalBlock.evaluation == last)
                .distinct()
            )
        )
        for name in MARGINS:
            if name not in stored:
                yield last, None, f"signal {name} is missing"


class _Checker:
    """Checks one probed evaluation."""

    def __init__(
        self,
        connection: Connection,
        run_id: int,
        evaluation: int,
        layers: int,
        num_classes: int,
        layout: Layout,
    ) -> None:
        self._connection = connection
        self._place = (run_id, evaluation)
        self._layers = layers
        self._num_classes = num_classes
        self._layout = layout
        self._blocks = [block for split in layout.splits for block in split.blocks]

    def check(self, checksum: bytes) -> Iterator[tuple[int | None, str]]:
        """What is wrong, by block."""
        yield from self._check_accuracies()
        depths, votes = self._depths(), self._votes()
        findings = [*self._check_depths(depths)]
        if votes:
            findings += self._check_votes(votes)
        yield from findings
        if findings:
            return
        packed = _side_by_side([depths[block.block] for block in self._blocks])
        said = _side_by_side([votes[block.block] for block in self._blocks]) if votes else None
        planes = plane_count(self._num_classes)
        folded = None if said is None else said.reshape(self._layers, planes, -1)
        if probe_checksum(packed, folded) != checksum:
            yield None, "the checksum is not that of its depths and votes"
        if folded is not None:
            yield from self._check_against_votes(packed, folded)

    def _rows(self, query: str) -> Iterator[list[Any]]:
        return copy_fields(self._connection, query, self._place)

    def _depths(self) -> dict[int, list[Planes | None]]:
        """Of each block the bitmap of examples without a depth, and the planes of the depth."""
        return {
            int.from_bytes(block, "big"): [parse_varbit(undefined), parse_varbit_array(depth)]
            for block, undefined, depth in self._rows(_DEPTHS)
        }

    def _votes(self) -> dict[int, list[Planes | None]]:
        """Of each block the planes of each probe's votes."""
        found: dict[int, list[Planes | None]] = defaultdict(list)
        for block, _, predicted in self._rows(_VOTES):
            found[int.from_bytes(block, "big")].append(parse_varbit_array(predicted))
        return found

    def _check_depths(
        self, stored: Mapping[int, list[Planes | None]]
    ) -> Iterator[tuple[int | None, str]]:
        expected = [1, plane_count(self._layers)]
        yield from self._check_form("prediction depths", stored, expected)
        for block in self._blocks:
            undefined, depth = stored.get(block.block, [None, None])
            if undefined is None or depth is None or {undefined.size, depth.size} != {block.size}:
                continue
            values = unpack_planes(depth.packed, block.size)
            bound = np.where(unpack_planes(undefined.packed, block.size) > 0, 0, self._layers - 1)
            what = f"prediction depth is none of the {self._layers} layers'"
            yield from _named(values > bound, block, what)

    def _check_votes(
        self, stored: Mapping[int, list[Planes | None]]
    ) -> Iterator[tuple[int | None, str]]:
        planes = plane_count(self._num_classes)
        yield from self._check_form("votes of probes", stored, [planes] * self._layers)
        for block in self._blocks:
            for layer, votes in enumerate(stored.get(block.block, [])):
                if votes is not None and votes.size == block.size:
                    above = unpack_planes(votes.packed, block.size) >= self._num_classes
                    what = f"vote of layer {layer} is no class below {self._num_classes}"
                    yield from _named(above, block, what)

    def _check_form(
        self, name: str, stored: Mapping[int, list[Planes | None]], planes: list[int]
    ) -> Iterator[tuple[int | None, str]]:
        """Is each block there, with bitmaps of its size, as many as `planes` says?"""
        sizes = {block.block: block.size for block in self._blocks}
        for number in sorted(sizes.keys() | stored.keys()):
            if number not in stored:
                yield number, f"{name} are missing"
            elif number not in sizes:
                yield number, f"{name} are of none of the ensemble's blocks"
            else:
                form = [one and (len(one.packed), one.size) for one in stored[number]]
                if form != [(count, sizes[number]) for count in planes]:
                    yield number, f"{name} have other lengths, planes or layers than expected"

    def _check_accuracies(self) -> Iterator[tuple[int | None, str]]:
        run_id, evaluation = self._place
        rows = self._connection.execute(
            select(ProbeAccuracy.example_group, ProbeAccuracy.layer)
            .where(ProbeAccuracy.run_id == run_id, ProbeAccuracy.evaluation == evaluation)
            .order_by(ProbeAccuracy.example_group, ProbeAccuracy.layer)
        )
        found: dict[str, list[int]] = defaultdict(list)
        for group, layer in rows:
            found[group].append(layer)
        if not found:
            yield None, "accuracies of probes are missing"
        for group, layers in found.items():
            if layers != list(range(self._layers)):
                told = f"layers {listed(layers)}, not of {self._layers}"
                yield None, f"accuracies of probes on {group} are of {told}"

    def _check_against_votes(
        self, packed: NDArray[np.uint8], votes: NDArray[np.uint8]
    ) -> Iterator[tuple[int | None, str]]:
        """Is each depth what the votes and the predicted class say?"""
        try:
            outcomes = read_evaluation(self._connection, *self._place, self._layout)
        except CorruptOutcomesError:  # told elsewhere
            return
        if len(outcomes) == 1:  # the predicted classes are not known
            return
        planes = votes.shape[1]
        bits = np.concatenate([packed, outcomes[1:], votes.reshape(-1, votes.shape[2])])
        digits = unpack(bits, self._layout)
        undefined, rest = digits[0], digits[1:]
        depth, predicted, *told = _numbers(rest, [len(packed) - 1, *[planes] * (1 + len(votes))])
        expected = np.zeros_like(depth)
        for layer, voted in enumerate(told):
            expected[voted != predicted] = layer + 1
        wrong = np.where(undefined > 0, self._layers, depth) != expected
        for block in self._blocks:
            part = wrong[block.first_example : block.first_example + block.size]
            yield from _named(part, block, "prediction depth is not what the votes say")


def _numbers(digits: NDArray[np.uint8], planes: list[int]) -> list[Classes]:
    """Rows of zeros and ones, uint8 [sum of planes, N], as numbers of so many planes each."""
    ends = np.cumsum(planes)[:-1].tolist()
    return [
        (part.astype(np.int64) << np.arange(len(part))[:, None]).sum(0)
        for part in np.split(digits, ends)
    ]


def _side_by_side(blocks: list[list[Planes | None]]) -> NDArray[np.uint8]:
    """All planes of each block below each other, and the blocks side by side."""
    return np.concatenate(
        [np.concatenate([planes.packed for planes in block if planes]) for block in blocks], axis=1
    )


def _named(
    wrong: NDArray[np.bool_], block: BlockRange, what: str
) -> Iterator[tuple[int | None, str]]:
    if wrong.any():
        slots = np.flatnonzero(wrong)
        first = block.first_example + int(slots[0])
        count = f"{len(slots):,} of {block.size:,} examples"
        yield block.block, f"{what} for {count}, first example_id {first}"
