"""How far an input is from changing the predicted class, to first order (Baldock 2021 s.3.3)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workers.data import TensorDataset
from workers.scoring import SCORING_BATCH


def input_margin(network: nn.Module, images: Tensor) -> Tensor:
    """Adversarial input margin of images [N, C, H, W] by a linear approximation, float32 [N].

    The smallest, over the classes j other than the predicted i, of the difference of their logits
    divided by the 2-norm of its gradient with respect to the image, as the network takes it
    (Jiang et al. 2018): a backward pass for each class. Infinite where no change of the image
    helps; NaN where there is no other class.
    """
    inputs = images.detach().clone().requires_grad_()
    logits = network(inputs)
    predicted = logits.argmax(1)
    chosen = logits.gather(1, predicted[:, None]).squeeze(1)
    nearest = logits.new_full(predicted.shape, torch.nan)
    for other in range(logits.shape[1]):
        lead = chosen - logits[:, other]
        [gradient] = torch.autograd.grad(lead.sum(), inputs, retain_graph=True)
        norm = gradient.flatten(1).norm(dim=1)
        distance = torch.where(lead == 0, torch.zeros_like(lead), lead.abs() / norm)
        distance = torch.where(predicted == other, torch.nan, distance)
        nearest = torch.fmin(nearest, distance.detach())
    return nearest.float()


def input_margins(network: nn.Module, data: TensorDataset) -> NDArray[np.float32]:
    """`input_margin` of all examples, float32 [X]; the network is left as it was."""
    training = network.training
    network.eval()
    found = [
        input_margin(network, batch)
        for split in data.splits.values()
        for batch in split.images.split(SCORING_BATCH)
    ]
    network.train(training)
    values: NDArray[np.float32] = torch.cat(found).cpu().numpy()
    return values
