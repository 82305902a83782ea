"""`CurriculumSampler` in a real DataLoader, and the check that the dataset is the scored one."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from tracker import CurriculumSampler
from tracker.curriculum.identity import check_dataset, first_difference
from tracker.curriculum.order import ORDERS
from tracker.curriculum.pacing import PACING
from tracker.curriculum.scores import StoredSplit, read_scores
from tracker.datasets.identity import examples_of, split_fingerprint
from tracker.errors import DatasetMismatchError, UsageError

N = 50


def pictures(count: int = N) -> TensorDataset:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (count, 1, 4, 4), dtype=np.uint8))
    return TensorDataset(images, torch.arange(count) % 10)


def stored(dataset: TensorDataset) -> StoredSplit:
    fingerprint = split_fingerprint(*examples_of(dataset))
    return StoredSplit("demo", 1, "train", len(dataset), fingerprint)


def seen(loader: DataLoader[object]) -> list[int]:
    return [int(index) for batch in loader for index in batch]


def test_easy_first_in_a_data_loader() -> None:
    scores = np.arange(N) / N
    sampler = CurriculumSampler(range(N), scores=scores, epochs=10, seed=4)
    loader = DataLoader(range(N), batch_size=8, sampler=sampler)
    pools = []
    for epoch in range(10):
        sampler.set_epoch(epoch)
        indices = seen(loader)
        pools.append(len(indices))
        assert len(sampler) == sampler.pool_size == len(indices)
        assert len(loader) == -(-len(indices) // 8)
        assert sorted(indices) == list(range(N - len(indices), N))
        assert indices != sorted(indices)
    # b = 0.2, a = 0.8, T = 10: 10 + 40 t/8.
    assert pools == [10, 15, 20, 25, 30, 35, 40, 45, 50, 50]


@pytest.mark.parametrize("pacing", PACING)
def test_controls_see_as_many_examples(pacing: str) -> None:
    scores = np.random.default_rng(1).random(N)
    pools = {}
    for order in ORDERS:
        sampler = CurriculumSampler(
            range(N), scores=scores, order=order, pacing=pacing, epochs=12, grow=0.7, start=0.1
        )
        pools[order] = [len(list(sampler)) for epoch in range(12) if not sampler.set_epoch(epoch)]
    assert pools["easy-first"] == pools["hard-first"] == pools["random"]
    assert pools["easy-first"][0] == 5
    assert pools["shuffled"] == [N] * 12


def test_epoch_0_is_repeated_until_set_epoch() -> None:
    sampler = CurriculumSampler(range(N), scores=np.zeros(N), epochs=3, start=1)
    first = list(sampler)
    assert list(sampler) == first
    assert all(type(index) is int for index in first)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_a_started_epoch_is_not_disturbed() -> None:
    sampler = CurriculumSampler(range(N), scores=np.arange(N), epochs=3)
    epoch = iter(sampler)
    begun = [next(epoch)]
    sampler.set_epoch(2)
    rest = list(epoch)
    sampler.set_epoch(0)
    assert begun + rest == list(sampler)


@pytest.mark.parametrize("scores", [[3, 1, 2], torch.tensor([3, 1, 2], dtype=torch.bfloat16)])
def test_what_the_scores_are_says_what_is_easy(scores: object) -> None:
    easy = CurriculumSampler(range(3), scores=scores, epochs=1)
    assert easy.ranking.tolist() == [0, 2, 1]
    forgetting = CurriculumSampler(range(3), scores=scores, score="forgetting_events", epochs=1)
    assert forgetting.ranking.tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": "anti-curr"}, "unknown order 'anti-curr': choose one of easy-first, hard-first"),
        ({"pacing": "cubic"}, "unknown pacing 'cubic': choose one of linear, quadratic"),
        ({"score": "ease"}, "unknown score 'ease': choose one of accessibility"),
        ({"start": -0.1}, "start must lie between 0 and 1 .*, got -0.1"),
        ({"grow": -1}, "grow must be at least 0 .*, got -1"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"seed": -1}, "seed must lie between 0 and 2147483647, got -1"),
        ({"scores": None}, "exactly one of ensemble and scores, got neither"),
        ({"ensemble": "demo"}, "exactly one of ensemble and scores, got both"),
        ({"scores": [1, 2]}, r"one number for each of the 3 examples, got shape \(2,\)"),
        ({"scores": [[1, 2, 3]]}, r"each of the 3 examples, got shape \(1, 3\)"),
        ({"scores": ["a", "b", "c"]}, "scores must be numbers: could not convert"),
    ],
)
def test_options_are_checked(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CurriculumSampler(range(3), **({"scores": [1, 2, 3], "epochs": 5} | change))


def test_negative_epochs_are_refused() -> None:
    sampler = CurriculumSampler(range(3), scores=[1, 2, 3], epochs=5)
    with pytest.raises(UsageError, match="epoch must be at least 0, got -1"):
        sampler.set_epoch(-1)


def test_unknown_scores_are_refused_before_the_database_is_asked() -> None:
    with pytest.raises(UsageError, match="unknown score 'label': choose one of accessibility"):
        read_scores("demo", "label")


def test_the_same_dataset_is_accepted() -> None:
    check_dataset(pictures(), stored(pictures()))


def test_another_length_is_refused() -> None:
    with pytest.raises(
        DatasetMismatchError, match=r"'train' .* 'demo' .*: it has 49 examples, not"
    ):
        check_dataset(pictures(49), stored(pictures()))


def test_first_difference_is_named() -> None:
    hashes, labels = examples_of(pictures())
    swapped = [*hashes[:7], hashes[17], *hashes[8:17], hashes[7], *hashes[18:]]
    relabelled = labels.copy()
    relabelled[20:] = 9
    both = labels.copy()
    both[7] = 3
    cases = [
        ((swapped, labels), "position 7 has another picture"),
        ((hashes, relabelled), "position 20 has label 9, not 0"),
        ((swapped, both), "position 7 has another picture and label 3, not 7"),
        ((hashes, labels), "its fingerprint differs though no example does"),
    ]
    for given, reason in cases:
        assert first_difference(given, (hashes, labels)).startswith(reason)
