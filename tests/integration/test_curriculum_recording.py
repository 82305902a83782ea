"""`CurriculumSampler(..., record=...)`: what is replayed is what the sampler gave."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from tests.support.ensembles import (
    Story,
    add_ensemble,
    claimed,
    dataset_of,
    record,
    story_of,
    write,
)
from tracker.curriculum import CurriculumSampler
from tracker.curriculum.records import epochs_of, list_curricula
from tracker.curriculum.replay import replay_epoch
from tracker.datasets import ImageSplit

RIGHT = np.random.default_rng(5).random((2, 30, 6)) < np.linspace(0.2, 0.9, 30)[:, None]


def story() -> Story:
    return story_of(RIGHT, name="reference")


@pytest.fixture
def reference(engine: Engine) -> ImageSplit:
    """The training split of an ensemble that has recorded everything."""
    with engine.begin() as connection:
        record(connection, told := story())
    return dataset_of(told).splits["train"]


def sampler_of(engine: Engine, dataset: ImageSplit, **options: object) -> CurriculumSampler:
    defaults = {"ensemble": "reference", "epochs": 4, "record": "mine", "engine": engine}
    return CurriculumSampler(dataset, **(defaults | options))  # type: ignore[arg-type]


def given(sampler: CurriculumSampler, epochs: range) -> dict[int, list[int]]:
    """The indices of each epoch, as a training takes them."""
    taken = {}
    for epoch in epochs:
        sampler.set_epoch(epoch)
        taken[epoch] = list(sampler)
    return taken


def replayed(engine: Engine, name: str = "mine") -> dict[int, list[int]]:
    with engine.connect() as connection:
        return {
            row.epoch: replay_epoch(connection, name, row.epoch).tolist()
            for row in epochs_of(connection, name)
        }


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": "hard-first", "balance": True, "pacing": "root", "missing": "drop"},
        {"order": "shuffled", "weights": np.linspace(0, 2, 30), "num_samples": 45},
        {"unit": "step", "step_examples": 7, "score": "mean_learned"},
    ],
    ids=["plain", "balanced", "weighted", "by step"],
)
def test_replay_gives_the_indices_that_the_sampler_gave(
    engine: Engine, reference: ImageSplit, options: dict[str, object]
) -> None:
    sampler = sampler_of(engine, reference, **options)
    assert replayed(engine) == {}
    assert replayed(engine) == given(sampler, range(0)) == {}
    taken = given(sampler, range(4))
    assert replayed(engine) == taken


def test_all_ranks_together_are_one_record_that_the_first_keeps(
    engine: Engine, reference: ImageSplit
) -> None:
    ranks = [sampler_of(engine, reference, rank=rank, num_replicas=3) for rank in range(3)]
    for sampler in (ranks[2], ranks[1]):
        given(sampler, range(1))
    assert replayed(engine) == {}
    shares = [given(sampler, range(1))[0] for sampler in ranks]
    [whole] = replayed(engine).values()
    dealt = [index for together in zip(*shares, strict=True) for index in together]
    assert dealt[: len(whole)] == whole


def test_a_resumed_training_goes_on_with_its_record(engine: Engine, reference: ImageSplit) -> None:
    whole = given(sampler_of(engine, reference, record=None), range(4))
    first = sampler_of(engine, reference)
    given(first, range(2))
    first.set_epoch(2)
    begun = iter(first)
    head = [next(begun) for _ in range(3)]
    resumed = sampler_of(engine, reference)
    resumed.load_state_dict(first.state_dict())
    assert head + list(resumed) == whole[2]
    given(resumed, range(3, 4))
    assert replayed(engine) == whole


def test_a_snapshot_is_recorded_as_the_sampler_that_wrote_it(
    engine: Engine, reference: ImageSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler_of(engine, reference, record=True).snapshot(tmp_path / "snapshot.npz")
    monkeypatch.setattr("tracker.curriculum.recorder.get_engine", lambda: engine)
    held = CurriculumSampler.from_snapshot(tmp_path / "snapshot.npz", reference, record=True)
    taken = given(held, range(2))
    with engine.connect() as connection:
        [curriculum] = list_curricula(connection)
    assert replayed(engine, curriculum.name) == taken


def test_scores_that_are_read_anew_are_kept_by_epoch(engine: Engine) -> None:
    told = story()
    with engine.begin() as connection:
        recorded = add_ensemble(connection, told)
        claims = [claimed(connection, run_id) for run_id in recorded.run_ids]
        for run, claim in enumerate(claims):
            write(connection, claim, told, run, 0)
    sampler = sampler_of(engine, dataset_of(told).splits["train"], refresh="epoch")
    taken = {}
    for epoch in range(4):
        taken |= given(sampler, range(epoch, epoch + 1))
        with engine.begin() as connection:
            for run, claim in enumerate(claims):
                write(connection, claim, told, run, epoch + 1)
    assert replayed(engine) == taken
    with engine.connect() as connection:
        assert len({bytes(row.snapshot) for row in epochs_of(connection, "mine")}) == 4


def test_scores_of_the_run_itself_are_kept_by_epoch(engine: Engine, reference: ImageSplit) -> None:
    losses = np.random.default_rng(0).random((4, 30))
    sampler = sampler_of(engine, reference, ensemble=None, scores=losses[0], easy="low")
    taken = {}
    for epoch in range(4):
        taken |= given(sampler, range(epoch, epoch + 1))
        sampler.update(losses[(epoch + 1) % 4])
    assert replayed(engine) == taken
