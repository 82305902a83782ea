"""Recorded curricula: stored once, replayed exactly, whatever is deleted or away meanwhile."""

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, delete, func, select, text, update
from sqlalchemy.exc import OperationalError

from tests.support.ensembles import record, story_of
from tracker.curriculum.description import Curriculum
from tracker.curriculum.plan import Examples, plan_epoch
from tracker.curriculum.recorder import DatabaseRecorder, default_name
from tracker.curriculum.records import (
    checksum,
    drop_unused_snapshots,
    epochs_of,
    list_curricula,
    load_curriculum,
    load_snapshot,
    snapshot_digest,
    store_snapshot,
)
from tracker.curriculum.replay import replay_epoch
from tracker.curriculum.source import Source
from tracker.db import models
from tracker.deletion import delete_ensemble
from tracker.errors import DatabaseUnavailableError, NotFoundError, ReplayError, UsageError

CURRICULUM = Curriculum(epochs=4, seed=3, balance=True)
EXAMPLES = Examples(
    scores=np.array([0.1, np.nan, np.inf, -np.inf, 1 / 3, 0.0, -0.0, 0.7]),
    labels=np.array([0, 1, 0, 1, 0, 1, 0, 1]),
    weights=np.array([1.0, 1, 1, 0, 1, 1, 1, 1]),
)
SOURCE = Source(("one", "two"), "learning_order.accessibility", "train", "f" * 64, (("easy", 0.5),))


def recorder_of(
    engine: Engine,
    name: str | None = "mine",
    curriculum: Curriculum = CURRICULUM,
    examples: Examples = EXAMPLES,
) -> DatabaseRecorder:
    recorder = DatabaseRecorder(name, lambda: engine)
    recorder.begin(curriculum, examples, SOURCE)
    return recorder


def train(recorder: DatabaseRecorder, epochs: range, examples: Examples = EXAMPLES) -> None:
    for epoch in epochs:
        recorder.epoch(epoch, plan_epoch(CURRICULUM, examples, epoch), examples)


def count(connection: Connection, table: type[models.Base]) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def test_a_curriculum_comes_back_whole_and_every_epoch_is_replayed(engine: Engine) -> None:
    train(recorder_of(engine), range(4))
    with engine.connect() as connection:
        stored = load_curriculum(connection, "mine")
        assert stored.curriculum == CURRICULUM
        assert stored.source == SOURCE
        assert set(stored.versions) == {"tracker", "numpy", "torch", "python"}
        for name in ("scores", "labels", "weights"):
            np.testing.assert_array_equal(
                getattr(stored.examples, name), getattr(EXAMPLES, name), strict=True
            )
        for epoch in range(4):
            plan = plan_epoch(CURRICULUM, EXAMPLES, epoch)
            np.testing.assert_array_equal(replay_epoch(connection, "mine", epoch), plan.indices)
            row = epochs_of(connection, "mine")[epoch]
            assert (row.pool_size, row.examples) == (plan.pool, len(plan.indices))
        assert count(connection, models.CurriculumSnapshot) == 1
        [listed] = list_curricula(connection)
    assert (listed.name, listed.seed, listed.epochs) == ("mine", 3, 4)


def test_scores_that_change_are_kept_with_the_epochs_that_used_them(engine: Engine) -> None:
    recorder = recorder_of(engine)
    changed = replace(EXAMPLES, scores=EXAMPLES.scores[::-1].copy())
    train(recorder, range(2))
    train(recorder, range(2, 4), changed)
    with engine.connect() as connection:
        assert count(connection, models.CurriculumSnapshot) == 2
        for epoch, used in enumerate((EXAMPLES, EXAMPLES, changed, changed)):
            indices = plan_epoch(CURRICULUM, used, epoch).indices
            np.testing.assert_array_equal(replay_epoch(connection, "mine", epoch), indices)


def test_the_same_curriculum_is_gone_on_with_and_another_is_refused(engine: Engine) -> None:
    train(recorder_of(engine), range(2))
    train(recorder_of(engine), range(1, 3))  # resumed: one epoch again
    with engine.connect() as connection:
        assert [row.epoch for row in epochs_of(connection, "mine")] == [0, 1, 2]
    for changes, difference in (
        ({"curriculum": replace(CURRICULUM, seed=4)}, "with seed 3: "),
        ({"examples": replace(EXAMPLES, weights=None)}, "other scores"),
    ):
        with pytest.raises(UsageError, match=r"'mine' is recorded already, with"):
            recorder_of(engine, **changes)  # type: ignore[arg-type]
        assert difference


def test_an_epoch_begun_again_in_another_order_replaces_the_first(engine: Engine) -> None:
    recorder = recorder_of(engine)
    train(recorder, range(1))
    changed = replace(EXAMPLES, scores=-EXAMPLES.scores)
    with pytest.warns(UserWarning, match=r"epoch 0 was recorded before with other indices"):
        train(recorder, range(1), changed)
    with engine.connect() as connection:
        indices = plan_epoch(CURRICULUM, changed, 0).indices
        np.testing.assert_array_equal(replay_epoch(connection, "mine", 0), indices)


def test_names_that_nobody_gave_are_those_of_what_gives_the_same_epochs(engine: Engine) -> None:
    one, again = recorder_of(engine, None), recorder_of(engine, None)
    other = recorder_of(engine, None, replace(CURRICULUM, seed=4))
    assert one.name == again.name == default_name(CURRICULUM, EXAMPLES, SOURCE)
    assert str(one.name).startswith("one-easy-first-")
    assert other.name != one.name
    with pytest.raises(UsageError, match="record='a b': use up to 200 letters"):
        DatabaseRecorder("a b", lambda: engine)


