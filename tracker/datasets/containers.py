"""Raw pixels and labels out of any map-style dataset that a user may hand over.

Everything is recognised by its attributes, never by its type, so that no deep-learning library
is imported here and a user's own class of the same form is understood too.
"""

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.errors import UsageError

Images = NDArray[np.uint8] | list[NDArray[np.uint8]]
"""Pixels [N, H, W, C], or N arrays [H, W, C] where the sizes differ from image to image."""

Labels = NDArray[np.int64]

CHANNELS = (1, 3, 4)
"""Lengths by which an axis is taken for the channels."""

STORES = (("images", "labels"), ("data", "targets"), ("data", "labels"))
"""Attributes of pixels and labels: an `ImageSplit`; MNIST and CIFAR; SVHN and STL10."""

UNDERSTOOD = (
    "tracker understands its own splits, torchvision datasets, a TensorDataset of uint8 images "
    "and integer labels, a Subset of these, and items (PIL image or uint8 array, integer label); "
    "hand over the dataset without transforms"
)


def raw_examples(dataset: Any) -> tuple[Images, Labels]:
    """Pixels and labels of `dataset` before any transform, in its order.

    Parameters
    ----------
    dataset : map-style dataset
        An `ImageSplit`; a torchvision dataset that keeps its pixels (`data` with `targets` or
        `labels`); a `TensorDataset` of images and labels; a `Subset`, also of a `Subset`, of any
        of them; else anything whose items are (PIL image or uint8 array, label).

    Returns
    -------
    images : uint8 array [N, H, W, C], or a list of N arrays [H, W, C]
    labels : int64 array [N]

    Raises
    ------
    UsageError
        If the pixels are not uint8 or the dataset has another form.
    """
    base, positions = _resolve_subsets(dataset)
    stored = stored_examples(base)
    if stored is None:
        return _read_items(base, positions)
    if positions is None:
        return stored
    images, labels = stored
    return images[positions], labels[positions]


def stored_examples(dataset: Any) -> tuple[NDArray[np.uint8], Labels] | None:
    """Pixels [N, H, W, C] and labels [N] that `dataset` keeps in memory; None if it does not."""
    for pixels, labels in _stores(dataset):
        images, targets = _as_images(pixels), _as_labels(labels)
        if images is not None and targets is not None and len(images) == len(targets):
            return images, targets
    return None


def _resolve_subsets(dataset: Any) -> tuple[Any, Labels | None]:
    """The dataset under nested Subsets and the positions in it; None stands for all."""
    positions: Labels | None = None
    while hasattr(dataset, "dataset") and hasattr(dataset, "indices"):
        inner = np.asarray(dataset.indices, dtype=np.int64)
        positions = inner if positions is None else inner[positions]
        dataset = dataset.dataset
    return dataset, positions


def _stores(dataset: Any) -> list[tuple[Any, Any]]:
    tensors: Any = getattr(dataset, "tensors", None)
    pairs = [tensors[:2]] if isinstance(tensors, tuple) and len(tensors) >= 2 else []
    pairs += [
        (getattr(dataset, pixels), getattr(dataset, labels))
        for pixels, labels in STORES
        if hasattr(dataset, pixels) and hasattr(dataset, labels)
    ]
    return pairs


def _as_array(values: Any) -> NDArray[Any]:
    """`values` as NumPy array, fetched from the accelerator if that is where they are."""
    return np.asarray(values.cpu() if hasattr(values, "cpu") else values)


def _as_images(pixels: Any) -> NDArray[np.uint8] | None:
    """Pixels [N, H, W, C] of a batch [N, H, W], [N, H, W, C] or [N, C, H, W]; None if not one.

    The channels are the axis whose length is in `CHANNELS`. Where both ends qualify, the
    library's convention decides: channels first in a torch tensor, last in a NumPy array.
    """
    if str(getattr(pixels, "dtype", None)) not in ("uint8", "torch.uint8"):
        return None
    array = _as_array(pixels)
    if array.ndim == 3:
        return array[..., np.newaxis]
    if array.ndim != 4:
        return None
    first, last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
    if first and last:
        first = hasattr(pixels, "cpu")
    if first:
        return np.moveaxis(array, 1, 3)
    return array if last else None


def _as_labels(labels: Any) -> Labels | None:
    try:
        array = _as_array(labels)
    except ValueError:  # lists of different lengths
        return None
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        return None
    return array.astype(np.int64)


def _read_items(dataset: Any, positions: Labels | None) -> tuple[Images, Labels]:
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        raise _refusal(dataset, "it has no length or no items by position")
    wanted = range(len(dataset)) if positions is None else positions.tolist()
    images, labels = [], []
    for position in wanted:
        image, label = _read_item(dataset, position)
        images.append(image)
        labels.append(label)
    return images, np.asarray(labels, dtype=np.int64)


def _read_item(dataset: Any, position: int) -> tuple[NDArray[np.uint8], int]:
    """Pixels [H, W, C] and label of one item."""
    item = dataset[position]
    try:
        image, label = item[0], operator.index(item[1])
    except (TypeError, LookupError):
        raise _refusal(dataset, f"item {position} is no (image, integer label)") from None
    if getattr(image, "mode", None) == "P":
        # The bytes of such an image are positions in its palette, not colours.
        raise _refusal(dataset, f"item {position} is a palette image, convert it to RGB")
    array = image if hasattr(image, "cpu") else np.asarray(image)
    batch = _as_images(array[None]) if array.ndim else None
    if batch is None:
        form = f"{array.dtype} {list(array.shape)}"
        raise _refusal(dataset, f"item {position} has an image {form}, not uint8 [H, W, C]")
    return batch[0], label


def _refusal(dataset: Any, why: str) -> UsageError:
    return UsageError(
        f"cannot tell the examples of {type(dataset).__name__} apart: {why}. {UNDERSTOOD}"
    )
