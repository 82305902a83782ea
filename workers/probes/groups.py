"""The groups of examples whose accuracy is followed from layer to layer (Baldock 2021 Fig. 5)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from workers.data import TensorDataset


@dataclass(frozen=True)
class Group:
    """Some examples, and the labels that answers are compared with.

    Attributes
    ----------
    examples
        Their places in storage order over all splits, int64 [G].
    labels
        int64 [G].
    """

    name: str
    examples: Tensor
    labels: Tensor

    def correct(self, classes: Tensor) -> int:
        """How many of them have their label in `classes` [X]."""
        return int((classes[self.examples] == self.labels).sum())


def groups_of(data: TensorDataset, trained_on: Tensor) -> list[Group]:
    """The groups of a run that was trained on these positions [M] of the training split.

    `trained_on`, `held_out` (the rest of the training split) and every other split by its name;
    where labels were changed on purpose, of the examples trained on also `clean`, `mislabelled`
    by the labels given, and `mislabelled_true_label` by the original ones. None is empty.
    """
    found = []
    start = 0
    for name, split in data.splits.items():
        places = torch.arange(start, start + len(split), device=split.labels.device)
        start += len(split)
        if name != "train":
            found.append(Group(name, places, split.labels))
            continue
        held_out = torch.ones_like(split.labels, dtype=torch.bool)
        held_out[trained_on] = False
        used = places[trained_on], split.labels[trained_on]
        found.append(Group("trained_on", *used))
        found.append(Group("held_out", places[held_out], split.labels[held_out]))
        if split.original_labels is not None:
            original = split.original_labels[trained_on]
            changed = original != used[1]
            found += [
                Group("clean", used[0][~changed], used[1][~changed]),
                Group("mislabelled", used[0][changed], used[1][changed]),
                Group("mislabelled_true_label", used[0][changed], original[changed]),
            ]
    return [group for group in found if len(group.examples)]
