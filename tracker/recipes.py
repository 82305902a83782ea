"""The architectures by name, with the stock recipe of each for each dataset.

The networks themselves are in `workers.models`; this module needs no torch, so that the command
line can check a request without loading it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracker.errors import choice_error
from tracker.spans import Span
from tracker.specs import Recipe, StepDecay


@dataclass(frozen=True)
class Architecture:
    """A named network and how its paper trained it."""

    name: str
    summary: str
    source: str
    stock: Recipe
    """Recipe for every dataset without an own entry."""
    by_dataset: Mapping[str, Recipe] = field(default_factory=dict)

    def recipe(self, dataset: str) -> Recipe:
        """Stock recipe of this architecture for `dataset`."""
        return self.by_dataset.get(dataset, self.stock)


def _steps(lr: float, momentum: float, *stages: int) -> Recipe:
    """A recipe of Baldock 2021 Table 1: lr divided by 5 at each new set of steps.

    The divisor and the batch size are given with Table 3 (A.7), not with Table 1.
    """
    ends = [sum(stages[: i + 1]) for i in range(len(stages))]
    drops = tuple(Span(end, "step") for end in ends[:-1])
    return Recipe(
        length=Span(ends[-1], "step"),
        batch_size=256,
        optimizer="sgd",
        lr=lr,
        momentum=momentum,
        decay=StepDecay(divisor=5, at=drops) if drops else None,
    )


_ST_VGG = Recipe(
    # Hacohen 2019 names no length; its figures show 40 to 140 epochs.
    length=Span(100, "epoch"),
    batch_size=100,
    optimizer="sgd",
    lr=0.05,
    decay=StepDecay(divisor=1.8, every=Span(20, "epoch")),
)

ARCHITECTURES: Mapping[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        Architecture(
            name="mlp-tiny",
            summary="one hidden layer of 8 ReLU units (784-8-10 on MNIST)",
            source="Hu 2022",
            stock=Recipe(length=Span(30, "epoch"), batch_size=128, optimizer="sgd", lr=0.01),
        ),
        Architecture(
            name="mlp",
            summary="7 hidden layers of 2048 ReLU units",
            source="Baldock 2021 A.2.3",
            # Not in the paper: a length that suits small sets, at the paper's commonest rate.
            stock=Recipe(
                length=Span(30, "epoch"), batch_size=256, optimizer="sgd", lr=0.04, momentum=0.9
            ),
            by_dataset={
                "svhn": _steps(0.04, 0.9, 2500, 5500, 2000),
                "fashion-mnist": _steps(0.04, 0.5, 10000, 2500),
                "cifar10": _steps(0.02, 0.9, 5000, 1250, 1000),
                "cifar100": _steps(0.1, 0.95, 2500, 6000, 1500),
            },
        ),
        Architecture(
            name="mnist-cnn",
            summary="2 convolutions (32, 64), max-pooling, dense 128, dropout",
            source="Hacohen 2019 app. B",
            stock=Recipe(length=Span(12, "epoch"), batch_size=100, optimizer="adadelta", lr=1.0),
        ),
        Architecture(
            name="st-vgg",
            summary="8 convolutions (32 to 256), dense 512, dropout",
            source="Hacohen 2019 app. B",
            stock=_ST_VGG,
        ),
        Architecture(
            name="small-st-vgg",
            summary="4 convolutions (32, 32, 64, 64), dense 128, dropout",
            source="Hacohen 2019 app. B",
            stock=_ST_VGG,
        ),
        Architecture(
            name="resnet18",
            summary="ResNet-18 for 32x32 with GroupNorm and weight standardization",
            source="Baldock 2021 A.2.1",
            # Not in the paper: a length that suits small sets, at the paper's commonest rate.
            stock=Recipe(
                length=Span(30, "epoch"), batch_size=256, optimizer="sgd", lr=0.04, momentum=0.95
            ),
            by_dataset={
                "svhn": _steps(0.04, 0.95, 7000),
                "fashion-mnist": _steps(0.01, 0.95, 4000, 3000),
                "cifar10": _steps(0.04, 0.95, 7000),
                "cifar100": _steps(0.1, 0.95, 6000),
            },
        ),
    )
}


def get_architecture(name: str) -> Architecture:
    """The architecture called `name`.

    Raises
    ------
    UsageError
        If there is none, listing the names.
    """
    if name not in ARCHITECTURES:
        raise choice_error("architecture", name, ARCHITECTURES)
    return ARCHITECTURES[name]
