"""st-VGG and small st-VGG of "All Neural Networks are Created Equal" (Hacohen 2019 app. B).

The paper names neither padding nor activation. Both follow the first author's published code for
the same list of layers (github.com/GuyHacohen/curriculum_learning, `models/cifar100_model.py`):
- "same" padding. Without any, 32x32 pixels would be used up before the last pooling.
- ELU, which its s.5 also names for its fully connected networks.
"""

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from workers.models.network import ImageShape, Network, initialize_glorot, max_pooling

# (filters, side of the kernel) of each convolution.
SMALL_CONVOLUTIONS = ((32, 3), (32, 3), (64, 3), (64, 3))
CONVOLUTIONS = (*SMALL_CONVOLUTIONS, (128, 3), (128, 3), (256, 2), (256, 2))


def build(shape: ImageShape, num_classes: int, *, dropout: bool = True) -> Network:
    """st-VGG, 8 convolutions and dense 512: images [n, c, h, w] to logits [n, num_classes].

    Without `dropout` it is the network that Hacohen 2019 app. B trains on random labels.
    """
    return _vgg(shape, num_classes, CONVOLUTIONS, dense=512, dropout=dropout)


def build_small(shape: ImageShape, num_classes: int, *, dropout: bool = True) -> Network:
    """Small st-VGG, 4 convolutions and dense 128; shapes and `dropout` as in `build`."""
    return _vgg(shape, num_classes, SMALL_CONVOLUTIONS, dense=128, dropout=dropout)


def _vgg(
    shape: ImageShape,
    num_classes: int,
    convolutions: Sequence[tuple[int, int]],
    *,
    dense: int,
    dropout: bool,
) -> Network:
    blocks: dict[str, nn.Module] = {}
    opening: list[nn.Module] = []
    for number, (filters, side) in enumerate(convolutions, start=1):
        blocks[f"conv{number}"] = nn.Sequential(
            *opening, *_same_convolution(shape.channels, filters, side)
        )
        shape = replace(shape, channels=filters)
        opening = [nn.ELU()]
        if number % 2 == 0:
            pooling, shape = max_pooling(shape)
            opening += [*pooling, *_dropout(0.25, dropout)]
    blocks["dense"] = nn.Sequential(*opening, nn.Flatten(), nn.Linear(shape.numel, dense))
    blocks["output"] = nn.Sequential(
        nn.ELU(), *_dropout(0.5, dropout), nn.Linear(dense, num_classes)
    )
    return initialize_glorot(Network(blocks))


def _same_convolution(channels: int, filters: int, side: int) -> list[nn.Module]:
    """A convolution that keeps height and width, as Keras pads: the odd pixel at the end."""
    before, after = (side - 1) // 2, side // 2
    if before == after:
        return [nn.Conv2d(channels, filters, side, padding=before)]
    # PyTorch's own padding="same" pads the same pixels, with a warning for even kernels.
    padding = nn.ZeroPad2d((before, after, before, after))
    return [padding, nn.Conv2d(channels, filters, side)]


def _dropout(rate: float, wanted: bool) -> list[nn.Module]:
    return [nn.Dropout(rate)] if wanted else []
