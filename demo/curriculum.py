"""An ordinary PyTorch loop, with and without `CurriculumSampler`, at equal numbers of steps.

The curriculum takes its order from the ensemble that the demo has trained. Hacohen 2020 s.7
reports that such an order did not help its networks; this prints what comes out here.
"""

import hashlib
import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, Sampler

from tracker import CurriculumSampler
from tracker.datasets import load_split

ENSEMBLE = "mnist5k-mlp-tiny"
EPOCHS, STEPS_PER_POINT, BATCH = 30, 75, 128
FOLDER = Path(__file__).parent

train_set = load_split("mnist5k", "train")
test_set = load_split("mnist5k", "test")


def make_sampler(kind: str) -> Sampler[int]:
    """The sampler of one arm of the comparison."""
    if kind == "shuffled":
        return RandomSampler(train_set, generator=torch.Generator().manual_seed(0))
    return CurriculumSampler(
        train_set, ensemble=ENSEMBLE, order="easy-first", pacing="root", grow=0.8, epochs=EPOCHS
    )


def accuracy(network: nn.Module) -> float:
    """Share of the test split that the network classifies correctly."""
    images, labels = next(iter(DataLoader(test_set, batch_size=len(test_set))))
    with torch.inference_mode():
        return float((network(images).argmax(1) == labels).float().mean())


def train(kind: str, steps: int) -> list[tuple[int, float]]:
    """Train one network for `steps` steps; (step, test accuracy) along the way."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    sampler, curve, step, epoch = make_sampler(kind), [], 0, 0
    while True:
        if isinstance(sampler, CurriculumSampler):
            sampler.set_epoch(epoch)
        for images, labels in DataLoader(train_set, batch_size=BATCH, sampler=sampler):
            loss = nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % STEPS_PER_POINT == 0:
                curve.append((step, accuracy(network)))
            if step == steps:
                return curve
        epoch += 1


def main() -> None:
    """Train both arms, or reuse their curves, and print them side by side."""
    # The curves belong to one order of the examples: another ensemble gives another file.
    order = make_sampler("easy-first").ranking.tobytes()
    stored = FOLDER / (f"curves-{hashlib.sha256(order).hexdigest()[:12]}.json")
    if stored.exists():
        print(f"reusing {stored.name}: delete it to train again")
        curves = json.loads(stored.read_text())
    else:
        curves = {kind: train(kind, steps=600) for kind in ("easy-first", "shuffled")}
        partial = stored.with_suffix(".part")
        partial.write_text(json.dumps(curves))
        partial.replace(stored)
    print("test accuracy of one network each\n step  easy-first  shuffled")
    for (step, curriculum), (_, shuffled) in zip(*curves.values(), strict=True):
        print(f"{step:5d}  {curriculum:10.3f}  {shuffled:8.3f}")
    print("One seed each. Hacohen 2020 s.7 too found that such an order alone does not help.")


if __name__ == "__main__":
    sys.exit(main())
