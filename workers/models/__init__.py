"""The networks by name, one architecture a file; `tracker.recipes` says how each is trained."""

from collections.abc import Callable, Mapping

from tracker.errors import choice_error
from workers.models import mlp, mlp_tiny, mnist_cnn, resnet18, st_vgg
from workers.models.network import ImageShape, Network

__all__ = ["MODELS", "Builder", "ImageShape", "Network", "build_model"]

Builder = Callable[[ImageShape, int], Network]

MODELS: Mapping[str, Builder] = {
    "mlp-tiny": mlp_tiny.build,
    "mlp": mlp.build,
    "mnist-cnn": mnist_cnn.build,
    "st-vgg": st_vgg.build,
    "small-st-vgg": st_vgg.build_small,
    "resnet18": resnet18.build,
}


def build_model(name: str, shape: ImageShape, num_classes: int) -> Network:
    """A new network called `name` for images of `shape` and `num_classes` classes.

    It takes float images [batch, channels, height, width] and returns logits
    [batch, num_classes]. Its weights depend on torch's global CPU generator alone.

    Raises
    ------
    UsageError
        If no network has this name, listing those that exist, or if it cannot take such images.
    """
    if name not in MODELS:
        raise choice_error("architecture", name, MODELS)
    return MODELS[name](shape, num_classes)
