"""Input margins: against the geometry of linear networks, and against single backward passes."""

import numpy as np
import pytest
import torch
from torch import nn

from workers.data import TensorDataset, TensorSplit
from workers.margins import input_margin, input_margins
from workers.models import ImageShape, build_model


def linear(weights: list[list[float]]) -> nn.Module:
    layer = nn.Linear(len(weights[0]), len(weights), bias=False)
    layer.weight.data = torch.tensor(weights)
    return nn.Sequential(nn.Flatten(), layer)


def test_of_a_linear_network_it_is_the_distance_to_the_boundary() -> None:
    # Three classes in the plane; boundaries y = x, x = 0 and y = 0.
    network = linear([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    images = torch.tensor([[3.0, 0.5], [2.0, 1.5], [-1.0, -4.0], [-3.0, 4.0]]).view(4, 1, 1, 2)
    found = input_margin(network, images)
    assert found.tolist() == pytest.approx([2.5 / 2**0.5, 0.5 / 2**0.5, 1.0, 4.0])


def test_it_is_the_smallest_over_the_other_classes() -> None:
    torch.manual_seed(0)
    network = build_model("mnist-cnn", ImageShape(1, 8, 8), 4).eval()
    images = torch.randn(5, 1, 8, 8)
    found = input_margin(network, images)
    for image, margin in zip(images, found, strict=True):
        inputs = image[None].clone().requires_grad_()
        logits = network(inputs)[0]
        first = int(logits.argmax())
        distances = []
        for other in {0, 1, 2, 3} - {first}:
            lead = logits[first] - logits[other]
            [gradient] = torch.autograd.grad(lead, inputs, retain_graph=True)
            distances.append(float(lead.detach().abs() / gradient.norm()))
        assert float(margin) == pytest.approx(min(distances), rel=1e-4)


def test_where_there_is_no_way_or_none_is_needed() -> None:
    flat = linear([[0.0], [0.0]])
    assert input_margin(flat, torch.ones(1, 1, 1, 1)).tolist() == [0.0]
    biased = linear([[0.0], [0.0]])
    biased[1].bias = nn.Parameter(torch.tensor([1.0, 0.0]))  # type: ignore[index]
    assert input_margin(biased, torch.ones(1, 1, 1, 1)).tolist() == [np.inf]
    assert input_margin(linear([[1.0]]), torch.ones(1, 1, 1, 1)).isnan().all()


def test_of_all_splits_in_order_and_the_network_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    network = build_model("mlp-tiny", ImageShape(1, 4, 4), 3)
    splits = {
        name: TensorSplit(torch.randn(size, 1, 4, 4), torch.zeros(size, dtype=torch.int64))
        for name, size in (("train", 530), ("test", 7))
    }
    found = input_margins(network, TensorDataset("", 3, splits))
    images = torch.cat([split.images for split in splits.values()])
    np.testing.assert_allclose(found, input_margin(network, images).numpy(), rtol=1e-5)
    assert found.dtype == np.float32
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())
