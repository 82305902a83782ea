"""What the networks share: the shape of an image, an ordered row of blocks, pooling, starts."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn


@dataclass(frozen=True)
class ImageShape:
    """Shape of one image of a dataset, in pixels."""

    channels: int
    height: int
    width: int

    @property
    def numel(self) -> int:
        """Number of values of one image."""
        return self.channels * self.height * self.width


class Network(nn.Module):
    """Named blocks, one after the other; the last one gives the logits.

    A block ends with its operation (a convolution, a dense layer, a residual sum). What follows
    the operation in the paper, that is activation, pooling and dropout, opens the next block, so
    that a hook on a block sees what a k-NN probe of Baldock 2021 sees (A.5: ReLU counts to the
    start of a layer rather than to the end of the one before). No block may change its input in
    place: a hooked output would change with it.
    """

    blocks: nn.Sequential

    def __init__(self, blocks: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.Sequential(OrderedDict(blocks))

    def forward(self, images: Tensor) -> Tensor:
        """Logits [batch, num_classes] of float `images` [batch, channels, height, width]."""
        logits: Tensor = self.blocks(images)
        return logits


def max_pooling(shape: ImageShape) -> tuple[list[nn.Module], ImageShape]:
    """2x2 max-pooling of feature maps of `shape`, and their shape after it.

    The papers' images are 28x28 or larger. On smaller ones (8x8 digits) the last poolings would
    leave no pixel: where a side would shrink below 1, the pooling is skipped.
    """
    if min(shape.height, shape.width) < 2:
        return [], shape
    return [nn.MaxPool2d(2)], replace(shape, height=shape.height // 2, width=shape.width // 2)


def initialize_glorot(network: Network) -> Network:
    """`network` with Glorot-uniform weights (Hacohen 2019 s.2) and, as in Keras, zero biases."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
