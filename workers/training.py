"""The training loop: one network, one seed, an evaluation of all examples wherever asked."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adadelta, Adam, Optimizer

from tracker.errors import TrackerError
from tracker.outcomes.signals import measured_signals
from tracker.outcomes.writer import EvaluationRecord
from tracker.specs import EnsembleSpec, Recipe, Schedule
from workers.data import TensorDataset
from workers.models import build_model
from workers.scoring import score


class DivergedError(TrackerError):
    """The training loss is not finite any more."""


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


def train(
    spec: EnsembleSpec,
    data: TensorDataset,
    seed: int,
    on_step: Callable[[int], None] | None = None,
) -> Iterator[EvaluationRecord]:
    """Train the network of `seed`, yielding every evaluation as it is made.

    Each has all signals that are recorded or summarised. On one machine's CPU, with the same
    number of threads, the same seed gives the same bits.

    Parameters
    ----------
    on_step
        Called after each optimizer step with the number of steps done.

    Raises
    ------
    DivergedError
        If the mean training loss since the last evaluation is not finite.
    """
    recipe = spec.recipe
    device = data.train.labels.device
    schedule = Schedule.of(spec, len(data.train))
    signals = measured_signals(spec.recording.signals)
    points = iter(enumerate(schedule.evaluation_steps, schedule.first_evaluation))

    # Weights and dropout draw from torch's global generator, the order of examples from its own:
    # neither changes when the other draws more or less.
    weights_seed, order_seed = np.random.SeedSequence(seed).generate_state(2, np.uint64)
    torch.manual_seed(int(weights_seed >> 1))
    order_generator = torch.Generator().manual_seed(int(order_seed >> 1))
    network = build_model(spec.arch, data.shape, data.num_classes).to(device)
    optimizer = OPTIMIZERS[recipe.optimizer](network.parameters(), recipe)

    step, loss_sum, since = 0, torch.zeros((), device=device), 0
    ordinal, due = next(points)
    if due == 0:
        scores = score(network, data, signals)
        yield EvaluationRecord(ordinal, 0, 0.0, None, scores.packed, scores.signals)
        ordinal, due = next(points)
    while True:
        order = torch.randperm(len(data.train), generator=order_generator).to(device)
        for batch in order.split(recipe.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, step, schedule.steps_per_epoch)
            loss = F.cross_entropy(network(data.train.images[batch]), data.train.labels[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach()
            step, since = step + 1, since + 1
            if on_step is not None:
                on_step(step)
            if step == due:
                mean_loss = _finite(loss_sum / since, step)
                epoch = step / schedule.steps_per_epoch
                scores = score(network, data, signals)
                yield EvaluationRecord(
                    ordinal, step, epoch, mean_loss, scores.packed, scores.signals
                )
                if step == schedule.total_steps:
                    return
                ordinal, due = next(points)
                loss_sum, since = torch.zeros_like(loss_sum), 0


def _finite(loss: Tensor, step: int) -> float:
    value = float(loss)
    if not np.isfinite(value):
        raise DivergedError(f"the training loss is {value} after {step} steps: lower --lr")
    return value
