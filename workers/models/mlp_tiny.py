"""The blog's network: 784-8-10 on MNIST (Hu 2022)."""

from torch import nn

from workers.models.network import ImageShape, Network

HIDDEN = 8


def build(shape: ImageShape, num_classes: int) -> Network:
    """One hidden layer of 8 ReLU units: images [n, c, h, w] to logits [n, num_classes] (Hu 2022).

    Hu 2022 names neither the activation nor the initialisation: ReLU and PyTorch's own are used.
    """
    return Network(
        {
            "hidden": nn.Sequential(nn.Flatten(), nn.Linear(shape.numel, HIDDEN)),
            "output": nn.Sequential(nn.ReLU(), nn.Linear(HIDDEN, num_classes)),
        }
    )
