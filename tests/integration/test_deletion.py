"""Deleting leaves nothing behind, stops workers, and disturbs nobody else."""

import secrets
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, create_engine, text, update

from tests.support.ensembles import (
    Story,
    add_ensemble,
    block_size,
    claimed,
    record,
    story_of,
    with_changes,
    write,
)
from tracker import runs
from tracker.curriculum.plan import Examples
from tracker.curriculum.records import store_snapshot
from tracker.db.models import Base, Ensemble
from tracker.deletion import contents, delete_ensemble, give_back_space
from tracker.errors import NotFoundError, RunLostError, UsageError
from tracker.outcomes.layout import Layout
from tracker.outcomes.packing import COPY_HEADER, COPY_TRAILER, signal_rows, summary_rows
from tracker.outcomes.signals import SignalSummary

STORY = story_of(
    np.random.default_rng(3).random((3, 20, 4)) < 0.5,
    sizes={"train": 12, "test": 8},
    depths=np.arange(3 * 20 * 4).reshape(3, 20, 4) % 5,
    probed=[3],
    votes_told=True,
    held_out=np.ones((3, 12), dtype=bool),
    outputs=np.full((3, 20, 3), 1 / 3, np.float32),
    name="unwanted",
)

OF_SAMPLERS = {"curriculum", "curriculum_epoch"}
"""What samplers recorded outlives the ensembles; see test_curriculum_records."""


@pytest.fixture(autouse=True)
def _small_blocks() -> Iterator[None]:
    with block_size(8):
        yield


def counts(connection: Connection) -> dict[str, int]:
    """Rows of every table that has any."""
    found = {
        name: connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0
        for name in Base.metadata.tables
    }
    return {name: count for name, count in found.items() if count}


def tell(connection: Connection, story: Story) -> None:
    """The story with signals, summaries and a curriculum, so that every table has rows."""
    recorded = record(connection, story)
    values = np.arange(20, dtype=np.float32)
    snapshot = store_snapshot(connection, Examples(np.arange(12.0)))
    connection.execute(
        update(Ensemble)
        .where(Ensemble.id == recorded.ensemble_id)
        .values(curriculum_snapshot=snapshot)
    )
    layout, run_id = Layout.of(story.sizes, 8), recorded.run_ids[0]
    for table, rows in (
        ("signal_block", signal_rows(layout, run_id, 1, {"margin": values})),
        ("signal_summary", summary_rows(layout, run_id, {"m": SignalSummary(4, values, values)})),
    ):
        command = f"COPY {table} FROM STDIN (FORMAT binary)"
        with connection.connection.cursor().copy(command) as copy:
            copy.write(b"".join([COPY_HEADER, *rows, COPY_TRAILER]))


def test_nothing_is_left_in_any_table(connection: Connection) -> None:
    tell(connection, STORY)
    every = set(Base.metadata.tables) - OF_SAMPLERS
    assert set(counts(connection)) == every, "every table has rows before"
    deleted = delete_ensemble(connection, "unwanted")
    assert counts(connection) == {}
    assert (deleted.runs, deleted.evaluations, deleted.outcomes) == (3, 12, 240)
    assert (deleted.dataset, deleted.dataset_users) == (STORY.dataset, 0)


def test_other_ensembles_and_a_shared_dataset_stay(connection: Connection) -> None:
    tell(connection, with_changes(STORY, name="kept"))
    before = counts(connection)
    tell(connection, STORY)
    tell(connection, story_of(np.ones((1, 20, 4)), name="of another dataset"))
    apart = delete_ensemble(connection, "of another dataset")
    shared = delete_ensemble(connection, "unwanted")
    assert (apart.dataset_users, shared.dataset_users) == (0, 1)
    assert counts(connection) == before
    names = connection.scalars(text("SELECT DISTINCT ensemble FROM outcome")).all()
    assert names == ["kept"]


@pytest.mark.embedded_only
@pytest.mark.parametrize("state", ["queued", "running"])
def test_runs_that_are_not_over_need_force(connection: Connection, state: str) -> None:
    tell(connection, with_changes(STORY, name="unwanted", states=["complete", state, "failed"]))
    before = counts(connection)
    with pytest.raises(UsageError, match=f"not over .1 {state}.*tracker cancel unwanted.*--force"):
        delete_ensemble(connection, "unwanted")
    assert counts(connection) == before
    delete_ensemble(connection, "unwanted", force=True)
    assert counts(connection) == {}


@pytest.mark.embedded_only
def test_an_unknown_ensemble(connection: Connection) -> None:
    tell(connection, STORY)
    with pytest.raises(NotFoundError, match="no ensemble 'wanted': choose one of unwanted"):
        delete_ensemble(connection, "wanted")


