"""From a network to what its probes say: layer by layer, votes, accuracies and depths.

A probe is placed at the input, after each block and after the softmax (Baldock 2021 A.5); its
neighbours are the examples that the run was trained on, with the labels given to it.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.outcomes.packing import pack_planes
from tracker.outcomes.probes import NEIGHBOURS, GroupAccuracy, ProbeRecord, pack_depths
from workers.data import TensorDataset
from workers.models import Network
from workers.probes.embeddings import Embeddings
from workers.probes.groups import Group, groups_of
from workers.probes.neighbours import Database, Nearest, centre_of, precision_type

COUNTED_VOTES = 2**22
"""Votes of examples and classes that are counted at once: 32 MB."""


def vote(indices: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """The class that most neighbours have, int64 [Q]; a tie goes to the lowest.

    Parameters
    ----------
    indices
        Of each query's neighbours, int64 [Q, k]; -1 is none. Without any neighbour the vote is 0.
    labels
        Of all that can be neighbours, int64 [M].
    """
    winners = []
    for part in indices.split(max(1, COUNTED_VOTES // num_classes)):
        cells = torch.arange(len(part), device=part.device)[:, None] * num_classes + labels[part]
        counts = cells[part >= 0].bincount(minlength=len(part) * num_classes)
        winners.append(counts.view(len(part), num_classes).argmax(1))
    return torch.cat(winners)


@torch.inference_mode()
def probe(
    network: Network,
    data: TensorDataset,
    trained_on: Tensor,
    predicted: Tensor,
    *,
    votes: bool = False,
    neighbours: int = NEIGHBOURS,
    precision: str = "float32",
    budget: int | None = None,
) -> ProbeRecord:
    """Probe every layer of a network, which is left as it was.

    Parameters
    ----------
    trained_on
        Positions in the training split of the examples that it was trained on, int64 [M],
        ascending.
    predicted
        Class that it gives each example of all splits, int64 [X].
    votes
        Keep the class that each probe gives each example.
    precision
        One of `workers.probes.neighbours.PRECISIONS`.
    budget
        See `Embeddings`.
    """
    training = network.training
    network.eval()
    images = [split.images for split in data.splits.values()]
    embeddings = Embeddings(network, images, precision_type(precision), budget)
    groups = groups_of(data, trained_on)
    last = len(embeddings.layers)
    depths = torch.zeros_like(predicted)
    correct: list[list[int]] = []
    told: list[Tensor] = []
    for layer in range(last):
        if layer:
            embeddings.advance()
        votes_here = _votes(embeddings, data, trained_on, neighbours, precision)
        depths[votes_here != predicted] = layer + 1
        correct.append([group.correct(votes_here) for group in groups])
        if votes:
            told.append(votes_here)
    network.train(training)
    return ProbeRecord(
        embeddings.layers,
        neighbours,
        np.concatenate([pack_depths(part, last) for part in _by_split(depths, data)], axis=1),
        _accuracies(groups, correct, predicted),
        np.stack([_planes(layer, data) for layer in told]) if votes else None,
    )


def _votes(
    embeddings: Embeddings, data: TensorDataset, trained_on: Tensor, k: int, precision: str
) -> Tensor:
    """The class that the layer's probe gives each example, int64 [X]."""
    splits = list(data.splits.values())
    own = [torch.full_like(split.labels, -1) for split in splits]
    train = list(data.splits).index("train")
    own[train][trained_on] = torch.arange(len(trained_on), device=trained_on.device)
    dtype = precision_type(precision)
    found = Nearest(sum(map(len, splits)), k, dtype, trained_on.device)
    for database in _databases(embeddings, train, own[train] >= 0, precision):
        start = 0
        for split, places in enumerate(own):
            offset = 0
            for batch in embeddings.batches(split):
                part = places[offset : offset + len(batch)]
                found.look_through(database, start + offset, batch, part)
                offset += len(batch)
            start += offset
    return vote(found.indices, splits[train].labels[trained_on], data.num_classes)


def _databases(
    embeddings: Embeddings, train: int, chosen: Tensor, precision: str
) -> Iterator[Database]:
    """The embeddings of the training examples that are `chosen`, in parts that fit the memory."""
    centre, held, first, offset = None, [], 0, 0
    for batch in embeddings.batches(train):
        rows = batch[chosen[offset : offset + len(batch)]]
        offset += len(batch)
        if not len(rows):
            continue
        centre = centre_of(rows) if centre is None else centre
        held.append(rows)
        size = sum(map(len, held))
        if (size + len(rows)) * rows[0].nbytes > embeddings.budget:
            yield Database(held, first, centre, precision)
            held, first = [], first + size
    if held and centre is not None:
        yield Database(held, first, centre, precision)


def _accuracies(
    groups: list[Group], correct: list[list[int]], predicted: Tensor
) -> dict[str, GroupAccuracy]:
    return {
        group.name: GroupAccuracy(
            len(group.labels),
            tuple(layer[number] for layer in correct),
            group.correct(predicted),
        )
        for number, group in enumerate(groups)
    }


def _by_split(values: Tensor, data: TensorDataset) -> list[NDArray[np.int64]]:
    """Numbers [X] of all examples, split by split."""
    sizes = [len(split) for split in data.splits.values()]
    return [part.numpy() for part in values.cpu().split(sizes)]


def _planes(classes: Tensor, data: TensorDataset) -> NDArray[np.uint8]:
    """Classes [X] as bit planes uint8 [planes, bytes] over all splits."""
    return np.concatenate(
        [pack_planes(part, data.planes) for part in _by_split(classes, data)], axis=1
    )
