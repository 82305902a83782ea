"""What a network makes of all examples, one layer at a time, in bounded memory."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from workers.models import Network
from workers.scoring import SCORING_BATCH

CPU_BYTES = 2**29
GPU_BYTES = 2**32
"""Memory for embeddings at once: this for those of a layer that are kept to compute the next from,
and as much again for the part of a layer that is compared."""


class Embeddings:
    """The embeddings of all examples, layer by layer, from the input to the softmax.

    A layer that fits the memory is kept, to compute the next one from; where it does not, as the
    first feature maps of large images, it is computed from the last one kept whenever it is
    needed. The examples go through the network in the batches in which they are scored.

    Parameters
    ----------
    network
        In evaluation mode.
    splits
        Images [N, C, H, W] of each split.
    dtype
        Type of the embeddings that are handed out.
    budget
        Bytes that a layer may take to be kept; by device if None.
    """

    def __init__(
        self,
        network: Network,
        splits: Sequence[Tensor],
        dtype: torch.dtype = torch.float32,
        budget: int | None = None,
    ) -> None:
        cuda = splits[0].is_cuda
        self.budget = budget or (GPU_BYTES if cuda else CPU_BYTES)
        self._dtype = dtype
        self._steps: list[Callable[[Tensor], Tensor]] = [
            *network.blocks,
            lambda logits: logits.softmax(1),
        ]
        self.layers = ("input", *(name for name, _ in network.blocks.named_children()), "softmax")
        self._kept, self._kept_layer = list(splits), 0
        self.layer = 0
        """Which of `layers` is handed out."""

    def batches(self, split: int) -> Iterator[Tensor]:
        """The layer's embeddings [batch, W] of one of the splits, in order."""
        for batch in self._computed(split):
            yield batch.flatten(1).to(self._dtype)

    def advance(self) -> None:
        """Go on to the next layer."""
        self.layer += 1
        examples = sum(map(len, self._kept))
        if examples * self._row_bytes() <= self.budget:
            kept = [torch.cat([*self._computed(split)]) for split in range(len(self._kept))]
            self._kept, self._kept_layer = kept, self.layer

    def _computed(self, split: int) -> Iterator[Tensor]:
        for batch in self._kept[split].split(SCORING_BATCH):
            yield self._through(batch)

    def _through(self, batch: Tensor) -> Tensor:
        for step in self._steps[self._kept_layer : self.layer]:
            batch = step(batch)
        return batch

    def _row_bytes(self) -> int:
        row = self._through(self._kept[0][:1])
        return row.numel() * row.element_size()
