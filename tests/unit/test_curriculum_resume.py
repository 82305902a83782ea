"""Ranks, batches, checkpoints and snapshots: the same epochs, however they are handed out."""

import io
import json
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, TensorDataset

from tests.unit.test_curriculum_plan import curricula, examples_of
from tracker import CurriculumSampler
from tracker.curriculum.description import Curriculum
from tracker.curriculum.options import Prepared
from tracker.curriculum.plan import EpochPlan, Examples, plan_epoch
from tracker.curriculum.planned import PlannedSampler
from tracker.curriculum.ranks import Ranks
from tracker.curriculum.shards import shard, shard_length
from tracker.curriculum.source import Source
from tracker.curriculum.walk import CHUNK, Walk
from tracker.errors import DatasetMismatchError, UsageError

N = 53

sizes = st.integers(1, 10_000)
replica_counts = st.integers(1, 8)


def sampler_of(**options: object) -> CurriculumSampler:
    scores = np.random.default_rng(0).integers(0, 9, N) / 9
    given = {"scores": scores, "easy": "high", "epochs": 6, "seed": 3}
    return CurriculumSampler(range(N), **{**given, **options})  # type: ignore[arg-type]


def ranked(curriculum: Curriculum, n: int, rank: int, replicas: int, **options: object) -> object:
    """One rank's sampler of any curriculum."""
    prepared = Prepared(curriculum, examples_of(n), Source(), None)
    return PlannedSampler(
        range(n),
        prepared,
        Ranks(rank, replicas, together=False),
        **options,  # type: ignore[arg-type]
    )


@given(st.data(), sizes, replica_counts, st.booleans(), st.integers(0, 8))
def test_ranks_share_out_an_epoch(
    data: st.DataObject, n: int, replicas: int, drop_last: bool, epoch: int
) -> None:
    curriculum = data.draw(curricula(n))
    whole = plan_epoch(curriculum, examples_of(n), epoch).indices
    shares = []
    for rank in range(replicas):
        sampler = ranked(curriculum, n, rank, replicas, drop_last=drop_last)
        sampler.set_epoch(epoch)
        shares.append(list(sampler))
        assert len(shares[-1]) == len(sampler)
    assert len({len(share) for share in shares}) == 1, "all ranks do as many steps"
    # Dealt out in turns: laid together again they are the epoch, the same for any number of ranks.
    together = np.array(shares, dtype=np.int64).T.reshape(-1)
    size = min(len(together), len(whole))
    assert np.array_equal(together[:size], whole[:size])
    if drop_last:
        assert 0 <= len(whole) - len(together) < replicas
    else:
        filled = together[len(whole) :]
        assert len(filled) < replicas
        assert np.array_equal(filled, np.resize(whole, len(filled)))
    if len(set(whole)) == len(whole) == len(together):  # a pass without filling up
        assert sum(len(set(share)) for share in shares) == len(set().union(*shares)) == len(whole)


@given(st.integers(1, 300), replica_counts, st.booleans())
def test_shards_are_those_of_torch(n: int, replicas: int, drop_last: bool) -> None:
    for rank in range(replicas):
        theirs = DistributedSampler(range(n), replicas, rank, shuffle=False, drop_last=drop_last)
        if drop_last and n < replicas:
            continue  # torch asks for what is not there
        ours = shard(np.arange(n), rank, replicas, drop_last=drop_last)
        assert ours.tolist() == list(theirs)
        assert len(ours) == shard_length(n, replicas, drop_last=drop_last) == len(theirs)


