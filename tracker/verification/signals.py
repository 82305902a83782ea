"""Checks of signals and of their summaries: in the database, which returns only what is wrong."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, text

# The conditions of WHERE name what is wrong; the columns say which it was.
_BLOCKS = text("""
    SELECT
        signal_block.signal,
        signal_block.evaluation,
        signal_block.block,
        cardinality(signal_block.value) AS numbers,
        block.size,
        outcome_block.run_id IS NULL AS without_outcomes
    FROM signal_block
    LEFT JOIN block
        ON
            block.dataset_id = :dataset_id
            AND block.split = ANY(:splits)
            AND signal_block.block = block.block
    LEFT JOIN outcome_block
        ON
            signal_block.run_id = outcome_block.run_id
            AND signal_block.block = outcome_block.block
            AND signal_block.evaluation = outcome_block.evaluation
    WHERE
        signal_block.run_id = :run_id
        AND (
            block.size IS NULL
            OR outcome_block.run_id IS NULL
            OR cardinality(signal_block.value) <> block.size
            OR array_position(signal_block.value, NULL) IS NOT NULL
        )
    ORDER BY signal_block.evaluation, signal_block.signal, signal_block.block
""")

_MISSING_BLOCKS = text("""
    SELECT recorded.signal, recorded.evaluation, outcome_block.block
    FROM (
        SELECT DISTINCT signal_block.signal, signal_block.evaluation
        FROM signal_block
        WHERE signal_block.run_id = :run_id
    ) AS recorded
    INNER JOIN outcome_block
        ON outcome_block.run_id = :run_id AND recorded.evaluation = outcome_block.evaluation
    LEFT JOIN signal_block
        ON
            signal_block.run_id = :run_id
            AND outcome_block.block = signal_block.block
            AND recorded.signal = signal_block.signal
            AND recorded.evaluation = signal_block.evaluation
    WHERE signal_block.run_id IS NULL
    ORDER BY recorded.evaluation, recorded.signal, outcome_block.block
""")

_SUMMARIES = text("""
    SELECT
        signal_summary.signal,
        signal_summary.block,
        signal_summary.evaluations,
        cardinality(signal_summary.mean) AS means,
        cardinality(signal_summary.deviation) AS deviations,
        block.size,
        recorded.evaluations AS recorded
    FROM signal_summary
    CROSS JOIN (
        SELECT count(*) AS evaluations FROM evaluation WHERE evaluation.run_id = :run_id
    ) AS recorded
    LEFT JOIN block
        ON
            block.dataset_id = :dataset_id
            AND block.split = ANY(:splits)
            AND signal_summary.block = block.block
    WHERE
        signal_summary.run_id = :run_id
        AND (
            block.size IS NULL
            OR cardinality(signal_summary.mean) <> block.size
            OR cardinality(signal_summary.deviation) <> block.size
            OR array_position(signal_summary.mean, NULL) IS NOT NULL
            OR array_position(signal_summary.deviation, NULL) IS NOT NULL
            OR signal_summary.evaluations > recorded.evaluations
        )
    ORDER BY signal_summary.signal, signal_summary.block
""")

_MISSING_SUMMARIES = text("""
    SELECT summarized.signal, block.block
    FROM (
        SELECT DISTINCT signal_summary.signal
        FROM signal_summary
        WHERE signal_summary.run_id = :run_id
    ) AS summarized
    INNER JOIN block ON block.dataset_id = :dataset_id AND block.split = ANY(:splits)
    LEFT JOIN signal_summary
        ON
            signal_summary.run_id = :run_id
            AND block.block = signal_summary.block
            AND summarized.signal = signal_summary.signal
    WHERE signal_summary.run_id IS NULL
    ORDER BY summarized.signal, block.block
""")

Finding = tuple[int | None, int, str]
"""An evaluation (None for a summary), a block, and what is wrong with its signal."""


def check_signals(
    connection: Connection, run_id: int, dataset_id: int, splits: Iterable[str]
) -> Iterator[Finding]:
    """What is wrong with the signals and the summaries of one run, which covers `splits`."""
    place = {"run_id": run_id, "dataset_id": dataset_id, "splits": list(splits)}
    for row in connection.execute(_BLOCKS, place):
        name = f"signal {row.signal}"
        if row.size is None:
            what = f"{name} is of none of the ensemble's blocks"
        elif row.without_outcomes:
            what = f"{name} has no outcomes beside it"
        else:
            what = f"{name} {_numbers(row.numbers, row.size)}"
        yield row.evaluation, row.block, what
    for row in connection.execute(_MISSING_BLOCKS, {"run_id": run_id}):
        yield row.evaluation, row.block, f"signal {row.signal} is missing"
    for row in connection.execute(_SUMMARIES, place):
        name = f"summary of {row.signal}"
        if row.size is None:
            what = f"{name} is of none of the ensemble's blocks"
        elif row.evaluations > row.recorded:
            what = f"{name} covers {row.evaluations} evaluations, {row.recorded} are recorded"
        elif row.means != row.size:
            what = f"{name}: mean {_numbers(row.means, row.size)}"
        else:
            what = f"{name}: deviation {_numbers(row.deviations, row.size)}"
        yield None, row.block, what
    for row in connection.execute(_MISSING_SUMMARIES, place):
        yield None, row.block, f"summary of {row.signal} is missing"


def _numbers(found: int, expected: int) -> str:
    if found == expected:
        return "holds NULL"
    return f"has {found:,} numbers, {expected:,} expected"
