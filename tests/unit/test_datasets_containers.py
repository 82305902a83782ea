"""The same pictures have the same hashes, whatever container they are handed over in."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split

from tracker.datasets import ImageSplit, content_hashes, examples_of, load_split
from tracker.datasets.containers import raw_examples
from tracker.errors import UsageError


class Items:
    """A user's own dataset: a list of (image, label)."""

    def __init__(self, items) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


class Attributes:
    """A dataset that keeps its pixels, as torchvision's do, and transforms its items."""

    def __init__(self, **attributes) -> None:
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index):
        return "transformed", "transformed"


def batch(channels: int, height: int = 6, width: int = 7) -> np.ndarray:
    shape = (5, height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


LABELS = np.array([3, 1, 4, 1, 5])


def containers(images: np.ndarray) -> dict[str, object]:
    """Every understood container of the images [N, H, W, C] and `LABELS`."""
    first = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    pictures = [Image.fromarray(image.squeeze()) for image in images]
    tensor_labels = torch.from_numpy(LABELS)
    named = {
        "split": ImageSplit.whole("any", "train", images, LABELS),
        "tensors, channels first": TensorDataset(torch.from_numpy(first), tensor_labels),
        "tensors, channels last": TensorDataset(torch.from_numpy(images), tensor_labels),
        "tensors, int32 labels": TensorDataset(torch.from_numpy(first), tensor_labels.int()),
        "three tensors": TensorDataset(torch.from_numpy(first), tensor_labels, torch.arange(5)),
        "like CIFAR": Attributes(data=images, targets=LABELS.tolist()),
        "like SVHN": Attributes(data=first, labels=LABELS),
        "transposed view": Attributes(data=first.transpose(0, 2, 3, 1), targets=LABELS.tolist()),
        "pictures": Items(list(zip(pictures, LABELS.tolist(), strict=True))),
        "arrays": Items(list(zip(images, LABELS, strict=True))),
        "tensors as items": Items(list(zip(torch.from_numpy(first), tensor_labels, strict=True))),
        "lists of two": Items([list(pair) for pair in zip(pictures, LABELS, strict=True)]),
    }
    if images.shape[3] == 1:
        grey = torch.from_numpy(images[..., 0])
        named["like MNIST"] = Attributes(data=grey, targets=tensor_labels)
        named["tensors without channels"] = TensorDataset(grey, tensor_labels)
        named["arrays without channels"] = Items(list(zip(images[..., 0], LABELS, strict=True)))
    return named


@pytest.mark.parametrize("name", containers(batch(1)))
def test_grey_images_hash_alike(name) -> None:
    images = batch(1)
    hashes, labels = examples_of(containers(images)[name])
    assert hashes == content_hashes(images)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("name", containers(batch(3)))
@pytest.mark.parametrize("channels", [3, 4])
def test_colour_images_hash_alike(name, channels) -> None:
    images = batch(channels)
    hashes, labels = examples_of(containers(images)[name])
    assert hashes == content_hashes(images)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("name", containers(batch(1)))
def test_subset_of_a_subset_of_anything(name) -> None:
    inner = Subset(containers(batch(1))[name], [4, 3, 0, 2])
    hashes, labels = examples_of(Subset(inner, torch.tensor([3, 0, 1])))
    assert hashes == content_hashes(batch(1)[[2, 4, 3]])
    assert labels.tolist() == [4, 5, 1]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_nested_subsets_agree_with_item_access(data) -> None:
    positions = list(range(5))
    dataset = ImageSplit.whole("any", "train", batch(1), LABELS)
    for _ in range(data.draw(st.integers(0, 3))):
        indices = data.draw(st.lists(st.integers(0, len(positions) - 1), min_size=1, max_size=6))
        dataset, positions = Subset(dataset, indices), [positions[i] for i in indices]
    hashes, labels = examples_of(dataset)
    assert hashes == content_hashes(batch(1)[positions])
    assert labels.tolist() == [dataset[i][1] for i in range(len(dataset))]


def test_random_split_of_a_shipping_dataset() -> None:
    digits = load_split("digits")
    parts = random_split(digits, [0.9, 0.1], torch.Generator().manual_seed(0))
    found = [pair for part in parts for pair in zip(*examples_of(part), strict=True)]
    assert len(found) == len(digits)
    assert set(found) == set(zip(digits.hashes, digits.labels, strict=True))


@pytest.mark.parametrize("shape", [(5, 3, 9, 3), (5, 1, 9, 3), (5, 3, 9, 1), (5, 1, 1, 1)])
def test_ambiguous_layouts_follow_the_librarys_convention(shape) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    tensors = TensorDataset(torch.from_numpy(array), torch.from_numpy(LABELS))
    assert examples_of(tensors)[0] == content_hashes(array.transpose(0, 2, 3, 1))
    split = ImageSplit.whole("any", "train", array, LABELS)
    assert examples_of(split)[0] == split.hashes == content_hashes(array)


def test_pictures_of_different_sizes() -> None:
    shapes = [(3, 9), (9, 3), (3, 3)]
    pictures = [np.full((*shape, 3), 7, np.uint8) for shape in shapes]
    dataset = Items([(Image.fromarray(picture), 0) for picture in pictures])
    images, _ = raw_examples(dataset)
    assert [image.shape for image in images] == [(*shape, 3) for shape in shapes]
    assert examples_of(dataset)[0] == content_hashes(pictures)


def test_empty_datasets_have_no_examples() -> None:
    for dataset in (Items([]), Subset(load_split("digits"), [])):
        hashes, labels = examples_of(dataset)
        assert hashes == []
        assert (labels.dtype, labels.shape) == (np.int64, (0,))


PICTURE = Image.new("L", (4, 4))
REFUSED = {
    "no length or no items": iter([(PICTURE, 0)]),
    "no length": DataLoader(load_split("digits")),
    "float32 \\[1, 8, 8\\], not uint8": Items([load_split("digits")[0]]),
    "torch.float32 \\[1, 4, 4\\]": TensorDataset(torch.zeros(2, 1, 4, 4), torch.zeros(2).long()),
    "uint8 \\[16\\], not uint8 \\[H, W, C\\]": Items([(np.zeros(16, np.uint8), 0)]),
    "uint8 \\[5, 5, 5\\]": Items([(np.zeros((5, 5, 5), np.uint8), 0)]),
    "float32 \\[\\]": Items([(np.float32(1), 0)]),
    "bool \\[4, 4\\]": Items([(Image.new("1", (4, 4)), 0)]),
    "palette image": Items([(PICTURE.convert("P"), 0)]),
    "no \\(image, integer label\\)": Items([(PICTURE, 0.5)]),
    "item 0 is no": Items([{"image": PICTURE, "label": 0}]),
    "item 1 is no": Items([(PICTURE, 0), PICTURE]),
    "item 0": Attributes(data=batch(1), targets=[[0], [0, 1]]),
    "item 0 is": Attributes(data=batch(1), targets=["a"] * 5),
    "0 is": Attributes(data=batch(1), targets=[0] * 4),
}


@pytest.mark.parametrize("message", REFUSED)
def test_other_forms_are_refused_on_one_line(message) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        examples_of(REFUSED[message])
    text = str(caught.value)
    assert type(REFUSED[message]).__name__ in text
    assert "hand over the dataset without transforms" in text
    assert "\n" not in text


def test_a_data_loader_takes_a_split() -> None:
    digits = load_split("digits", "test")
    images, labels = next(iter(DataLoader(digits, batch_size=len(digits))))
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    expected = torch.from_numpy(digits.images.copy()).permute(0, 3, 1, 2).float().div(255)
    assert torch.equal(images, expected)
    assert labels.tolist() == digits.labels.tolist()