@given(st.data(), sizes, replica_counts, st.booleans())
def test_resuming_equals_not_stopping(
    data: st.DataObject, n: int, replicas: int, drop_last: bool
) -> None:
    curriculum = data.draw(curricula(n))
    rank = data.draw(st.integers(0, replicas - 1))
    epoch = data.draw(st.integers(0, 9))

    def fresh() -> PlannedSampler:
        return ranked(curriculum, n, rank, replicas, drop_last=drop_last)

    straight = fresh()
    straight.set_epoch(epoch)
    whole = list(straight)
    stopped = fresh()
    stopped.set_epoch(epoch)
    done = data.draw(st.integers(0, len(whole)))
    epoch_of = iter(stopped)
    begun = [next(epoch_of) for _ in range(done)]
    resumed = fresh()
    resumed.load_state_dict(stopped.state_dict())
    assert begun + list(resumed) == whole
    # What was said twice counts once, and a sampler that fetched ahead can say how far it is.
    ahead = fresh()
    ahead.load_state_dict(straight.state_dict(examples=done))
    ahead.set_epoch(epoch)
    assert list(ahead) == whole[done:]
    assert list(ahead) == whole
    following = fresh()
    following.set_epoch(epoch + 1)
    ahead.set_epoch(epoch + 1)
    assert list(ahead) == list(following)


