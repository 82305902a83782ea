"""Votes, embeddings and prediction depths."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from tests.support.neighbours import shrink_tiles, slow_nearest
from tracker.outcomes.packing import unpack_planes
from tracker.outcomes.probes import NEIGHBOURS
from workers.data import TensorDataset, TensorSplit
from workers.models import ImageShape, Network, build_model
from workers.probes import probe
from workers.probes.embeddings import Embeddings
from workers.probes.neighbours import PRECISIONS, nearest
from workers.probes.probing import vote
from workers.scoring import score

SIZES = st.integers(1, 90)


# --- votes ----------------------------------------------------------------------------------------


@given(
    rows=st.integers(1, 300), queries=SIZES, width=st.integers(1, 40), classes=st.integers(1, 12)
)
def test_votes_are_those_of_scikit_learn(rows: int, queries: int, width: int, classes: int) -> None:
    rng = np.random.default_rng([rows, queries, width, classes])
    database, asked = (rng.standard_normal((n, width)) for n in (rows, queries))
    labels = rng.integers(0, classes, rows)
    k = min(NEIGHBOURS, rows)
    theirs = KNeighborsClassifier(k, algorithm="brute").fit(database, labels).predict(asked)
    found = nearest(torch.tensor(asked), torch.tensor(database), NEIGHBOURS, precision="float64")
    assert vote(found, torch.tensor(labels), classes).tolist() == theirs.tolist()


def test_votes_on_embeddings_with_duplicates_are_those_of_scikit_learn() -> None:
    """Every row is there three times, under one label: ties do not change votes."""
    rng = np.random.default_rng(0)
    database = np.repeat(rng.standard_normal((500, 64)), 3, axis=0)
    labels = np.repeat(rng.integers(0, 10, 500), 3)
    asked = np.concatenate([rng.standard_normal((200, 64)), database[::5]])
    theirs = KNeighborsClassifier(30, algorithm="brute").fit(database, labels).predict(asked)
    found = nearest(torch.tensor(asked), torch.tensor(database), 30, precision="float64")
    assert vote(found, torch.tensor(labels), 10).tolist() == theirs.tolist()


def test_ties_go_to_the_lowest_class() -> None:
    labels = torch.tensor([3, 1, 3, 1, 0])
    indices = torch.tensor([[0, 1, 2, 3], [0, 1, 4, -1], [0, 2, 1, -1], [-1, -1, -1, -1]])
    assert vote(indices, labels, 5).tolist() == [1, 0, 3, 0]


def test_votes_are_counted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    labels = torch.tensor(rng.integers(0, 7, 50))
    indices = torch.tensor(rng.integers(-1, 50, (40, 9)))
    whole = vote(indices, labels, 7)
    monkeypatch.setattr("workers.probes.probing.COUNTED_VOTES", 21)
    assert vote(indices, labels, 7).tolist() == whole.tolist()


# --- embeddings -----------------------------------------------------------------------------------


def dataset(sizes: dict[str, int], classes: int = 3, side: int = 4) -> TensorDataset:
    generator = torch.Generator().manual_seed(0)
    splits = {}
    for name, size in sizes.items():
        labels = torch.randint(classes, (size,), generator=generator)
        images = torch.randn(size, 1, side, side, generator=generator)
        splits[name] = TensorSplit(images + labels[:, None, None, None], labels)
    return TensorDataset("", classes, splits)


def small_network() -> Network:
    torch.manual_seed(1)
    return Network(
        {
            "conv": nn.Conv2d(1, 6, 3),
            "dense": nn.Sequential(nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(24, 5)),
            "output": nn.Sequential(nn.ReLU(), nn.Linear(5, 3)),
        }
    ).eval()


@torch.inference_mode()
@pytest.mark.parametrize("budget", [1, 30 * 24 * 4, 2**20])
def test_embeddings_are_the_outputs_of_the_blocks(budget: int) -> None:
    """Whether a layer is kept or computed again."""
    network, data = small_network(), dataset({"train": 20, "test": 10})
    images = [split.images for split in data.splits.values()]
    embeddings = Embeddings(network, images, budget=budget)
    assert embeddings.layers == ("input", "conv", "dense", "output", "softmax")
    for split, batch in enumerate(images):
        hooked: list[Tensor] = [batch]
        for block in network.blocks:
            hooked.append(block(hooked[-1]))
        hooked.append(network(batch).softmax(1))
        again = Embeddings(network, images, budget=budget)
        for layer, expected in enumerate(hooked):
            if layer:
                again.advance()
            found = torch.cat([*again.batches(split)])
            assert torch.equal(found, expected.flatten(1)), again.layers[layer]


# --- depths ---------------------------------------------------------------------------------------


def slow_depths(votes: NDArray[np.int64], predicted: NDArray[np.int64]) -> list[int | None]:
    """The definition, word by word."""
    layers = len(votes)
    return [
        next(
            (
                depth
                for depth in range(layers)
                if all(votes[layer, example] == cls for layer in range(depth, layers))
            ),
            None,
        )
        for example, cls in enumerate(predicted)
    ]


def probed(data: TensorDataset, network: Network, **others: Any) -> tuple[Any, Tensor]:
    predicted = score(network, data, ["margin"]).predicted
    trained_on = others.pop("trained_on", torch.arange(len(data.train)))
    return probe(network, data, trained_on, predicted, votes=True, **others), predicted


def unpacked(planes: Any, sizes: list[int]) -> NDArray[np.int64]:
    """Planes over splits of these sizes as one integer an example."""
    parts, start = [], 0
    for size in sizes:
        end = start + -(-size // 8)
        parts.append(unpack_planes(planes[:, start:end], size))
        start = end
    return np.concatenate(parts)


def test_a_probe_is_what_the_definition_says() -> None:
    sizes = {"train": 90, "test": 33}
    data, network = dataset(sizes), small_network()
    trained_on = torch.arange(90)[torch.arange(90) % 4 > 0]
    record, predicted = probed(data, network, trained_on=trained_on)
    images = torch.cat([split.images for split in data.splits.values()])
    with torch.inference_mode():
        layers = [images, *(network.blocks[:end](images) for end in (1, 2, 3))]
        layers = [layer.flatten(1).numpy() for layer in [*layers, network(images).softmax(1)]]
    own = np.full(123, -1)
    own[trained_on] = np.arange(len(trained_on))
    labels = data.train.labels.numpy()[trained_on]
    votes = np.stack(
        [
            [
                np.bincount(labels[found]).argmax()
                for found in slow_nearest(layer, layer[trained_on], 30, own)
            ]
            for layer in layers
        ]
    )
    split_sizes = list(sizes.values())
    told = np.stack([unpacked(planes, split_sizes) for planes in record.votes])
    assert told.tolist() == votes.tolist()
    expected = slow_depths(votes, predicted.numpy())
    undefined = unpacked(record.packed[:1], split_sizes)
    depths = unpacked(record.packed[1:], split_sizes)
    assert [
        None if none else depth for none, depth in zip(undefined, depths, strict=True)
    ] == expected
    assert {None, 0} < set(expected), "it has something to tell apart"
    held_out = np.setdiff1d(np.arange(90), trained_on)
    given = torch.cat([split.labels for split in data.splits.values()]).numpy()
    assert set(record.accuracies) == {"trained_on", "held_out", "test"}
    for group, at in (("trained_on", trained_on), ("held_out", held_out), ("test", range(90, 123))):
        accuracy = record.accuracies[group]
        assert accuracy.examples == len(at)
        assert accuracy.correct == tuple((votes[:, at] == given[at]).sum(1))
        assert accuracy.network_correct == (predicted.numpy()[at] == given[at]).sum()


def test_mislabelled_examples_are_followed_by_both_labels() -> None:
    data, network = dataset({"train": 60, "test": 9}), small_network()
    original = data.train.labels.clone()
    original[::5] = (original[::5] + 1) % 3
    noisy = TensorSplit(data.train.images, data.train.labels, original)
    data = TensorDataset("", 3, {**data.splits, "train": noisy})
    record, predicted = probed(data, network)
    votes = np.stack([unpacked(planes, [60, 9]) for planes in record.votes])
    changed = np.arange(0, 60, 5)
    for group, at, labels in (
        ("mislabelled", changed, noisy.labels),
        ("mislabelled_true_label", changed, original),
        ("clean", np.setdiff1d(np.arange(60), changed), noisy.labels),
    ):
        accuracy = record.accuracies[group]
        assert accuracy.correct == tuple((votes[:, at] == labels.numpy()[at]).sum(1))
        assert accuracy.network_correct == (predicted[at] == labels[at]).sum()
    assert len(record.accuracies) == 5


@pytest.mark.parametrize("budget", [1, 4000])
def test_memory_does_not_change_what_is_said(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small whole numbers have exact sums in whatever parts they come."""
    shrink_tiles(monkeypatch)
    data, network = dataset({"train": 70, "test": 20}), small_network()
    whole = {
        name: TensorSplit((split.images * 2).round(), split.labels)
        for name, split in data.splits.items()
    }
    data = TensorDataset("", 3, whole)
    for parameter in network.parameters():
        parameter.data = (parameter.data * 4).round()
    (one, _), (other, _) = probed(data, network), probed(data, network, budget=budget)
    # All layers but the softmax, whose numbers are not whole.
    assert (one.votes[:-1] == other.votes[:-1]).all()


def test_probing_leaves_the_network_and_the_generators_alone() -> None:
    data, network = dataset({"train": 40, "test": 9}), small_network().train()
    before = torch.get_rng_state()
    weights = [parameter.clone() for parameter in network.parameters()]
    one, other = (probed(data, network)[0] for _ in range(2))
    assert one.checksum == other.checksum
    assert network.training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, weights, network.parameters()))


def test_one_class_is_predicted_at_the_input() -> None:
    data = dataset({"train": 12, "test": 3}, classes=1)
    torch.manual_seed(0)
    record, _ = probed(data, build_model("mlp-tiny", ImageShape(1, 4, 4), 1))
    assert not record.packed.any()
    assert record.accuracies["test"].correct == (3,) * 4


def test_precisions_name_what_they_do() -> None:
    assert set(PRECISIONS) == {"float32", "float64", "tf32", "bfloat16"}
    assert all(one is not other for one, other in pairwise(PRECISIONS))
