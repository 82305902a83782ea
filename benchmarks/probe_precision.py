"""How often votes of probes in lower precision are those in float64, for `make bench-probes`."""

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.tables import table
from tracker.datasets import load_dataset
from tracker.outcomes.packing import unpack_planes
from tracker.outcomes.probes import ProbeRecord
from tracker.recipes import get_architecture
from tracker.specs import EnsembleSpec
from workers.data import TensorDataset, to_device
from workers.probes import probe
from workers.scoring import score
from workers.state import TrainingState
from workers.training import train

AGREEMENT_EXAMPLES = 1_000


def trained_network(data: TensorDataset, arch: str, epochs: int) -> TrainingState:
    """A network after a short training on mnist5k."""
    recipe = get_architecture(arch).recipe("mnist5k")
    shorter = {**dict(recipe), "length": f"{epochs}epochs"}
    spec = EnsembleSpec.model_validate({"dataset": "mnist5k", "arch": arch, "recipe": shorter})
    state = TrainingState(spec, data, seed=0)
    for _ in train(state):
        pass
    return state


def votes_of(record: ProbeRecord, examples: int) -> NDArray[np.int64]:
    """Class that each probe gives each example of one split, [L, N]."""
    votes = record.votes if record.votes is not None else []
    return np.stack([unpack_planes(planes, examples) for planes in votes])


def agreement(device: torch.device) -> None:
    """Print how often votes of lower precision are those of float64, on a real network."""
    data = to_device(load_dataset("mnist5k", examples=AGREEMENT_EXAMPLES), device)
    data = TensorDataset(data.fingerprint, data.num_classes, {"train": data.train})
    state = trained_network(data, "small-st-vgg", epochs=5)
    predicted = score(state.network, data, ["margin"]).predicted
    names = ["float64", "float32", "tf32", "bfloat16"]
    records = {
        name: probe(state.network, data, state.trained_on, predicted, votes=True, precision=name)
        for name in names
    }
    votes = {name: votes_of(record, len(data.train)) for name, record in records.items()}
    layers = records["float64"].layers
    lines = [
        [name, *(f"{share:.2%}" for share in (votes[name] == votes["float64"]).mean(1))]
        for name in names[1:]
    ]
    print(
        "\nVotes that are those of float64, small-st-vgg after 5 epochs on "
        f"{AGREEMENT_EXAMPLES:,} examples of mnist5k, by layer."
    )
    if device.type == "cpu":
        print(
            "No GPU here: factors are rounded to the digits of tf32 and bfloat16, and multiplied "
            "and added in float32, as a GPU does."
        )
    print()
    print(table(["precision", *layers], lines))