@given(st.data(), st.integers(1, 2000), replica_counts, replica_counts)
def test_other_ranks_go_on_where_the_first_stopped(
    data: st.DataObject, n: int, before: int, after: int
) -> None:
    curriculum = data.draw(curricula(n))
    whole = plan_epoch(curriculum, examples_of(n), 0).indices
    steps = data.draw(st.integers(0, len(whole) // before))
    stopped = ranked(curriculum, n, 0, before)
    epoch = iter(stopped)
    for _ in range(steps):
        next(epoch)
    shares = []
    for rank in range(after):
        sampler = ranked(curriculum, n, rank, after)
        sampler.load_state_dict(stopped.state_dict())
        shares.append(list(sampler))
    together = np.array(shares, dtype=np.int64).T.reshape(-1)
    rest = whole[steps * before :]
    assert np.array_equal(together[: len(rest)], rest)
    assert len(together) - len(rest) < after


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("options", [{}, {"rank": 1, "num_replicas": 3}])
def test_batches_are_those_of_a_batch_sampler(drop_last: bool, options: dict[str, int]) -> None:
    single = sampler_of(drop_last=drop_last, **options)
    batched = sampler_of(drop_last=drop_last, batch_size=4, **options)
    for epoch in range(4):
        single.set_epoch(epoch)
        batched.set_epoch(epoch)
        expected = list(BatchSampler(single, 4, drop_last))
        assert list(batched) == expected
        assert len(batched) == len(expected)
        loader = DataLoader(range(N), batch_sampler=batched)
        assert [batch.tolist() for batch in loader] == expected


def test_a_batch_sampler_goes_on_between_batches_also_of_another_size() -> None:
    straight = list(sampler_of())
    stopped = sampler_of(batch_size=4)
    epoch = iter(stopped)
    assert next(epoch) == straight[:4]
    resumed = sampler_of(batch_size=3)
    resumed.load_state_dict(stopped.state_dict())
    assert list(resumed) == [straight[4:7], straight[7:10]]


def test_iterators_that_a_loader_never_uses_take_nothing_from_a_resumed_epoch() -> None:
    """A `DataLoader` with workers makes two and uses the second."""
    straight = list(sampler_of())
    stopped = sampler_of(batch_size=4)
    next(iter(stopped))
    resumed = sampler_of(batch_size=4)
    resumed.load_state_dict(stopped.state_dict())
    iter(resumed)
    assert list(chain(*resumed)) == straight[4:]
    assert list(chain(*resumed)) == straight, "the same epoch once more begins anew"
    list(stopped)
    resumed.load_state_dict(stopped.state_dict())
    iter(resumed)
    assert list(resumed) == [], "what is done stays done"


def test_walks_longer_than_a_chunk_know_where_they_are() -> None:
    indices = np.random.default_rng(0).permutation(2 * CHUNK + 5)
    walk = Walk(indices)
    steps = iter(walk)
    assert walk.taken == 0
    for place in range(len(indices)):
        assert next(steps) == indices[place]
        if place % 1000 == 0 or place % CHUNK in (0, CHUNK - 1):
            assert walk.taken == place + 1
    assert next(steps, None) is None
    assert walk.taken == len(indices)


def test_a_state_survives_torchs_files() -> None:
    stopped = sampler_of(pacing=lambda t: 0.1 + t / 10)
    epoch = iter(stopped)
    next(epoch)
    stopped.update(np.arange(float(N)))
    file = io.BytesIO()
    torch.save(stopped.state_dict(), file)
    file.seek(0)
    resumed = sampler_of(pacing=lambda t: 0.1 + t / 10)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert list(resumed) == list(epoch)
    for sampler in (stopped, resumed):
        sampler.set_epoch(1)
    assert list(resumed) == list(stopped)


def test_scores_that_change_under_the_sampler_change_nothing() -> None:
    losses = np.zeros(N)
    sampler = sampler_of(scores=losses, easy="low")
    before = sampler.state_dict()["examples"]
    losses[:] = np.arange(N)
    sampler.update(losses)
    sampler.set_epoch(1)
    losses[:] = 0
    assert np.array_equal(sampler.ranking, np.arange(N))
    assert sampler.state_dict()["examples"] != before


def test_a_state_of_something_else_is_refused() -> None:
    state = sampler_of().state_dict()
    for other, message in (
        (sampler_of(seed=4), "another curriculum: seed is 3 there, 4 here"),
        (sampler_of(scores=np.zeros(N)), "other scores, labels or weights than these"),
    ):
        with pytest.raises(UsageError, match=message):
            other.load_state_dict(state)
    live = sampler_of()
    live.update(np.zeros(N))
    live.set_epoch(1)
    other = CurriculumSampler(range(9), scores=range(9), easy="high", epochs=6, seed=3)
    with pytest.raises(UsageError, match="the state is of 53 examples, the sampler of 9"):
        other.load_state_dict(live.state_dict())
    for broken in ({}, {**state, "version": 9}, {**state, "epoch": None}, {"version": 1}):
        with pytest.raises(UsageError, match="not a state of"):
            sampler_of().load_state_dict(broken)
    with pytest.raises(UsageError, match="examples must be at least 0, got -1"):
        sampler_of().state_dict(examples=-1)


def test_self_paced_scores_count_from_the_next_epoch_on() -> None:
    losses = np.random.default_rng(1).random(N)
    sampler = sampler_of(scores=np.zeros(N), easy="low", start=0.1)
    epoch = iter(sampler)
    begun = [next(epoch)]
    sampler.update(torch.from_numpy(losses))
    again = sampler_of(scores=np.zeros(N), easy="low", start=0.1)
    assert begun + list(epoch) == list(again)
    # Going on in the middle goes on with the scores of before.
    resumed = sampler_of(scores=np.zeros(N), easy="low", start=0.1)
    resumed.load_state_dict(sampler.state_dict(examples=2))
    assert list(resumed) == list(again)[2:]
    for one in (sampler, resumed):
        one.set_epoch(2)
        assert set(one) == set(np.argsort(losses)[: one.pool_size].tolist())
    with pytest.raises(UsageError, match="scores must be one number for each of the 53 examples"):
        sampler.update([1.0])
    with pytest.raises(UsageError, match="scores have no effect on order 'random'"):
        sampler_of(order="random").update(losses)


class Told:
    """A recorder that remembers."""

    def __init__(self) -> None:
        self.begun: list[tuple[Curriculum, Examples, Source]] = []
        self.epochs: list[tuple[int, int, float]] = []

    def begin(self, curriculum: Curriculum, examples: Examples, source: Source) -> None:
        self.begun.append((curriculum, examples, source))

    def epoch(self, epoch: int, plan: EpochPlan, examples: Examples) -> None:
        if epoch == 4:
            raise UsageError("no room left")
        self.epochs.append((epoch, plan.pool, float(examples.scores[0])))


def test_who_records_is_told_once_and_at_every_epoch() -> None:
    told, silent = Told(), Told()
    sampler = sampler_of(record=told, rank=0, num_replicas=2)
    sampler_of(record=silent, rank=1, num_replicas=2)
    assert not silent.begun
    [(curriculum, examples, source)] = told.begun
    assert curriculum == sampler.curriculum
    assert source == Source()
    iter(sampler)
    assert not told.epochs, "nobody has taken anything"
    list(sampler)
    sampler.update(np.full(N, 7.0))
    sampler.set_epoch(3)
    list(sampler)
    assert told.epochs == [
        (0, plan_epoch(curriculum, examples, 0).pool, examples.scores[0]),
        (3, plan_epoch(curriculum, examples, 3).pool, 7),
    ]
    sampler.set_epoch(4)
    with pytest.warns(RuntimeWarning, match="epoch 4 is not recorded: no room left"):
        assert list(sampler)


def pictures(count: int = N) -> TensorDataset:
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 4, 4), dtype=np.uint8)
    return TensorDataset(torch.from_numpy(images), torch.arange(count) % 10)


