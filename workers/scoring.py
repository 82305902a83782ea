"""Scoring every example, and packing what was predicted before it leaves the device."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from workers.data import TensorDataset, TensorSplit

SCORING_BATCH = 512
"""Examples scored at once. Constant, because the size of a batch can move the last bits."""


@torch.inference_mode()
def predict(network: nn.Module, split: TensorSplit) -> Tensor:
    """Predicted class of every example, int64 [N]; ties go to the lowest class."""
    return torch.cat([network(images).argmax(1) for images in split.images.split(SCORING_BATCH)])


def pack(predicted: Tensor, labels: Tensor, planes: int) -> Tensor:
    """Packed outcomes uint8 [1 + planes, ceil(N / 8)] on the device of `predicted` [N].

    The same bits as `tracker.outcomes.packing.pack_outcomes`.
    """
    shifts = torch.arange(planes, device=predicted.device)
    bits = torch.cat([(predicted == labels)[None], (predicted >> shifts[:, None] & 1).bool()])
    whole_bytes = F.pad(bits, (0, -bits.shape[1] % 8)).unflatten(1, (-1, 8))
    weights = 2 ** torch.arange(7, -1, -1, device=predicted.device, dtype=torch.uint8)
    return (whole_bytes * weights).sum(2, dtype=torch.uint8)


def score(network: nn.Module, data: TensorDataset) -> NDArray[np.uint8]:
    """Packed outcomes of all splits, uint8 [1 + planes, bytes]: one array leaves the device.

    The network is put into evaluation mode and left as it was.
    """
    training = network.training
    network.eval()
    parts = [
        pack(predict(network, split), split.labels, data.planes) for split in data.splits.values()
    ]
    network.train(training)
    return torch.cat(parts, 1).cpu().numpy()