class Away:
    """A database that is there or not."""

    def __init__(self, engine: Engine, error: Exception) -> None:
        self.engine, self.error, self.is_away = engine, error, True

    def __call__(self) -> Engine:
        if self.is_away:
            raise self.error
        return self.engine


ERRORS = (
    DatabaseUnavailableError("cannot connect to PostgreSQL"),
    OperationalError("INSERT", {}, Exception("server closed the connection")),
)


@pytest.mark.embedded_only
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_database_that_is_away_warns_and_is_told_later(engine: Engine, error: Exception) -> None:
    connect = Away(engine, error)
    recorder = DatabaseRecorder("mine", connect)
    with pytest.warns(UserWarning, match=r"could not be recorded .*: training goes on"):
        recorder.begin(CURRICULUM, EXAMPLES, SOURCE)
    with pytest.warns(UserWarning, match="could not be recorded"):
        train(recorder, range(1))
    connect.is_away = False
    train(recorder, range(1, 2))
    connect.is_away = True
    with pytest.warns(UserWarning, match="could not be recorded"):
        train(recorder, range(2, 3))
    connect.is_away = False
    train(recorder, range(3, 4))
    with engine.connect() as connection:
        rows = epochs_of(connection, "mine")
    assert [row.epoch for row in rows] == [0, 1, 2, 3]
    times = [row.begun_at for row in rows]
    assert times == sorted(times)


@pytest.mark.embedded_only
def test_a_name_that_turns_out_to_be_taken_gets_a_number(engine: Engine) -> None:
    for seed in (4, 5):
        recorder_of(engine, f"mine{'-2' * (seed - 4)}", replace(CURRICULUM, seed=seed))
    connect = Away(engine, ERRORS[0])
    recorder = DatabaseRecorder("mine", connect)
    with pytest.warns(UserWarning, match="could not be recorded"):
        recorder.begin(CURRICULUM, EXAMPLES, SOURCE)
    connect.is_away = False
    with pytest.warns(UserWarning, match=r"recorded as 'mine': this one is 'mine-3'"):
        train(recorder, range(1))
    train(recorder, range(1, 2))
    with engine.connect() as connection:
        assert len(epochs_of(connection, "mine-3")) == 2
        assert epochs_of(connection, "mine") == epochs_of(connection, "mine-2") == []


def test_replay_says_what_is_wrong(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(NotFoundError, match="nor any other"):
        replay_epoch(connection, "mine", 0)
    recorder = recorder_of(engine)
    with engine.connect() as connection, pytest.raises(NotFoundError, match="has begun none"):
        replay_epoch(connection, "mine", 0)
    for epochs in (range(2), range(3, 4)):
        train(recorder, epochs)
    with engine.begin() as connection:
        with pytest.raises(NotFoundError, match="choose one of mine"):
            replay_epoch(connection, "other", 0)
        with pytest.raises(NotFoundError, match="no epoch 2: choose one of 0 to 1, 3"):
            replay_epoch(connection, "mine", 2)
        table = models.CurriculumEpoch
        connection.execute(
            update(table).where(table.epoch == 1).values(checksum=checksum(np.arange(3)))
        )
        with pytest.raises(ReplayError, match="epoch 1 of curriculum 'mine' comes out otherwise"):
            replay_epoch(connection, "mine", 1)


def test_curricula_outlive_the_ensembles_that_gave_their_scores(engine: Engine) -> None:
    with engine.begin() as connection:
        story = story_of(np.ones((1, 8, 2), dtype=bool), name="one")
        record(connection, story)
    train(recorder_of(engine), range(1))
    lonely = Examples(np.arange(3.0))
    with engine.begin() as connection:
        store_snapshot(connection, lonely)
        delete_ensemble(connection, "one")
        assert len(replay_epoch(connection, "mine", 0)) == 1
        with pytest.raises(NotFoundError, match="no scores"):
            load_snapshot(connection, snapshot_digest(lonely))
        connection.execute(delete(models.Curriculum))
        drop_unused_snapshots(connection)
        assert count(connection, models.CurriculumEpoch) == 0
        assert count(connection, models.CurriculumSnapshot) == 0


def test_people_read_epochs_in_psql(engine: Engine) -> None:
    train(recorder_of(engine), range(2))
    query = text("SELECT curriculum, epoch, pool_size FROM curriculum_epoch ORDER BY epoch")
    with engine.connect() as connection:
        assert connection.execute(query).all() == [("mine", 0, 1), ("mine", 1, 3)]


def changed_digests() -> list[Callable[[Examples], Examples]]:
    return [
        lambda e: replace(e, scores=np.roll(e.scores, 1)),
        lambda e: replace(e, labels=None),
        lambda e: replace(e, labels=1 - e.labels),  # type: ignore[operator]
        lambda e: replace(e, weights=e.weights * 2),  # type: ignore[operator]
        lambda e: Examples(e.scores, None, e.labels.astype(float)),  # type: ignore[union-attr]
    ]


def test_digests_tell_examples_apart_but_not_kinds_of_nan_and_zero() -> None:
    digests = {snapshot_digest(change(EXAMPLES)) for change in changed_digests()}
    assert len(digests | {snapshot_digest(EXAMPLES)}) == 6
    same = EXAMPLES.scores.copy()
    same[1], same[5] = -np.nan, -0.0
    with warnings.catch_warnings():
        assert snapshot_digest(replace(EXAMPLES, scores=same)) == snapshot_digest(EXAMPLES)
