"""One network in training: all that has to be kept to go on later with the same bits."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tracker.curriculum.plan import Examples
from tracker.curriculum.training import RunOrder
from tracker.schedule import Schedule
from tracker.specs import EnsembleSpec
from workers.data import TensorDataset
from workers.models import build_model
from workers.optimizers import OPTIMIZERS, learning_rate


class TrainingState:
    """The network of one seed, its optimizer, its generators, and where it is.

    What `state_dict` gives is taken at an evaluation: the training loss since the last one is not
    part of it.

    Parameters
    ----------
    examples
        What the ensemble's curriculum goes by, if it has one.

    Raises
    ------
    ValueError
        If it has one and they are missing: the plain order would be another recipe.
    """

    def __init__(
        self,
        spec: EnsembleSpec,
        data: TensorDataset,
        seed: int,
        examples: Examples | None = None,
    ) -> None:
        self.spec = spec
        self.data = data
        self.schedule = Schedule.of(spec, len(data.train))
        self.device = data.train.labels.device
        # Weights and dropout draw from torch's global generator, the order of examples from its
        # own: neither changes when the other draws more or less.
        weights_seed, order_seed = np.random.SeedSequence(seed).generate_state(2, np.uint64)
        torch.manual_seed(int(weights_seed >> 1))
        self._order = torch.Generator().manual_seed(int(order_seed >> 1))
        self._order_before = self._order.get_state()
        unseen = spec.held_out(seed, len(data.train))
        self.trained_on = torch.from_numpy(np.flatnonzero(~unseen)).to(self.device)
        """Positions in the training split of the examples trained on, int64, ascending."""
        self._curriculum = None
        if spec.curriculum is not None:
            if examples is None:
                raise ValueError("a curriculum needs the examples that it orders")
            self._curriculum = RunOrder.of(spec, examples, seed)
        self.network = build_model(spec.arch, data.shape, data.num_classes).to(self.device)
        self.optimizer = OPTIMIZERS[spec.recipe.optimizer](self.network.parameters(), spec.recipe)
        self.step = 0
        """Optimizer steps done."""
        self.evaluations = 0
        """Evaluations made."""
        self._batch = 0
        """Batches of the epoch that have been handed out."""

    def batches(self) -> Iterator[Tensor]:
        """Positions in the training split, batch by batch, of all that is left of an epoch."""
        self._order_before = self._order.get_state()
        order = self._epoch_order()
        for batch in order.split(self.spec.recipe.batch_size)[self._batch :]:
            self._batch += 1
            yield batch
        self._batch = 0

    def _epoch_order(self) -> Tensor:
        if self._curriculum is not None:
            epoch = self.step // self.schedule.steps_per_epoch
            return torch.from_numpy(self._curriculum.indices(epoch)).to(self.device)
        shuffled = torch.randperm(len(self.trained_on), generator=self._order)
        return self.trained_on[shuffled.to(self.device)]

    def set_learning_rate(self) -> None:
        """Give the optimizer the learning rate of the step to come."""
        rate = learning_rate(self.spec.recipe, self.step, self.schedule.steps_per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers that `load_state_dict` goes on from; the tensors are not copied."""
        generators = {"cpu": torch.get_rng_state(), "order": self._order_before}
        if self.device.type == "cuda":
            generators["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": generators,
            "step": self.step,
            "evaluations": self.evaluations,
            "batch": self._batch,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` of the same spec, data and seed gave.

        Generators are global: nothing may draw from them between this and the training.
        """
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        generators = state["generators"]
        torch.set_rng_state(generators["cpu"])
        # The epoch's order is drawn again, and what has been handed out of it is left out.
        self._order.set_state(generators["order"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(generators["cuda"], self.device)
        self.step = state["step"]
        self.evaluations = state["evaluations"]
        self._batch = state["batch"]
