"""Signals against slow references, one forward pass, bounded memory."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor, nn

from tracker.outcomes.packing import pack_outcomes
from tracker.outcomes.signals import ALWAYS, SIGNALS, check_signals, measured_signals
from workers import scoring
from workers.data import TensorDataset, TensorSplit
from workers.scoring import MEASURES, measure, score

EVERYTHING = tuple(SIGNALS)


def reference(logits: NDArray[np.float64], label: int) -> list[float]:
    """Confidence, margin, loss, EL2N and output margin of one example, in float64."""
    p = np.exp(logits - logits.max())
    p /= p.sum()
    others = np.delete(logits, label)
    error = p.copy()
    error[label] = -np.delete(p, label).sum()
    margin = logits[label] - others.max() if len(others) else np.nan
    largest = np.sort(logits)[::-1]
    output_margin = largest[0] - largest[1] if len(others) else np.nan
    return [p[label], margin, -np.log(p[label]), np.sqrt((error**2).sum()), output_margin]


def test_every_signal_is_measured() -> None:
    assert list(MEASURES) == list(SIGNALS)
    assert set(ALWAYS) <= set(SIGNALS)


@given(
    seed=st.integers(0, 2**31),
    classes=st.sampled_from([1, 2, 3, 10, 100]),
    scale=st.sampled_from([0.0, 1.0, 10.0]),
    offset=st.sampled_from([0.0, 1000.0]),
)
def test_signals(seed: int, classes: int, scale: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    logits = (rng.standard_normal((6, classes)) * scale + offset).astype(np.float32)
    labels = rng.integers(0, classes, 6)
    found = measure(torch.tensor(logits), torch.tensor(labels), EVERYTHING)
    assert found.dtype == torch.float32
    expected = [reference(row.astype(np.float64), label) for row, label in zip(logits, labels)]  # noqa: B905
    np.testing.assert_allclose(found.numpy().T, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("gap", [50.0, 1e4])
def test_sure_networks_lose_no_digits(gap: float) -> None:
    right, wrong = measure(
        torch.tensor([[0.0, gap, 0.0]] * 2), torch.tensor([1, 0]), ("loss", "el2n", "confidence")
    ).T.tolist()
    assert right == pytest.approx([0, 0, 1], abs=1e-20)
    assert wrong == pytest.approx([gap, 2**0.5, 0], rel=1e-6, abs=1e-20)


def test_logits_of_half_precision_are_measured_in_single() -> None:
    logits = torch.tensor([[0.5, 2.0, -1.0]])
    half = measure(logits.bfloat16(), torch.tensor([1]), EVERYTHING)
    assert half.tolist() == measure(logits, torch.tensor([1]), EVERYTHING).tolist()


class Counting(nn.Module):
    """The pictures themselves as logits; counts forward passes."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        assert not self.training
        self.batches.append(len(images))
        return images.flatten(1)


def pictures(size: int, seed: int) -> TensorSplit:
    rng = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 1, 1, 4, generator=rng)
    return TensorSplit(images, torch.randint(0, 4, (size,), generator=rng))


@pytest.mark.parametrize("at_once", [1, 4 * 512, 3 * 4 * 512, 2**22])
def test_scores_are_of_all_examples_in_order(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(scoring, "MEASURED_LOGITS", at_once)
    data = TensorDataset("", 4, {"train": pictures(1300, 0), "test": pictures(3, 1)})
    network = Counting()
    found = score(network, data, ("confidence", "margin"))
    assert network.training
    assert network.batches == [512, 512, 276, 3], "one pass, in batches that never change"
    assert list(found.signals) == ["confidence", "margin"]
    assert found.outputs is None, "they were not asked for"
    start = 0
    for split in data.splits.values():
        logits, labels = split.images.flatten(1), split.labels
        confidence, margin = measure(logits, labels, ("confidence", "margin")).numpy()
        part = slice(start, start + len(split))
        np.testing.assert_array_equal(found.signals["confidence"][part], confidence)
        np.testing.assert_array_equal(found.signals["margin"][part], margin)
        start += len(split)
    assert {values.shape for values in found.signals.values()} == {(start,)}
    packed = [
        pack_outcomes(split.images.flatten(1).argmax(1).numpy(), split.labels.numpy(), 2)
        for split in data.splits.values()
    ]
    assert (found.packed == np.concatenate(packed, 1)).all()


@pytest.mark.parametrize("at_once", [1, 2**22])
def test_outputs_are_probabilities_in_order(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(scoring, "MEASURED_LOGITS", at_once)
    data = TensorDataset("", 4, {"train": pictures(1300, 0), "test": pictures(3, 1)})
    outputs = score(Counting(), data, ("confidence",), outputs=True).outputs
    assert outputs is not None
    logits = np.concatenate([split.images.flatten(1).numpy() for split in data.splits.values()])
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, softmax(logits.astype(np.float64), axis=1), rtol=1e-5)


def test_names() -> None:
    assert check_signals(["loss", "confidence", "loss"]) == ("confidence", "loss")
    assert measured_signals(()) == ("confidence", "margin")
    assert measured_signals(("el2n", "margin")) == ("confidence", "el2n", "margin")
