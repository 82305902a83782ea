"""`CurriculumSampler` in a real DataLoader, and the check that the dataset is the scored one."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from tracker import CurriculumSampler
from tracker.curriculum.growth import PACINGS, Pacing
from tracker.curriculum.identity import check_dataset, first_difference
from tracker.curriculum.order import ORDERS
from tracker.curriculum.pacing import PACING
from tracker.curriculum.scores import StoredSplit
from tracker.datasets.identity import examples_of, split_fingerprint
from tracker.errors import DatasetMismatchError, UsageError

N = 50


def pictures(count: int = N) -> TensorDataset:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (count, 1, 4, 4), dtype=np.uint8))
    return TensorDataset(images, torch.arange(count) % 10)


def stored(dataset: TensorDataset) -> StoredSplit:
    fingerprint = split_fingerprint(*examples_of(dataset))
    return StoredSplit("demo", "pictures", 1, "train", len(dataset), fingerprint)


def seen(loader: DataLoader[object]) -> list[int]:
    return [int(index) for batch in loader for index in batch]


def test_easy_first_in_a_data_loader() -> None:
    scores = np.arange(N) / N
    sampler = CurriculumSampler(range(N), scores=scores, easy="high", epochs=10, seed=4)
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


PACES = {
    **{name: {"grow": 0.7} for name in PACING},
    "fixed-exponential": {"step_length": 2},
    "varied-exponential": {"step_length": [1, 2, 3, 4]},
}


@pytest.mark.parametrize("pacing", PACINGS)
def test_controls_see_as_many_examples(pacing: str) -> None:
    scores = np.random.default_rng(1).random(N)
    pools = {}
    for order in ORDERS:
        paced = {} if order == "shuffled" else {**PACES[pacing], "pacing": pacing, "start": 0.1}
        sampler = CurriculumSampler(
            range(N), scores=scores, easy="high", order=order, epochs=12, **paced
        )
        pools[order] = [len(list(sampler)) for epoch in range(12) if not sampler.set_epoch(epoch)]
    assert pools["easy-first"] == pools["hard-first"] == pools["random"]
    assert pools["easy-first"][0] == 5
    assert pools["shuffled"] == [N] * 12


def test_it_says_in_one_line_what_it_is() -> None:
    sampler = CurriculumSampler(range(N), scores=np.zeros(N), easy="low", epochs=3, start=0.2)
    assert repr(sampler) == (
        "<CurriculumSampler: easy-first by own scores, epoch 0 of 3, pool 10 of 50>"
    )


def test_epoch_0_is_repeated_until_set_epoch() -> None:
    sampler = CurriculumSampler(range(N), scores=np.zeros(N), easy="low", epochs=3, start=1)
    first = list(sampler)
    assert list(sampler) == first
    assert all(type(index) is int for index in first)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_a_started_epoch_is_not_disturbed() -> None:
    sampler = CurriculumSampler(range(N), scores=np.arange(N), easy="high", epochs=3)
    epoch = iter(sampler)
    begun = [next(epoch)]
    sampler.set_epoch(2)
    rest = list(epoch)
    sampler.set_epoch(0)
    assert begun + rest == list(sampler)


@pytest.mark.parametrize("scores", [[3, 1, 2], torch.tensor([3, 1, 2], dtype=torch.bfloat16)])
def test_what_the_scores_are_says_what_is_easy(scores: object) -> None:
    easy = CurriculumSampler(range(3), scores=scores, score="accessibility", epochs=1)
    assert easy.ranking.tolist() == [0, 2, 1]
    forgetting = CurriculumSampler(range(3), scores=scores, score="forgetting_events", epochs=1)
    assert forgetting.ranking.tolist() == [1, 2, 0]
    given = CurriculumSampler(range(3), scores=scores, score="charm", easy="low", epochs=1)
    assert given.ranking.tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": "anti-curr"}, "unknown order 'anti-curr': choose one of easy-first, hard-first"),
        ({"pacing": ""}, "unknown pacing '': choose one of linear, quadratic"),
        ({"pacing": []}, "pacing needs at least one share"),
        ({"band": (0.1, 0.5, 0.9)}, r"band must be two quantiles, .*, got \(0.1, 0.5, 0.9\)"),
        ({"band": 0.5}, "band must be two quantiles, .*, got 0.5"),
        ({"missing": ""}, "unknown missing '': choose one of last, first"),
        ({"sampling": ""}, "unknown sampling '': choose one of shuffle, replacement"),
        (
            {"types": {"a": "no"}, "example_types": ["a"] * 3},
            "weight of type 'a' must be a number, got 'no'",
        ),
        ({"pacing": "cubic"}, "unknown pacing 'cubic': choose one of linear, quadratic"),
        ({"easy": "up"}, "unknown easy 'up': choose one of high, low"),
        (
            {"easy": None},
            "which end of your scores is easy.*or score= what they are: accessibility, .*rank",
        ),
        ({"easy": None, "score": "charm"}, "which end of charm is easy"),
        ({"start": -0.1}, "start must lie between 0 and 1 .*, got -0.1"),
        ({"grow": -1}, "grow must be at least 0 .*, got -1"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"seed": -1}, "seed must lie between 0 and 2147483647, got -1"),
        ({"scores": None}, "exactly one of ensemble and scores, got neither"),
        ({"ensemble": "demo"}, "exactly one of ensemble and scores, got both"),
        ({"ensemble": [], "scores": None}, "ensemble must name at least one ensemble, got none"),
        ({"scores": [1, 2]}, r"one number for each of the 3 examples, got shape \(2,\)"),
        ({"scores": [[1, 2, 3]]}, r"each of the 3 examples, got shape \(1, 3\)"),
        ({"scores": ["a", "b", "c"]}, "scores must be numbers: could not convert"),
        ({"scores": [np.nan] * 3}, "scores are all missing"),
        ({"view": "aum"}, "view has no effect without ensemble"),
        ({"split": "test"}, "split has no effect without ensemble"),
        ({"refresh": "epoch"}, "refresh has no effect without ensemble"),
        ({"refresh": "step"}, "unknown refresh 'step': choose one of epoch"),
        (
            {"scores": None, "ensemble": "demo", "refresh": "epoch", "order": "random"},
            "refresh has no effect on order 'random'",
        ),
        ({"labels": [0, 1, 2]}, "labels has no effect without balance=True"),
        ({"example_types": ["easy"] * 3}, "example_types has no effect without types"),
        ({"types": {"easy": 0}}, "types has no effect without ensemble or example_types"),
        (
            {"types": {"hard": 0}, "example_types": ["easy", "odd", "odd"]},
            "unknown difficulty type 'hard': choose one of easy, odd",
        ),
        ({"types": {"a": 0}, "example_types": ["a"]}, "example_types must be one name for each"),
        ({"order": "shuffled", "grow": 0.5}, "grow has no effect on order 'shuffled'"),
        ({"order": "shuffled", "balance": True, "labels": [0, 1, 2]}, "balance has no effect"),
        ({"balance": True, "labels": [0, 1.5, 2]}, "labels must be whole numbers"),
        ({"balance": True}, "balance=True needs labels, a class of each example: cannot tell"),
        ({"order": "random", "missing": "first"}, "missing='first' has no effect on order"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"rank": 0}, "rank was given without num_replicas"),
        ({"num_replicas": 2}, "num_replicas was given without rank"),
        ({"rank": 2, "num_replicas": 2}, "rank must lie between 0 and 1, got 2"),
        ({"rank": 0, "num_replicas": 0}, "num_replicas must be at least 1, got 0"),
    ],
)
def test_options_are_checked(change: dict[str, object], message: str) -> None:
    valid = {"scores": [1, 2, 3], "easy": "high", "epochs": 5}
    with pytest.raises(UsageError, match=message):
        CurriculumSampler(range(3), **(valid | change))


def test_shares_may_be_an_array() -> None:
    sampler = CurriculumSampler(range(4), order="random", pacing=np.array([0.5, 1]), epochs=2)
    assert sampler.curriculum.pacing == Pacing("table", shares=(0.5, 1.0))


def test_what_is_no_epoch_is_refused_and_changes_nothing() -> None:
    sampler = CurriculumSampler(range(3), scores=[1, 2, 3], easy="high", epochs=5)
    with pytest.raises(UsageError, match="epoch must be at least 0, got -1"):
        sampler.set_epoch(-1)
    for epoch in (1.5, "1", None):
        with pytest.raises(UsageError, match=f"epoch must be a whole number, got {epoch!r}"):
            sampler.set_epoch(epoch)  # type: ignore[arg-type]
    assert sampler.epoch == 0


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
