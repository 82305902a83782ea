"""The optimizers by name, and how the learning rate falls."""

from collections.abc import Callable, Iterator

from torch import nn
from torch.optim import SGD, Adadelta, Adam, Optimizer

from tracker.specs import Recipe

OPTIMIZERS: dict[str, Callable[[Iterator[nn.Parameter], Recipe], Optimizer]] = {
    "sgd": lambda parameters, recipe: SGD(
        parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    ),
    # With the constants of Keras, whose MNIST example Hacohen 2019 trained.
    "adadelta": lambda parameters, recipe: Adadelta(
        parameters, lr=recipe.lr, rho=0.95, eps=1e-7, weight_decay=recipe.weight_decay
    ),
    "adam": lambda parameters, recipe: Adam(
        parameters, lr=recipe.lr, weight_decay=recipe.weight_decay
    ),
}


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Learning rate of the optimizer step that follows `step` steps."""
    decay = recipe.decay
    if decay is None:
        return recipe.lr
    drops = sum(step >= span.steps(steps_per_epoch) for span in decay.at)
    if decay.every is not None:
        drops += step // decay.every.steps(steps_per_epoch)
    return recipe.lr / decay.divisor**drops
