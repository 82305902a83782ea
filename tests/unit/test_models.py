"""The networks: names, shapes, sizes counted by hand, starts, and the stock recipes."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tracker.errors import UsageError
from tracker.recipes import ARCHITECTURES, get_architecture
from tracker.spans import Span
from tracker.specs import Recipe, StepDecay
from workers.models import MODELS, ImageShape, Network, build_model, st_vgg
from workers.models.resnet18 import StandardizedConv2d

MNIST = ImageShape(1, 28, 28)
CIFAR = ImageShape(3, 32, 32)
DIGITS = ImageShape(1, 8, 8)
TINY_IMAGENET = ImageShape(3, 64, 64)


def seeded(name: str, shape: ImageShape = DIGITS, num_classes: int = 10, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return build_model(name, shape, num_classes)


def images(shape: ImageShape, batch: int) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randn(batch, shape.channels, shape.height, shape.width, generator=generator)


def test_every_architecture_has_a_network() -> None:
    assert list(MODELS) == list(ARCHITECTURES)


def test_an_unknown_name_lists_the_choices() -> None:
    with pytest.raises(UsageError, match=r"'alexnet': .* mlp-tiny, mlp, .*, resnet18"):
        build_model("alexnet", MNIST, 10)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("shape", "num_classes"), [(MNIST, 10), (CIFAR, 100), (DIGITS, 1), (TINY_IMAGENET, 1000)]
)
def test_one_logit_for_each_image_and_class(name: str, shape: ImageShape, num_classes: int) -> None:
    network = seeded(name, shape, num_classes)
    with torch.no_grad():
        logits = network(images(shape, 2))
    assert logits.shape == (2, num_classes)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", sorted(MODELS.keys() - {"mnist-cnn"}))
@pytest.mark.parametrize("shape", [ImageShape(1, 1, 1), ImageShape(2, 3, 9)])
def test_tiny_and_oblong_images_fit(name: str, shape: ImageShape) -> None:
    # The meta device computes shapes alone, which is all that is asked here.
    with torch.device("meta"):
        network = build_model(name, shape, 3)
        assert network(images(shape, 2).to("meta")).shape == (2, 3)


def test_mnist_cnn_pools_only_what_is_left_and_says_what_it_needs() -> None:
    assert seeded("mnist-cnn", ImageShape(1, 5, 7))(images(ImageShape(1, 5, 7), 2)).shape == (2, 10)
    with pytest.raises(UsageError, match="mnist-cnn needs images of at least 5x5 pixels, got 4x9"):
        build_model("mnist-cnn", ImageShape(1, 4, 9), 10)


def conv(channels: int, filters: int, side: int) -> int:
    return channels * filters * side * side + filters


def dense(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


SMALL_ST_VGG_CONVS = conv(3, 32, 3) + conv(32, 32, 3) + conv(32, 64, 3) + conv(64, 64, 3)
ST_VGG_CONVS = (
    SMALL_ST_VGG_CONVS
    + conv(64, 128, 3)
    + conv(128, 128, 3)
    + conv(128, 256, 2)
    + conv(256, 256, 2)
)
# Kernels without biases; of each stage after the first: its first convolution, the other three,
# and the 1x1 projection of the shortcut.
RESNET18_KERNELS = (
    3 * 64 * 9
    + 4 * 64 * 64 * 9
    + (64 * 128 * 9 + 3 * 128 * 128 * 9 + 64 * 128)
    + (128 * 256 * 9 + 3 * 256 * 256 * 9 + 128 * 256)
    + (256 * 512 * 9 + 3 * 512 * 512 * 9 + 256 * 512)
)
# A scale and a shift for each channel: after the stem, after each of a stage's four convolutions
# and, from the second stage on, after its projection.
RESNET18_NORMS = 2 * (64 + 4 * 64 + 5 * 128 + 5 * 256 + 5 * 512)


@pytest.mark.parametrize(
    ("name", "shape", "by_hand", "total"),
    [
        ("mlp-tiny", MNIST, 784 * 8 + 8 + 8 * 10 + 10, 6_370),
        ("mlp", MNIST, dense(784, 2048) + 6 * dense(2048, 2048) + dense(2048, 10), 26_806_282),
        (
            # The total is the one that Keras prints for its example.
            "mnist-cnn",
            MNIST,
            conv(1, 32, 3) + conv(32, 64, 3) + dense(64 * 12 * 12, 128) + dense(128, 10),
            1_199_882,
        ),
        # Four poolings: 32 -> 16 -> 8 -> 4 -> 2 pixels a side.
        ("st-vgg", CIFAR, ST_VGG_CONVS + dense(256 * 2 * 2, 512) + dense(512, 10), 1_210_666),
        # Of the four, only three: 8 -> 4 -> 2 -> 1.
        (
            "st-vgg",
            DIGITS,
            ST_VGG_CONVS - 2 * 32 * 9 + dense(256 * 1 * 1, 512) + dense(512, 10),
            816_874,
        ),
        # Two poolings: 32 -> 16 -> 8.
        (
            "small-st-vgg",
            CIFAR,
            SMALL_ST_VGG_CONVS + dense(64 * 8 * 8, 128) + dense(128, 10),
            591_274,
        ),
        ("resnet18", CIFAR, RESNET18_KERNELS + RESNET18_NORMS + dense(512, 10), 11_173_962),
    ],
)
def test_parameters_counted_by_hand(name: str, shape: ImageShape, by_hand: int, total: int) -> None:
    with torch.device("meta"):
        network = build_model(name, shape, 10)
    assert sum(weights.numel() for weights in network.parameters()) == by_hand == total


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("mlp-tiny", "hidden output"),
        ("mlp", "hidden1 hidden2 hidden3 hidden4 hidden5 hidden6 hidden7 output"),
        ("mnist-cnn", "conv1 conv2 dense output"),
        ("st-vgg", "conv1 conv2 conv3 conv4 conv5 conv6 conv7 conv8 dense output"),
        ("small-st-vgg", "conv1 conv2 conv3 conv4 dense output"),
        (
            "resnet18",
            "stem stage1_block1 stage1_block2 stage2_block1 stage2_block2 "
            "stage3_block1 stage3_block2 stage4_block1 stage4_block2 output",
        ),
    ],
)
def test_a_hook_sees_each_block_before_its_activation(name: str, blocks: str) -> None:
    network = seeded(name).eval()
    seen: dict[str, Tensor] = {}
    at_the_time: dict[str, Tensor] = {}

    def probe(block: str) -> None:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            seen[block], at_the_time[block] = output, output.clone()

        network.blocks.get_submodule(block).register_forward_hook(hook)

    for block, _ in network.blocks.named_children():
        probe(block)
    logits = network(images(DIGITS, 5))

    assert " ".join(seen) == blocks
    assert torch.equal(seen["output"], logits)
    for block, output in seen.items():
        last = [*network.blocks.get_submodule(block).modules()][-1]
        assert not isinstance(last, nn.ReLU | nn.ELU | nn.MaxPool2d | nn.Dropout)
        assert output.min() < 0
        # An activation in place, in the next block, would change what this hook was given.
        assert torch.equal(output, at_the_time[block])


@pytest.mark.parametrize("name", sorted(MODELS))
def test_weights_follow_the_seed(name: str) -> None:
    def weights(seed: int) -> Tensor:
        return torch.cat([part.flatten() for part in seeded(name, seed=seed).parameters()])

    first = weights(1)
    assert torch.equal(first, weights(1))
    assert not torch.equal(first, weights(2))


@pytest.mark.parametrize("name", ["mlp", "mnist-cnn", "st-vgg", "small-st-vgg"])
def test_glorot_start(name: str) -> None:
    for layer in seeded(name).modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert layer.bias is not None
            assert not layer.bias.any()
            inputs, outputs = layer.weight[0].numel(), layer.weight.transpose(0, 1)[0].numel()
            bound = (6 / (inputs + outputs)) ** 0.5
            assert 0.9 * bound < layer.weight.abs().max() <= bound


def test_standardized_kernels() -> None:
    network = seeded("resnet18", CIFAR)
    kernels = [layer for layer in network.modules() if isinstance(layer, StandardizedConv2d)]
    assert len(kernels) == len([m for m in network.modules() if isinstance(m, nn.Conv2d)]) == 20
    for layer in kernels:
        used = layer.standardized().flatten(1)
        torch.testing.assert_close(used.mean(1), torch.zeros(len(used)), atol=1e-5, rtol=0)
        torch.testing.assert_close(used.var(1, correction=0), torch.ones(len(used)))


def test_standardization_hides_scale_and_shift_of_the_weights() -> None:
    torch.manual_seed(0)
    layer = StandardizedConv2d(4, 6, 3, padding=1, bias=False)
    inputs = images(ImageShape(4, 5, 5), 2)
    before = layer(inputs)
    with torch.no_grad():
        layer.weight.mul_(3).add_(0.5)
    torch.testing.assert_close(layer(inputs), before, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", ["mnist-cnn", "st-vgg", "small-st-vgg"])
def test_dropout_in_training_alone(name: str) -> None:
    network = seeded(name)
    batch = images(DIGITS, 4)
    assert not torch.equal(network(batch), network(batch))
    network.eval()
    assert torch.equal(network(batch), network(batch))


@pytest.mark.parametrize(("build", "convolutions"), [(st_vgg.build, 8), (st_vgg.build_small, 4)])
def test_st_vgg_dropout(build: Callable[..., Network], convolutions: int) -> None:
    def rates(network: nn.Module) -> list[float]:
        return [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)]

    assert rates(build(DIGITS, 10)) == [0.25] * (convolutions // 2) + [0.5]
    assert rates(build(DIGITS, 10, dropout=False)) == []


def test_even_kernels_are_padded_at_the_end() -> None:
    network = seeded("st-vgg", CIFAR)
    maps = network.blocks[:7](images(CIFAR, 1))
    # Three poolings come before the 2x2 kernels: 32 -> 16 -> 8 -> 4, and "same" keeps 4.
    assert maps.shape == (1, 256, 4, 4)
    padded, kernels = network.blocks.get_submodule("conv8")[1:]
    ones = torch.ones(1, 256, 3, 3)
    by_keras = nn.functional.conv2d(
        nn.functional.pad(ones, (0, 1, 0, 1)), kernels.weight, kernels.bias
    )
    assert torch.equal(kernels(padded(ones)), by_keras)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_one_step_lowers_the_loss_and_repeats_its_bits(name: str) -> None:
    batch, labels = images(DIGITS, 8), torch.arange(8)

    def step() -> tuple[float, float, Tensor]:
        # Without dropout the loss before and after is that of the same function.
        network = seeded(name).eval()
        optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
        before = cross_entropy(network(batch), labels)
        before.backward()
        optimizer.step()
        after = cross_entropy(network(batch), labels)
        return before.item(), after.item(), next(network.parameters()).detach()

    before, after, weights = step()
    assert after < before
    again = step()
    assert again[:2] == (before, after)
    assert torch.equal(again[2], weights)


# Baldock 2021 Table 1: learning rate, momentum, lengths of the sets of steps.
TABLE_1 = {
    ("resnet18", "svhn"): (4e-2, 0.95, [7000]),
    ("mlp", "svhn"): (4e-2, 0.9, [2500, 5500, 2000]),
    ("resnet18", "fashion-mnist"): (1e-2, 0.95, [4000, 3000]),
    ("mlp", "fashion-mnist"): (4e-2, 0.5, [10000, 2500]),
    ("resnet18", "cifar10"): (4e-2, 0.95, [7000]),
    ("mlp", "cifar10"): (2e-2, 0.9, [5000, 1250, 1000]),
    ("resnet18", "cifar100"): (1e-1, 0.95, [6000]),
    ("mlp", "cifar100"): (1e-1, 0.95, [2500, 6000, 1500]),
}


@pytest.mark.parametrize(("name", "dataset"), TABLE_1)
def test_recipes_of_002_table_1(name: str, dataset: str) -> None:
    lr, momentum, stages = TABLE_1[name, dataset]
    recipe = get_architecture(name).recipe(dataset)
    assert (recipe.optimizer, recipe.batch_size, recipe.weight_decay) == ("sgd", 256, 0.0)
    assert (recipe.lr, recipe.momentum) == (lr, momentum)
    assert recipe.length == Span(sum(stages), "step")
    if len(stages) == 1:
        assert recipe.decay is None
    else:
        assert recipe.decay is not None
        assert (recipe.decay.divisor, recipe.decay.every) == (5, None)
        ends = [0, *(drop.steps(steps_per_epoch=1) for drop in recipe.decay.at), sum(stages)]
        assert [end - start for start, end in pairwise(ends)] == stages


def test_table_1_is_all_that_differs_by_dataset() -> None:
    listed = {(name, dataset) for name, a in ARCHITECTURES.items() for dataset in a.by_dataset}
    assert listed == TABLE_1.keys()


@pytest.mark.parametrize("name", ["st-vgg", "small-st-vgg"])
def test_recipe_of_st_vgg(name: str) -> None:
    recipe = get_architecture(name).recipe("cifar10")
    assert (recipe.optimizer, recipe.batch_size, recipe.lr) == ("sgd", 100, 0.05)
    assert (recipe.momentum, recipe.weight_decay) == (0.0, 0.0)
    assert recipe.decay == StepDecay(divisor=1.8, every=Span(20, "epoch"))


def test_recipes_of_the_mnist_networks() -> None:
    assert get_architecture("mnist-cnn").recipe("mnist") == Recipe(
        length=Span(12, "epoch"), batch_size=100, optimizer="adadelta", lr=1.0
    )
    assert get_architecture("mlp-tiny").recipe("mnist") == Recipe(
        length=Span(30, "epoch"), batch_size=128, optimizer="sgd", lr=0.01
    )