OPTIONS: list[dict[str, object]] = [
    {},
    {"balance": True, "pacing": [0.1, 0.5, 1], "missing": "drop"},
    {"weights": np.arange(float(N)), "num_samples": 20, "band": (0.1, 0.9)},
    {
        "types": {"odd": 0.5, "bad": 0},
        "example_types": [*(["good", "odd", "bad"] * 17), "odd", "odd"],
    },
]


@pytest.mark.parametrize("option", OPTIONS)
def test_a_snapshot_is_the_sampler(option: dict[str, object], tmp_path: Path) -> None:
    dataset, path = pictures(), tmp_path / "order.npz"
    scores = np.random.default_rng(2).integers(0, 9, N) / 9.0
    scores[3] = np.nan
    sampler = CurriculumSampler(dataset, scores=scores, easy="high", epochs=5, **option)  # type: ignore[arg-type]
    sampler.snapshot(path)
    read = CurriculumSampler.from_snapshot(path, pictures())
    assert read.curriculum == sampler.curriculum
    for epoch in range(5):
        sampler.set_epoch(epoch)
        read.set_epoch(epoch)
        assert list(read) == list(sampler)
    share = CurriculumSampler.from_snapshot(path, dataset, rank=1, num_replicas=2, batch_size=3)
    assert len(next(iter(share))) == 3
    with np.load(path, allow_pickle=False) as file:
        metadata = json.loads(file["metadata"].tobytes())
        assert file["scores"].tobytes() == scores.tobytes()
    assert metadata["curriculum"] == sampler.curriculum.as_json()
    # The checkpoint of one is the other's.
    iterator = iter(sampler)
    next(iterator)
    read.load_state_dict(sampler.state_dict())
    assert list(read) == list(iterator)


def test_a_snapshot_is_of_its_dataset_alone(tmp_path: Path) -> None:
    path = tmp_path / "order.npz"
    given = {"scores": np.zeros(N), "easy": "low", "epochs": 2}
    CurriculumSampler(pictures(), **given).snapshot(path)
    images, labels = (tensor.clone() for tensor in pictures().tensors)
    images[7] += 1
    labels[9] = 3
    for other, message in (
        (pictures(N - 1), "it has 52 examples, not 53"),
        (TensorDataset(images, labels), "position 7 has another picture;"),
        (TensorDataset(pictures().tensors[0], labels), "position 9 has label 3, not 9"),
    ):
        with pytest.raises(DatasetMismatchError, match=f"not the dataset of {path}: {message}"):
            CurriculumSampler.from_snapshot(path, other)
    # What has no pictures is known by its length.
    CurriculumSampler(range(N), **given).snapshot(path)
    CurriculumSampler.from_snapshot(path, range(N))
    with pytest.raises(DatasetMismatchError, match="it has 9 examples, not 53"):
        CurriculumSampler.from_snapshot(path, range(9))


