"""Scoring every example, and packing what was said before it leaves the device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from workers.data import TensorDataset, TensorSplit

SCORING_BATCH = 512
"""Examples scored at once. Constant, because the size of a batch can move the last bits."""

MEASURED_LOGITS = 2**22
"""Logits from which signals are computed at once: 16 MB, and a few times that in between."""


@dataclass(frozen=True)
class LabelledLogits:
    """What signals are computed from: logits float32 [N, K] and labels int64 [N]."""

    logits: Tensor
    labels: Tensor

    def of_label(self, values: Tensor) -> Tensor:
        """Each example's entry of [N, K] at its label, [N]."""
        return values.gather(1, self.labels[:, None]).squeeze(1)

    @cached_property
    def log_softmax(self) -> Tensor:
        """Log-probabilities [N, K], as torch's own, which takes five times as long for K = 10."""
        shifted = self.logits - self.logits.amax(1, keepdim=True)
        return shifted - shifted.exp().sum(1, keepdim=True).log()


def _margin(given: LabelledLogits) -> Tensor:
    if given.logits.shape[1] == 1:  # there is no other class
        return given.logits.new_full(given.labels.shape, torch.nan)
    others = given.logits.scatter(1, given.labels[:, None], -torch.inf)
    return given.of_label(given.logits) - others.amax(1)


def _output_margin(given: LabelledLogits) -> Tensor:
    if given.logits.shape[1] == 1:
        return given.logits.new_full(given.labels.shape, torch.nan)
    largest, second = given.logits.topk(2, dim=1).values.unbind(1)
    return largest - second


def _el2n(given: LabelledLogits) -> Tensor:
    # expm1 keeps the digits of p - 1 where the network is nearly sure of the label.
    label = given.of_label(given.log_softmax).expm1()
    return given.log_softmax.exp().scatter(1, given.labels[:, None], label[:, None]).norm(dim=1)


MEASURES: Mapping[str, Callable[[LabelledLogits], Tensor]] = {
    "confidence": lambda given: given.of_label(given.log_softmax).exp(),
    "margin": _margin,
    "loss": lambda given: -given.of_label(given.log_softmax),
    "el2n": _el2n,
    "output_margin": _output_margin,
}
"""How each of `tracker.outcomes.signals.SIGNALS` is computed, float32 [N]."""


def measure(logits: Tensor, labels: Tensor, signals: Sequence[str]) -> Tensor:
    """The named signals of each example, float32 [S, N], from logits [N, K] and labels [N]."""
    given = LabelledLogits(logits.float(), labels)
    return torch.stack([MEASURES[name](given) for name in signals])


@torch.inference_mode()
def predict(
    network: nn.Module,
    split: TensorSplit,
    num_classes: int,
    signals: Sequence[str],
    outputs: bool = False,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """What a network says of a split: one forward pass.

    Returns
    -------
    tuple
        Predicted class int64 [N], ties going to the lowest; signals float32 [S, N]; softmax outputs
        if asked for, float32 [some, K] each and on the CPU, since all of them may be more than the
        device has room for.
    """
    some = SCORING_BATCH * max(1, MEASURED_LOGITS // (SCORING_BATCH * num_classes))
    predicted, measured, said = [], [], []
    for images, labels in zip(split.images.split(some), split.labels.split(some), strict=True):
        logits = torch.cat([network(batch) for batch in images.split(SCORING_BATCH)])
        predicted.append(logits.argmax(1))
        measured.append(measure(logits, labels, signals))
        if outputs:
            said.append(logits.float().softmax(1).cpu())
    return torch.cat(predicted), torch.cat(measured, 1), said


def pack(predicted: Tensor, labels: Tensor, planes: int) -> Tensor:
    """Packed outcomes uint8 [1 + planes, ceil(N / 8)] on the device of `predicted` [N].

    The same bits as `tracker.outcomes.packing.pack_outcomes`.
    """
    shifts = torch.arange(planes, device=predicted.device)
    bits = torch.cat([(predicted == labels)[None], (predicted >> shifts[:, None] & 1).bool()])
    whole_bytes = F.pad(bits, (0, -bits.shape[1] % 8)).unflatten(1, (-1, 8))
    weights = 2 ** torch.arange(7, -1, -1, device=predicted.device, dtype=torch.uint8)
    return (whole_bytes * weights).sum(2, dtype=torch.uint8)


@dataclass(frozen=True)
class Scores:
    """What a network says of all examples."""

    packed: NDArray[np.uint8]
    """Packed outcomes of all splits, uint8 [1 + planes, bytes]."""
    signals: Mapping[str, NDArray[np.float32]]
    """Each signal that was asked for, float32 [X]."""
    predicted: Tensor
    """Predicted class, int64 [X], on the network's device."""
    outputs: NDArray[np.float32] | None
    """Softmax outputs, float32 [X, K]; None if they were not asked for."""


def score(
    network: nn.Module, data: TensorDataset, signals: Sequence[str], outputs: bool = False
) -> Scores:
    """Score all splits: two arrays leave the device, and softmax outputs if asked for.

    The network is put into evaluation mode and left as it was.
    """
    training = network.training
    network.eval()
    packed, measured, said, classes = [], [], [], []
    for split in data.splits.values():
        predicted, numbers, told = predict(network, split, data.num_classes, signals, outputs)
        packed.append(pack(predicted, split.labels, data.planes))
        measured.append(numbers)
        classes.append(predicted)
        said += told
    network.train(training)
    values = torch.cat(measured, 1).cpu().numpy()
    return Scores(
        packed=torch.cat(packed, 1).cpu().numpy(),
        signals=dict(zip(signals, values, strict=True)),
        predicted=torch.cat(classes),
        outputs=torch.cat(said).numpy() if said else None,
    )
