"""Writing signals, their summaries and checksums: what is stored, replayed, replaced, refused."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from tests.support.ensembles import add_ensemble, block_size, claimed, story_of
from tracker.errors import ReplayError
from tracker.outcomes.layout import Layout
from tracker.outcomes.packing import checksum
from tracker.outcomes.signals import SignalSummary
from tracker.outcomes.stream import OutcomeWriter
from tracker.outcomes.writer import (
    EvaluationRecord,
    drop_orphaned_summaries,
    insert_evaluations,
    record_evaluations,
)
from tracker.runs import Claim

EXAMPLES = 29
STORY = story_of(np.arange(EXAMPLES)[None, :, None] % 3 > 0, sizes={"train": 19, "test": 10})
LAYOUT_BLOCKS = [range(8), range(8, 16), range(16, 19), range(19, 27), range(27, 29)]


@pytest.fixture(autouse=True)
def _small_blocks() -> Iterator[None]:
    with block_size(8):
        yield


@pytest.fixture
def claim(engine: Engine) -> Claim:
    with engine.begin() as connection:
        return claimed(connection, add_ensemble(connection, STORY).run_ids[0])


def numbers(seed: int) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).standard_normal(EXAMPLES).astype(np.float32)
    values[:4] = [np.nan, np.inf, -np.inf, -0.0]
    return values


def record(evaluation: int = 1, covers: int = 0, **changes: Any) -> EvaluationRecord:
    """An evaluation with two signals, and a summary if it `covers` something."""
    summaries = {"margin": summary(covers)} if covers else {}
    told = replace(
        STORY.evaluation_record(0, 0),
        evaluation=evaluation,
        signals={"loss": numbers(1), "confidence": numbers(2)},
        summaries=summaries,
    )
    return replace(told, **changes)


def summary(covers: int) -> SignalSummary:
    return SignalSummary(covers, np.arange(EXAMPLES) + covers / 4, np.full(EXAMPLES, covers / 8))


def write(engine: Engine, claim: Claim, *told: EvaluationRecord) -> None:
    with engine.begin() as connection:
        record_evaluations(connection, claim, Layout.of(STORY.sizes), told)


def stored(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(query))]


def summaries(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return stored(
            connection,
            "SELECT signal, evaluations, count(*), sum(cardinality(mean)), min(mean[1]), "
            "max(deviation[1]) FROM signal_summary GROUP BY signal, evaluations ORDER BY signal",
        )


def test_stored_numbers_are_the_signals_to_the_bit(engine: Engine, claim: Claim) -> None:
    write(engine, claim, record())
    with engine.connect() as connection:
        rows = stored(
            connection,
            "SELECT signal, block, run_id, evaluation, array_send(value) FROM signal_block "
            "ORDER BY signal DESC, block",
        )
    blocks = [("loss", 1), ("confidence", 2)]
    expected = [(name, seed, block) for name, seed in blocks for block in range(5)]
    for (signal, block, run_id, evaluation, sent), (name, seed, number) in zip(
        rows, expected, strict=True
    ):
        assert (signal, block, run_id, evaluation) == (name, number, claim.run_id, 1)
        found = np.frombuffer(sent[20:], ">i4,>f4")["f1"]
        told = numbers(seed)[LAYOUT_BLOCKS[number]]
        assert found.astype("=f4").tobytes() == told.tobytes()


def test_summaries_are_stored(engine: Engine, claim: Claim) -> None:
    write(engine, claim, record(covers=3))
    with engine.connect() as connection:
        rows = stored(
            connection,
            "SELECT signal, evaluations, mean, deviation FROM signal_summary ORDER BY block",
        )
    for (signal, covers, mean, deviation), block in zip(rows, LAYOUT_BLOCKS, strict=True):
        assert (signal, covers) == ("margin", 3)
        assert mean == (np.array(block) + 0.75).tolist()
        assert deviation == [0.375] * len(block)


def test_replay_is_harmless(engine: Engine, claim: Claim) -> None:
    query = "SELECT ctid::text, * FROM signal_block"
    write(engine, claim, record())
    with engine.connect() as connection:
        before = sorted(map(str, stored(connection, query)))
    write(engine, claim, record())  # its NaN is equal to itself
    with engine.connect() as connection:
        assert sorted(map(str, stored(connection, query))) == before


@pytest.mark.parametrize("place", [0, 3, 18, 28], ids=["NaN", "sign of 0", "end of train", "last"])
def test_differing_signal_is_refused(engine: Engine, claim: Claim, place: int) -> None:
    write(engine, claim, record())
    other = numbers(2)
    other[place] = 0.0 if place in (0, 3) else np.nextafter(other[place], np.float32(9))
    block = {0: 0, 3: 0, 18: 2, 28: 4}[place]
    with pytest.raises(
        ReplayError, match=f"evaluation 1 differs .* in confidence of block {block}"
    ):
        write(engine, claim, record(signals={"loss": numbers(1), "confidence": other}))


@pytest.mark.parametrize("signals", [{}, {"loss": numbers(1)}], ids=["none", "one"])
def test_more_or_fewer_signals_are_a_difference(
    engine: Engine, claim: Claim, signals: dict[str, NDArray[np.float32]]
) -> None:
    write(engine, claim, record(1))
    write(engine, claim, record(2, signals=signals))
    with pytest.raises(ReplayError, match=r"evaluation 1 differs .* in confidence of block"):
        write(engine, claim, record(1, signals={"loss": numbers(1)}))
    with pytest.raises(ReplayError, match=r"evaluation 2 differs .* in \w+ of block 0"):
        write(engine, claim, record(2))


def test_later_summaries_take_the_place_of_earlier_ones(engine: Engine, claim: Claim) -> None:
    write(engine, claim, record(1, covers=1))
    assert summaries(engine) == [("margin", 1, 5, EXAMPLES, 0.25, 0.125)]
    write(engine, claim, record(2, covers=2))
    assert summaries(engine) == [("margin", 2, 5, EXAMPLES, 0.5, 0.25)]
    more = {"margin": summary(3), "loss": summary(1)}
    write(engine, claim, record(3, summaries=more))
    assert [row[:3] for row in summaries(engine)] == [("loss", 1, 5), ("margin", 3, 5)]
    write(engine, claim, record(4))
    assert [row[:3] for row in summaries(engine)] == [("loss", 1, 5), ("margin", 3, 5)]


def test_a_group_is_written_as_its_members_one_by_one(engine: Engine, claim: Claim) -> None:
    silent = record(2, signals={})
    more = {"margin": summary(3), "loss": summary(1)}
    write(engine, claim, record(1, covers=1), silent, record(3, summaries=more), record(4))
    with engine.connect() as connection:
        rows = stored(
            connection,
            "SELECT evaluation, signal, count(*) FROM signal_block GROUP BY 1, 2 ORDER BY 1, 2",
        )
    assert rows == [(ordinal, name, 5) for ordinal in (1, 3, 4) for name in ("confidence", "loss")]
    assert [row[:3] for row in summaries(engine)] == [("loss", 1, 5), ("margin", 3, 5)]


def test_summaries_of_a_repeated_attempt_wait_until_they_cover_more(
    engine: Engine, claim: Claim
) -> None:
    """Where the first attempt handed its last summaries over, the second may not."""
    for evaluation, covers in ((1, 0), (2, 2), (3, 0)):
        write(engine, claim, record(evaluation, covers))
    before = summaries(engine)
    write(engine, claim, record(1, covers=1))
    write(engine, claim, record(2, covers=2))
    assert summaries(engine) == before
    write(engine, claim, record(3, covers=3))
    assert [row[1] for row in summaries(engine)] == [3]


def test_summaries_go_with_a_history_that_is_begun_anew(engine: Engine, claim: Claim) -> None:
    for evaluation, covers in ((1, 1), (2, 2)):
        write(engine, claim, record(evaluation, covers))
    with engine.begin() as connection:
        drop_orphaned_summaries(connection, claim.run_id)
    assert len(summaries(engine)) == 1
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM evaluation WHERE evaluation = 2"))
        drop_orphaned_summaries(connection, claim.run_id)
    assert summaries(engine) == []


def test_other_numbers_of_examples_leave_nothing(engine: Engine, claim: Claim) -> None:
    short = SignalSummary(1, np.zeros(EXAMPLES), np.zeros(EXAMPLES - 1))
    for changes in ({"signals": {"loss": numbers(1)[:-1]}}, {"summaries": {"loss": short}}):
        with pytest.raises(ValueError, match=r"loss: an array of shape \(28,\) for 29 examples"):
            write(engine, claim, record(**changes))
    with engine.connect() as connection:
        assert stored(connection, "SELECT * FROM evaluation") == []


def test_right_and_wrong_alone_are_enough(engine: Engine, claim: Claim) -> None:
    told = record(signals={}, packed=STORY.packed(0, 0)[:1])
    write(engine, claim, told)
    write(engine, claim, told)
    with engine.connect() as connection:
        rows = stored(connection, "SELECT correct, predicted FROM outcome_block ORDER BY block")
    assert "".join(correct for correct, _ in rows) == ("011" * 10)[:EXAMPLES]
    assert {predicted for _, predicted in rows} == {None}
    with pytest.raises(ReplayError, match="in block 0"):
        write(engine, claim, record(signals={}))


def test_an_evaluation_is_inserted_once_and_has_a_checksum(engine: Engine, claim: Claim) -> None:
    told, other = record(covers=1), record(covers=2, signals={"el2n": numbers(3)})
    with engine.begin() as connection:
        layout = Layout.of(STORY.sizes)
        assert insert_evaluations(connection, claim.run_id, layout, [told]) == []
        assert insert_evaluations(connection, claim.run_id, layout, [other]) == [other]
        [[found]] = stored(connection, "SELECT checksum FROM evaluation")
        names = stored(connection, "SELECT DISTINCT signal FROM signal_block ORDER BY signal")
    assert bytes(found) == checksum(told.packed)
    assert names == [("confidence",), ("loss",)]
    assert [row[1] for row in summaries(engine)] == [1]


def test_the_thread_writes_them_too(engine: Engine, claim: Claim) -> None:
    with OutcomeWriter(engine, claim, Layout.of(STORY.sizes)) as writer:
        for evaluation in (1, 2, 3):
            writer.put(record(evaluation, covers=evaluation))
    with engine.connect() as connection:
        assert stored(connection, "SELECT count(*) FROM signal_block") == [(3 * 2 * 5,)]
    assert [row[1] for row in summaries(engine)] == [3]