def test_what_is_no_snapshot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "order.npz"
    with pytest.raises(UsageError, match=f"no file {path}"):
        CurriculumSampler.from_snapshot(path, range(N))
    sampler_of().snapshot(path)
    with np.load(path) as file:
        good = dict(file)
    with pytest.raises(UsageError, match=r"no folder .*: make it first"):
        sampler_of().snapshot(tmp_path / "nowhere" / "order.npz")

    def metadata(**changes: object) -> np.ndarray:
        stored = {**json.loads(good["metadata"].tobytes()), **changes}
        return np.frombuffer(json.dumps(stored).encode(), dtype=np.uint8)

    for change, message in (
        ({"metadata": metadata(format="something")}, "it is 'something', version 1"),
        ({"metadata": metadata(version=2)}, "it is 'tracker curriculum', version 2"),
        ({"metadata": metadata(curriculum={"epochs": 0})}, "epochs must be at least 1"),
        ({"metadata": np.zeros(3, dtype=np.uint8)}, "."),
        ({"scores": np.zeros((N, 2))}, "scores must be one number for each"),
        ({"scores": np.array([None] * N)}, "[Pp]ickle|allow_pickle"),
        ({"labels": np.zeros(2)}, "labels must be one class for each"),
    ):
        np.savez(path, **{**good, **change})  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=f"is no snapshot of a curriculum: .*{message}"):
            CurriculumSampler.from_snapshot(path, range(N))
    del good["scores"]
    np.savez(path, **good)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is no snapshot of a curriculum: no 'scores'"):
        CurriculumSampler.from_snapshot(path, range(N))
    for content in (b"", b"PK\x03\x04 torn", b"text"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="is no snapshot of a curriculum"):
            CurriculumSampler.from_snapshot(path, range(N))


def test_weights_by_type_leave_out_and_weigh_down() -> None:
    types = np.array(["easy", "odd", "bad"] * 17 + ["easy", "odd"])
    sampler = sampler_of(types={"bad": 0, "odd": 0.5}, example_types=types, num_samples=20_000)
    assert sampler.curriculum.sampling == "replacement"
    assert set(types[sampler.ranking]) == {"easy", "odd"}
    sampler.set_epoch(5)
    drawn = types[list(sampler)]
    assert len(drawn) == 20_000
    assert (drawn == "odd").mean() == pytest.approx(1 / 3, abs=0.02)
    # 0 and 1 leave a shuffled pass a shuffled pass.
    kept = sampler_of(types={"bad": 0}, example_types=types, start=1.0)
    assert kept.curriculum.sampling == "shuffle"
    assert sorted(kept) == np.flatnonzero(types != "bad").tolist()
    both = sampler_of(types={"bad": 0}, example_types=types, weights=np.eye(N)[0] + 1)
    assert both.curriculum.sampling == "replacement"


def test_orders_that_are_blind_to_scores_need_none() -> None:
    for order in ("random", "shuffled"):
        one = CurriculumSampler(range(N), order=order, epochs=3, seed=3)
        assert list(one) == list(sampler_of(order=order, epochs=3))
    everyone = CurriculumSampler(range(N), order="shuffled", epochs=3)
    assert sorted(everyone) == list(range(N))


def test_by_step_the_batch_size_says_how_long_a_step_is() -> None:
    shared = {"unit": "step", "start": 0.1, "grow": 1.0}
    one = sampler_of(step_examples=8, **shared)
    batches = [
        list(sampler_of(batch_size=4, rank=rank, num_replicas=2, **shared)) for rank in (0, 1)
    ]
    whole = list(one)
    assert len(whole) == N
    # The two ranks' batches of a step are the step.
    for step, pair in enumerate(zip(*batches, strict=True)):
        got = [index for turn in zip(*pair, strict=True) for index in turn]
        assert got[: len(whole) - 8 * step] == whole[8 * step : 8 * step + 8]
    assert replace(one.curriculum, seed=9) != one.curriculum
