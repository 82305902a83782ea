"""The training loop: one network, one seed, an evaluation of all examples wherever asked."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tracker.errors import TrackerError
from tracker.outcomes.writer import EvaluationRecord
from workers.evaluation import evaluate
from workers.state import TrainingState


class DivergedError(TrackerError):
    """The training loss is not finite any more."""


def train(
    state: TrainingState, on_step: Callable[[int], None] | None = None
) -> Iterator[EvaluationRecord]:
    """Train from `state` to the end, yielding every evaluation as it is made.

    See `workers.evaluation.evaluate` for what each has. On one machine's CPU, with the same
    number of threads, the same seed gives the same bits, also from a state that was kept when an
    evaluation was yielded.

    Parameters
    ----------
    on_step
        Called after each optimizer step with the number of steps done.

    Raises
    ------
    DivergedError
        If the mean training loss since the last evaluation is not finite.
    """
    data, schedule, network, optimizer = state.data, state.schedule, state.network, state.optimizer
    if state.evaluations == 0 and schedule.first_evaluation == 0:
        yield evaluate(state, None)
    loss_sum, since = torch.zeros((), device=state.device), 0
    while state.step < schedule.total_steps:
        for batch in state.batches():
            state.set_learning_rate()
            loss = F.cross_entropy(network(data.train.images[batch]), data.train.labels[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach()
            state.step, since = state.step + 1, since + 1
            if on_step is not None:
                on_step(state.step)
            if state.step == schedule.evaluation_steps[state.evaluations]:
                yield evaluate(state, _finite(loss_sum / since, state.step))
                loss_sum, since = torch.zeros_like(loss_sum), 0
                if state.step == schedule.total_steps:
                    return


def _finite(loss: Tensor, step: int) -> float:
    value = float(loss)
    if not np.isfinite(value):
        raise DivergedError(f"the training loss is {value} after {step} steps: lower --lr")
    return value
