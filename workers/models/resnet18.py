"""ResNet-18 for 32x32 images, group-normalized, with standardized kernels (Baldock 2021 A.2.1).

The paper cites He et al. 2016 ("Deep Residual Learning": ReLU after the sum, projection shortcuts)
for the network, and Kolesnikov et al. 2020 (BiT) for replacing batch normalization.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.models.network import ImageShape, Network

STAGES = (64, 128, 256, 512)
BLOCKS_A_STAGE = 2
GROUPS = 32
# Keeps a kernel of equal weights from dividing by zero; the value is that of BiT's code.
EPSILON = 1e-10


class StandardizedConv2d(nn.Conv2d):
    """Convolution whose kernels have mean 0 and variance 1 within each output filter.

    Weight standardization of Qiao et al. 2019 as BiT uses it: population variance, no gain.
    """

    def standardized(self) -> Tensor:
        """The kernels in use, [filters, channels, side, side]."""
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), correction=0, keepdim=True)
        return (self.weight - mean) * torch.rsqrt(variance + EPSILON)

    def forward(self, images: Tensor) -> Tensor:
        """Feature maps [n, filters, height', width'] of `images` [n, channels, height, width]."""
        return functional.conv2d(
            images, self.standardized(), stride=self.stride, padding=self.padding
        )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the ReLU after the sum opens the next block."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels, filters, 3, stride)
        self.norm1 = nn.GroupNorm(GROUPS, filters)
        self.conv2 = _convolution(filters, filters, 3)
        self.norm2 = nn.GroupNorm(GROUPS, filters)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != filters:
            self.shortcut = nn.Sequential(
                _convolution(channels, filters, 1, stride), nn.GroupNorm(GROUPS, filters)
            )

    def forward(self, maps: Tensor) -> Tensor:
        """Sums [n, filters, h / stride, w / stride] (rounded up) of `maps` [n, channels, h, w]."""
        maps = functional.relu(maps)
        inner = functional.relu(self.norm1(self.conv1(maps)))
        sums: Tensor = self.norm2(self.conv2(inner)) + self.shortcut(maps)
        return sums


class Output(nn.Module):
    """ReLU, the mean over all pixels, a dense layer."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.dense = nn.Linear(channels, num_classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Logits [n, num_classes] of `maps` [n, channels, h, w]."""
        # Not AdaptiveAvgPool2d: on CUDA its gradient differs between identical runs.
        logits: Tensor = self.dense(functional.relu(maps).mean(dim=(2, 3)))
        return logits


def build(shape: ImageShape, num_classes: int) -> Network:
    """ResNet-18 with a 3x3 stem: images [n, c, h, w] to logits [n, num_classes]."""
    channels = STAGES[0]
    blocks: dict[str, nn.Module] = {
        "stem": nn.Sequential(
            _convolution(shape.channels, channels, 3), nn.GroupNorm(GROUPS, channels)
        )
    }
    for stage, filters in enumerate(STAGES, start=1):
        for number in range(1, BLOCKS_A_STAGE + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            blocks[f"stage{stage}_block{number}"] = BasicBlock(channels, filters, stride)
            channels = filters
    blocks["output"] = Output(channels, num_classes)
    return Network(blocks)


def _convolution(channels: int, filters: int, side: int, stride: int = 1) -> StandardizedConv2d:
    """A standardized convolution, without bias: the normalization after it has one."""
    convolution = StandardizedConv2d(channels, filters, side, stride, padding=side // 2, bias=False)
    # Standardizing hides the size of the weights, but not from SGD: the smaller they are, the
    # larger a step is beside them. Baldock 2021 names no initialisation; this is that of He et al.
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
