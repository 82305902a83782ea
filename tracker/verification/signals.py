"""Checks of signals and of their summaries: in the database, which returns only what is wrong.

Presence, lengths and what summaries cover; the numbers themselves have no checksum.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from tracker.outcomes.signals import measured_signals
from tracker.sources import imported_from

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

# One row a signal and evaluation: a signal that is expected, or that some block has.
_MISSING_BLOCKS = text("""
    WITH wanted AS (
        SELECT expected.signal, evaluation.evaluation
        FROM unnest(CAST(:signals AS TEXT[])) AS expected (signal)
        CROSS JOIN evaluation
        WHERE evaluation.run_id = :run_id
        UNION
        SELECT signal_block.signal, signal_block.evaluation
        FROM signal_block
        WHERE signal_block.run_id = :run_id
    )

    SELECT
        wanted.signal,
        wanted.evaluation,
        count(signal_block.run_id) AS present,
        array_agg(outcome_block.block ORDER BY outcome_block.block)
            FILTER (WHERE signal_block.run_id IS NULL) AS missing
    FROM wanted
    INNER JOIN outcome_block
        ON outcome_block.run_id = :run_id AND wanted.evaluation = outcome_block.evaluation
    LEFT JOIN signal_block
        ON
            signal_block.run_id = :run_id
            AND outcome_block.block = signal_block.block
            AND wanted.signal = signal_block.signal
            AND wanted.evaluation = signal_block.evaluation
    GROUP BY wanted.signal, wanted.evaluation
    HAVING count(signal_block.run_id) < count(*)
    ORDER BY wanted.evaluation, wanted.signal
""")

_SUMMARIES = text("""
    SELECT
        signal_summary.signal,
        signal_summary.block,
        signal_summary.evaluations,
        cardinality(signal_summary.mean) AS means,
        cardinality(signal_summary.deviation) AS deviations,
        block.size,
        recorded.evaluations AS recorded,
        (
            signal_summary.evaluations > recorded.evaluations
            OR (:whole AND signal_summary.evaluations < recorded.evaluations)
        ) AS miscounted
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
            OR (:whole AND signal_summary.evaluations < recorded.evaluations)
        )
    ORDER BY signal_summary.signal, signal_summary.block
""")

_MISSING_SUMMARIES = text("""
    WITH wanted AS (
        SELECT unnest(CAST(:summarized AS TEXT[])) AS signal
        UNION
        SELECT signal_summary.signal
        FROM signal_summary
        WHERE signal_summary.run_id = :run_id
    )

    SELECT
        wanted.signal,
        count(signal_summary.run_id) AS present,
        array_agg(block.block ORDER BY block.block)
            FILTER (WHERE signal_summary.run_id IS NULL) AS missing
    FROM wanted
    INNER JOIN block ON block.dataset_id = :dataset_id AND block.split = ANY(:splits)
    LEFT JOIN signal_summary
        ON
            signal_summary.run_id = :run_id
            AND block.block = signal_summary.block
            AND wanted.signal = signal_summary.signal
    GROUP BY wanted.signal
    HAVING count(signal_summary.run_id) < count(*)
    ORDER BY wanted.signal
""")

_RECORDED_SIGNALS = text("""
    SELECT signal_block.signal
    FROM signal_block
    INNER JOIN run ON signal_block.run_id = run.id
    WHERE run.ensemble_id = :ensemble_id
    UNION
    SELECT signal_summary.signal
    FROM signal_summary
    INNER JOIN run ON signal_summary.run_id = run.id
    WHERE run.ensemble_id = :ensemble_id
    ORDER BY signal
""")

Finding = tuple[int | None, int | None, str]
"""An evaluation (None for a summary), a block (None for all), and what is wrong with its signal."""


@dataclass(frozen=True)
class Expected:
    """What an ensemble's runs have by its stored spec."""

    signals: tuple[str, ...]
    """At every evaluation."""
    summaries: tuple[str, ...]
    """Of every complete run."""


def expected_signals(connection: Connection, ensemble_id: int, spec: Mapping[str, Any]) -> Expected:
    """What is expected of an ensemble's runs; an old import's is what any of them has."""
    source = imported_from(spec)
    if source is None:
        signals = tuple(spec["recording"].get("signals", ()))
        return Expected(signals, measured_signals(signals))
    recorded = connection.scalars(_RECORDED_SIGNALS, {"ensemble_id": ensemble_id})
    signals = source.signals or tuple(name for name in recorded if name not in source.partial)
    return Expected(signals, signals)


def check_signals(
    connection: Connection,
    run_id: int,
    dataset_id: int,
    splits: Iterable[str],
    expected: Expected,
    *,
    whole: bool,
) -> Iterator[Finding]:
    """What is wrong with the signals and the summaries of one run, which covers `splits`.

    Summaries are demanded, and of all its evaluations, only if it is `whole`: while a run goes on
    they lag behind, and before there were checksums there were none.
    """
    place = {
        "run_id": run_id,
        "dataset_id": dataset_id,
        "splits": list(splits),
        "signals": list(expected.signals),
        "summarized": list(expected.summaries) if whole else [],
        "whole": whole,
    }
    yield from _check_blocks(connection, place)
    yield from _check_summaries(connection, place)


def _check_blocks(connection: Connection, place: Mapping[str, Any]) -> Iterator[Finding]:
    for row in connection.execute(_BLOCKS, place):
        name = f"signal {row.signal}"
        if row.size is None:
            what = f"{name} is of none of the ensemble's blocks"
        elif row.without_outcomes:
            what = f"{name} has no outcomes beside it"
        else:
            what = f"{name} {_numbers(row.numbers, row.size)}"
        yield row.evaluation, row.block, what
    for row in connection.execute(_MISSING_BLOCKS, place):
        for block in row.missing if row.present else [None]:
            yield row.evaluation, block, f"signal {row.signal} is missing"


def _check_summaries(connection: Connection, place: Mapping[str, Any]) -> Iterator[Finding]:
    for row in connection.execute(_SUMMARIES, place):
        name = f"summary of {row.signal}"
        if row.size is None:
            what = f"{name} is of none of the ensemble's blocks"
        elif row.miscounted:
            what = f"{name} covers {row.evaluations} evaluations, {row.recorded} are recorded"
        elif row.means != row.size:
            what = f"{name}: mean {_numbers(row.means, row.size)}"
        else:
            what = f"{name}: deviation {_numbers(row.deviations, row.size)}"
        yield None, row.block, what
    for row in connection.execute(_MISSING_SUMMARIES, place):
        for block in row.missing if row.present else [None]:
            yield None, block, f"summary of {row.signal} is missing"


def _numbers(found: int, expected: int) -> str:
    if found == expected:
        return "holds NULL"
    return f"has {found:,} numbers, {expected:,} expected"
