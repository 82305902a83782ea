"""Checks of final softmax outputs, and of the scores that are computed from them.

Outputs have no checksum, but they sum to 1, and none is larger than that of the predicted class.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from tracker.db.models import OutputBlock, ScoreBlock
from tracker.outcomes.layout import BlockRange, Layout
from tracker.outcomes.outputs import (
    READ_NUMBERS,
    exceeded,
    far_from_1,
    read_outputs,
    read_predicted,
)
from tracker.sources import imported_from

Finding = tuple[int | None, int | None, str]
"""An evaluation, a block (None for all), and what is wrong with its outputs."""


def expected_outputs(spec: Mapping[str, Any]) -> bool:
    """Whether every complete run of an ensemble with this stored spec has outputs."""
    source = imported_from(spec)
    return bool(spec.get("recording", {}).get("outputs")) if source is None else source.outputs


def check_outputs(
    connection: Connection, run_id: int, layout: Layout, num_classes: int, *, wanted: bool
) -> Iterator[Finding]:
    """What is wrong with the outputs of one run, which covers `layout`.

    Parameters
    ----------
    wanted
        Whether the run must have some.
    """
    stored = _stored(connection, run_id)
    blocks = {block.block: block for split in layout.splits for block in split.blocks}
    if not stored:
        if wanted:
            yield None, None, "outputs are missing"
        return
    last = max(evaluation for evaluation, _, _ in stored.values())
    for number in sorted(blocks.keys() | stored.keys()):
        if number not in stored:
            yield last, number, "outputs are missing"
            continue
        evaluation, numbers, with_null = stored[number]
        block = blocks.get(number)
        if block is None:
            yield evaluation, number, "outputs are of none of the ensemble's blocks"
        elif evaluation != last:
            yield evaluation, number, f"outputs are not of evaluation {last}, as others are"
        elif numbers != block.size * num_classes:
            expected = block.size * num_classes
            yield last, number, f"outputs have {numbers:,} numbers, {expected:,} expected"
        elif with_null:
            yield last, number, "outputs hold NULL"
        else:
            for what in _check_values(connection, run_id, last, block, num_classes):
                yield last, number, what


def _stored(connection: Connection, run_id: int) -> dict[int, tuple[int, int, bool]]:
    """Evaluation, count of numbers, and whether there is a NULL, of each block."""
    rows = connection.execute(
        select(
            OutputBlock.block,
            OutputBlock.evaluation,
            func.cardinality(OutputBlock.value).label("numbers"),
            func.array_position(OutputBlock.value, None).is_not(None).label("with_null"),
        ).where(OutputBlock.run_id == run_id)
    )
    return {row.block: (row.evaluation, row.numbers, row.with_null) for row in rows}


def _check_values(
    connection: Connection, run_id: int, evaluation: int, block: BlockRange, num_classes: int
) -> Iterator[str]:
    predicted = read_predicted(connection, run_id, evaluation, block)
    parts = read_outputs(connection, [run_id], block, num_classes, READ_NUMBERS)
    wrong: dict[str, list[NDArray[np.int64]]] = defaultdict(list)
    start = 0
    for (outputs,) in parts:
        wrong["outputs do not sum to 1"].append(start + np.flatnonzero(far_from_1(outputs)))
        if predicted is not None:
            said = predicted[start : start + len(outputs)]
            above = np.flatnonzero(exceeded(outputs, said))
            wrong["outputs contradict the predicted class"].append(start + above)
        start += len(outputs)
    for what, places in wrong.items():
        slots = np.concatenate(places)
        if len(slots):
            first = block.first_example + int(slots[0])
            yield f"{what} for {len(slots):,} of {block.size:,} examples, first example_id {first}"


def check_scores(
    connection: Connection, ensemble_id: int, layout: Layout
) -> Iterator[tuple[int | None, str]]:
    """What is wrong with the scores of an ensemble: a block, None for all, and what."""
    blocks = {block.block: block for split in layout.splits for block in split.blocks}
    rows = connection.execute(
        select(
            ScoreBlock.score,
            ScoreBlock.block,
            ScoreBlock.version,
            func.cardinality(ScoreBlock.value).label("numbers"),
        )
        .where(ScoreBlock.ensemble_id == ensemble_id)
        .order_by(ScoreBlock.score, ScoreBlock.block)
    ).all()
    for score in dict.fromkeys(row.score for row in rows):
        stored = {row.block: row for row in rows if row.score == score}
        for number in sorted(blocks.keys() | stored.keys()):
            if number not in stored:
                yield number, f"score {score} is missing"
            elif number not in blocks:
                yield number, f"score {score} is of none of the ensemble's blocks"
            elif stored[number].numbers != (size := blocks[number].size):
                numbers = stored[number].numbers
                yield number, f"score {score} has {numbers:,} numbers, {size:,} expected"
        if len({row.version for row in stored.values()}) > 1:
            yield None, f"score {score} is put together from several versions"
