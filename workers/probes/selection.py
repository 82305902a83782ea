"""The smallest of each row of numbers, and where those below a bound are.

On a CPU by NumPy, which sorts short rows and finds the few true of many several times faster than
torch does (docs/design.md).
"""

import numpy as np
import torch
from torch import Tensor


def places_below(values: Tensor, bounds: Tensor) -> Tensor:
    """Positions in the flattened `values` [r, c] of those below the row's bound, [r], ascending."""
    if values.is_cuda:
        return (values < bounds[:, None]).flatten().nonzero().squeeze(1)
    return torch.from_numpy(np.flatnonzero(values.numpy() < bounds.numpy()[:, None]))


def kth_smallest(values: Tensor, k: int) -> Tensor:
    """The k-th smallest of each row of `values` [r, k or more], [r]."""
    if values.is_cuda:
        return values.topk(k, dim=1, largest=False, sorted=False).values.amax(1)
    return torch.from_numpy(np.sort(values.numpy(), axis=1)[:, k - 1])


def smallest(values: Tensor, indices: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k smallest of each row of `values` [r, more than k], ascending, with their `indices`.

    Of equals at the k-th place those with the lowest indices.
    """
    order = _order(values, k + 1)
    top, chosen = values.gather(1, order), indices.gather(1, order[:, :k])
    # Which of equals come first is the library's own business: it matters where some are left over.
    tied = (top[:, k - 1] == top[:, k]) & top[:, k].isfinite()
    if tied.any():
        indices, order = indices[tied].sort(dim=1)
        order = values[tied].gather(1, order).sort(dim=1, stable=True).indices
        chosen[tied] = indices.gather(1, order[:, :k])
    return top[:, :k], chosen


def _order(values: Tensor, k: int) -> Tensor:
    """Where the k smallest of each row are, [r, k], the smallest first."""
    if values.is_cuda:
        return values.topk(k, dim=1, largest=False).indices
    return torch.from_numpy(np.argsort(values.numpy(), axis=1)[:, :k])
