"""The MNIST architecture of "All Neural Networks are Created Equal" (Hacohen 2019 app. B)."""

from dataclasses import replace

from torch import nn

from tracker.errors import UsageError
from workers.models.network import ImageShape, Network, initialize_glorot, max_pooling


def build(shape: ImageShape, num_classes: int) -> Network:
    """Convolutions 32, 64, max-pooling, dense 128: images [n, c, h, w] to logits [n, num_classes].

    Layers, rates and optimizer of Hacohen 2019 app. B are those of Keras's `mnist_cnn`; what the
    paper leaves open (ReLU, no padding: 28 -> 26 -> 24 -> 12 pixels a side) follows the example.

    Raises
    ------
    UsageError
        If a side of the images is shorter than 5 pixels, which two unpadded 3x3 kernels need.
    """
    if min(shape.height, shape.width) < 5:
        raise UsageError(
            f"mnist-cnn needs images of at least 5x5 pixels, got {shape.height}x{shape.width}: "
            "choose another architecture"
        )
    maps = replace(shape, channels=64, height=shape.height - 4, width=shape.width - 4)
    pooling, maps = max_pooling(maps)
    return initialize_glorot(
        Network(
            {
                "conv1": nn.Conv2d(shape.channels, 32, 3),
                "conv2": nn.Sequential(nn.ReLU(), nn.Conv2d(32, 64, 3)),
                "dense": nn.Sequential(
                    nn.ReLU(), *pooling, nn.Dropout(0.25), nn.Flatten(), nn.Linear(maps.numel, 128)
                ),
                "output": nn.Sequential(nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, num_classes)),
            }
        )
    )