@pytest.mark.embedded_only
def test_an_ensemble_without_runs_or_outcomes(connection: Connection) -> None:
    add_ensemble(connection, STORY)
    connection.execute(text("DELETE FROM run"))
    deleted = delete_ensemble(connection, "unwanted")
    assert (deleted.runs, deleted.outcomes) == (0, 0)
    assert counts(connection) == {}


def test_a_worker_finds_its_run_gone(engine: Engine) -> None:
    """With the functions that the worker calls: every one of them tells it to stop."""
    with engine.begin() as connection:
        recorded = add_ensemble(connection, STORY)
        claim = claimed(connection, recorded.run_ids[0])
        runs.begin(connection, claim, {"device": "cpu"})
        write(connection, claim, STORY, 0, 0)
    with engine.begin() as connection:
        delete_ensemble(connection, "unwanted", force=True)
    with engine.begin() as connection, pytest.raises(RunLostError):
        write(connection, claim, STORY, 0, 1)
    with engine.begin() as connection:
        assert runs.beat(connection, claim, 10, None) is None
        assert runs.finish(connection, claim, "complete") is False
        # A message that still waits at the broker finds nothing to do.
        assert runs.claim_run(connection, recorded.run_ids[1], "host:2") is None
        with pytest.raises(RunLostError):
            runs.begin(connection, claim, {"device": "cpu"})
    with engine.connect() as connection:
        assert counts(connection) == {}


def test_an_evaluation_being_written_is_waited_for_and_goes_too(engine: Engine) -> None:
    with engine.begin() as connection:
        recorded = add_ensemble(connection, STORY)
        claim = claimed(connection, recorded.run_ids[0])
    writing = engine.connect()
    write(writing, claim, STORY, 0, 0)
    deleted = threading.Event()

    def delete() -> None:
        with engine.begin() as connection:
            delete_ensemble(connection, "unwanted", force=True)
        deleted.set()

    thread = threading.Thread(target=delete)
    thread.start()
    assert not deleted.wait(0.3), "the writer's transaction is not over"
    writing.commit()
    writing.close()
    thread.join(10)
    assert deleted.is_set()
    with engine.connect() as connection:
        assert counts(connection) == {}


def test_readers_are_not_kept_waiting_and_see_what_they_saw(engine: Engine) -> None:
    with engine.begin() as connection:
        tell(connection, STORY)
    count = text("SELECT count(*) FROM outcome")
    with engine.connect() as reader:
        reader.execution_options(isolation_level="REPEATABLE READ")
        assert reader.scalar(count) == 240
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            delete_ensemble(connection, "unwanted")
            with engine.connect() as other:
                other.execute(text("SET LOCAL lock_timeout = '1s'"))
                assert other.scalar(count) == 240, "not committed yet"
        give_back_space(engine, dataset=True)
        assert reader.scalar(count) == 240, "its snapshot is older"
    with engine.connect() as connection:
        assert connection.scalar(count) == 0


@pytest.mark.embedded_only
def test_space_is_given_back(engine: Engine) -> None:
    big = story_of(np.random.default_rng(0).random((8, 2000, 20)) < 0.5, name="unwanted")
    with engine.begin() as connection:
        record(connection, big)
    size = text("SELECT pg_relation_size('outcome_block')")
    with engine.begin() as connection:
        before = connection.scalar(size)
        delete_ensemble(connection, "unwanted")
    give_back_space(engine, dataset=True)
    with engine.connect() as connection:
        assert before > 1_000_000
        assert connection.scalar(size) == 0


@pytest.mark.embedded_only
def test_who_may_not_vacuum_deletes_all_the_same(engine: Engine) -> None:
    role = f"writer_{secrets.token_hex(6)}"
    with engine.begin() as connection:
        tell(connection, STORY)
        connection.execute(text(f"CREATE ROLE {role}"))
        connection.execute(
            text(f"GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        )
    restricted = create_engine(engine.url, connect_args={"options": f"-c role={role}"})
    try:
        with restricted.begin() as connection:
            assert connection.scalar(text("SELECT current_user")) == role
            delete_ensemble(connection, "unwanted")
        assert give_back_space(restricted, dataset=True) is None
        with engine.connect() as connection:
            assert counts(connection) == {}
    finally:
        restricted.dispose()
        with engine.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))


@pytest.mark.embedded_only
def test_looking_first_locks_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        tell(connection, STORY)
    with engine.connect() as looking:
        assert contents(looking, "unwanted").outcomes == 240
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '1s'"))
            delete_ensemble(connection, "unwanted")


@pytest.mark.embedded_only
def test_another_failure_of_vacuum_is_told_in_a_line(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert give_back_space(engine, dataset=True) is None
    monkeypatch.setattr("tracker.deletion.TOUCHED", ("outcome_block", "nowhere"))
    told = give_back_space(engine, dataset=False)
    assert told == (
        'the space was not given back (relation "nowhere" does not exist): Postgres\'s own vacuum '
        "will do it"
    )
