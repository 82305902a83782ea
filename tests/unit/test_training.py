"""The training loop: repeatable bits, evaluations where asked, learning rates, packing."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tracker.datasets import load_dataset
from tracker.holdout import parse_holdout
from tracker.outcomes import packing
from tracker.outcomes.writer import EvaluationRecord
from tracker.recipes import ARCHITECTURES, get_architecture
from tracker.schedule import Schedule
from tracker.spans import Span
from tracker.specs import EnsembleSpec, Probing, Recipe, Recording, StepDecay
from workers.data import TensorDataset, channel_statistics, to_device
from workers.optimizers import learning_rate
from workers.scoring import pack
from workers.state import TrainingState
from workers.training import DivergedError, train


@pytest.fixture(scope="module")
def digits() -> TensorDataset:
    return to_device(load_dataset("digits", examples=100), torch.device("cpu"))


def make_spec(arch: str = "mlp-tiny", *, every: str = "1epoch", initial: bool = False,
              **changes: object) -> EnsembleSpec:  # fmt: skip
    recipe = Recipe.model_validate({**dict(get_architecture("mlp-tiny").stock), **changes})
    return EnsembleSpec(
        dataset="digits",
        examples=100,
        arch=arch,
        recipe=recipe,
        recording=Recording(every=Span.parse(every), initial=initial),
    )


def trained(spec: EnsembleSpec, data: TensorDataset, seed: int) -> list[EvaluationRecord]:
    """Every evaluation of one undisturbed training."""
    return list(train(TrainingState(spec, data, seed)))


@pytest.mark.parametrize("arch", ["mlp-tiny", "mnist-cnn"])
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    arch: str, digits: TensorDataset
) -> None:
    """`mnist-cnn` has dropout, whose draws must repeat too."""
    spec = make_spec(arch, length="3epochs", batch_size=16, lr=0.1)
    one, same, other = (
        np.stack([record.packed for record in trained(spec, digits, seed)]) for seed in (7, 7, 8)
    )
    assert (one == same).all()
    assert (one != other).any()


@pytest.mark.parametrize("split", ["80:20", "parts:3"])
def test_only_what_is_not_held_out_is_trained_on(split: str, digits: TensorDataset) -> None:
    """Labels that are held out may be anything, and each of the others comes once an epoch."""
    spec = make_spec(length="3epochs", batch_size=16, lr=0.1).model_copy(
        update={"split": parse_holdout(split)}
    )
    held_out = spec.held_out(7, 100)
    state = TrainingState(spec, digits, 7)
    for _ in range(2):
        epoch = torch.cat(list(state.batches()))
        assert sorted(epoch.tolist()) == np.flatnonzero(~held_out).tolist()
    assert -(-len(epoch) // 16) == state.schedule.steps_per_epoch
    labels = digits.train.labels.clone()
    labels[torch.from_numpy(held_out)] = 0
    train_split = dataclasses.replace(digits.train, labels=labels)
    others = dataclasses.replace(digits, splits=digits.splits | {"train": train_split})
    one, other = (
        torch.cat([p.flatten() for p in trained_network(spec, data).parameters()])
        for data in (digits, others)
    )
    assert torch.equal(one, other)


def trained_network(spec: EnsembleSpec, data: TensorDataset) -> torch.nn.Module:
    state = TrainingState(spec, data, 7)
    list(train(state))
    return state.network


def test_what_is_held_out_depends_on_neither_weights_nor_order(digits: TensorDataset) -> None:
    """A run of a 90:10 split begins with the weights of the same seed trained on everything."""
    spec = make_spec()
    split = spec.model_copy(update={"split": parse_holdout("90:10")})
    whole, part = (TrainingState(one, digits, 7).network.state_dict() for one in (spec, split))
    assert all(torch.equal(whole[name], part[name]) for name in whole)


@pytest.mark.parametrize(
    ("arch", "changes"),
    [
        ("mnist-cnn", {"optimizer": "sgd", "momentum": 0.9, "lr": 0.1}),
        ("mlp-tiny", {"optimizer": "adadelta", "lr": 1.0}),
        ("mlp-tiny", {"optimizer": "adam", "lr": 0.01, "decay": {"divisor": 2, "every": "4steps"}}),
    ],
    ids=["momentum and dropout", "adadelta", "adam and decay"],
)
def test_going_on_from_any_evaluation_gives_the_same_bits(
    arch: str, changes: dict[str, object], digits: TensorDataset
) -> None:
    """Within an epoch, at its end, before the first step and after the last."""
    spec = make_spec(arch, length="3epochs", batch_size=16, every="5steps", initial=True, **changes)
    whole = TrainingState(spec, digits, 3)
    expected, kept = [], []
    for record in train(whole):
        expected.append(record)
        file = io.BytesIO()
        torch.save(whole.state_dict(), file)
        kept.append(file)
    assert len(expected) == 6
    for done, file in enumerate(kept, 1):
        file.seek(0)
        again = TrainingState(spec, digits, 3)
        torch.manual_seed(99)
        again.load_state_dict(torch.load(file, weights_only=True))
        rest = list(train(again))
        assert len(rest) == len(expected) - done
        for got, wanted in zip(rest, expected[done:], strict=True):
            assert (got.evaluation, got.step) == (wanted.evaluation, wanted.step)
            assert got.train_loss == wanted.train_loss
            assert (got.packed == wanted.packed).all()
        for name, tensor in again.network.state_dict().items():
            assert torch.equal(tensor, whole.network.state_dict()[name]), name


def test_recording_more_often_does_not_change_the_training(digits: TensorDataset) -> None:
    coarse = trained(make_spec("mnist-cnn", length="2epochs", batch_size=16), digits, 0)
    often = make_spec("mnist-cnn", length="2epochs", batch_size=16, every="1step", initial=True)
    fine = trained(often, digits, 0)
    assert (coarse[-1].packed == fine[-1].packed).all()
    assert [record.evaluation for record in fine] == list(range(15))
    assert fine[0].train_loss is None
    assert coarse[-1].train_loss == pytest.approx(np.mean([r.train_loss for r in fine[8:]]))


@pytest.mark.parametrize(
    ("length", "every", "initial", "steps", "first"),
    [
        ("2epochs", "1epoch", False, (7, 14), 1),
        ("2epochs", "5steps", False, (5, 10, 14), 1),
        ("10steps", "5steps", True, (0, 5, 10), 0),
        ("3steps", "1epoch", False, (3,), 1),
    ],
)
def test_evaluations_are_made_where_asked_and_at_the_end(
    length: str, every: str, initial: bool, steps: tuple[int, ...], first: int,
    digits: TensorDataset,
) -> None:  # fmt: skip
    spec = make_spec(length=length, batch_size=16, every=every, initial=initial)
    records = trained(spec, digits, 0)
    assert tuple(record.step for record in records) == steps
    assert [record.evaluation for record in records] == list(range(first, first + len(steps)))
    assert records[-1].epoch == pytest.approx(steps[-1] / 7)
    assert Schedule.of(spec, 100).evaluation_steps == steps


def test_outputs_are_of_the_last_evaluation_when_asked_for(digits: TensorDataset) -> None:
    spec = make_spec(length="3epochs", batch_size=16)
    asked = spec.model_copy(
        update={"recording": spec.recording.model_copy(update={"outputs": True})}
    )
    plain, told = trained(spec, digits, 0), trained(asked, digits, 0)
    assert [record.outputs is None for record in plain] == [True] * 3
    assert [record.outputs is None for record in told] == [True, True, False]
    outputs = told[-1].outputs
    assert outputs is not None
    assert outputs.shape == (200, 10)
    np.testing.assert_allclose(outputs.sum(1), 1, rtol=1e-5)
    labels = torch.cat([split.labels for split in digits.splits.values()]).numpy()
    right = np.packbits(outputs[:100].argmax(1) == labels[:100])
    assert (told[-1].packed[0, : len(right)] == right).all()
    assert (plain[-1].packed == told[-1].packed).all(), "recording changes nothing"


def test_probes_are_run_when_asked_for_and_change_nothing(digits: TensorDataset) -> None:
    spec = make_spec(length="4epochs", batch_size=16, lr=0.1)
    asked = spec.model_copy(update={"probe": Probing(every=3, votes=True)})
    plain, told, again = (trained(one, digits, 0) for one in (spec, asked, asked))
    assert [record.probes is None for record in plain] == [True] * 4
    assert [record.probes is None for record in told] == [True, True, False, False]
    assert all((one.packed == other.packed).all() for one, other in zip(plain, told, strict=True))
    for one, other in zip(told[2:], again[2:], strict=True):
        assert one.probes is not None
        assert other.probes is not None
        assert one.probes.layers == ("input", "hidden", "output", "softmax")
        assert one.probes.checksum == other.probes.checksum
        assert set(one.probes.accuracies) == {"trained_on", "test"}
    last = [sorted(record.signals) for record in (plain[-1], told[-2], told[-1])]
    always = ["confidence", "margin"]
    assert last == [always, always, ["confidence", "input_margin", "margin", "output_margin"]]


def test_every_architecture_trains(digits: TensorDataset) -> None:
    for arch in ARCHITECTURES:
        spec = make_spec(arch, length="1step", batch_size=4)
        assert len(trained(spec, digits, 0)) == 1, arch


def test_a_loss_that_is_not_finite_ends_the_training(digits: TensorDataset) -> None:
    with pytest.raises(DivergedError, match=r"after \d+ steps: lower --lr"):
        trained(make_spec(lr=1e30, length="5epochs"), digits, 0)


def test_learning_rates_fall_where_the_recipe_says() -> None:
    st_vgg = get_architecture("st-vgg").stock
    assert [learning_rate(st_vgg, 10 * epoch, 10) for epoch in (0, 19, 20, 40)] == pytest.approx(
        [0.05, 0.05, 0.05 / 1.8, 0.05 / 1.8**2]
    )
    mlp = get_architecture("mlp").recipe("cifar10")
    assert [learning_rate(mlp, step, 196) for step in (4999, 5000, 6249, 6250)] == pytest.approx(
        [0.02, 0.004, 0.004, 0.0008]
    )
    both = StepDecay(divisor=2, at=(Span(1, "epoch"),), every=Span(3, "step"))
    recipe = Recipe(length="9steps", batch_size=1, optimizer="sgd", lr=8, decay=both)
    assert [learning_rate(recipe, step, 2) for step in range(7)] == [8, 8, 4, 2, 2, 2, 1]


@given(
    st.integers(1, 70).flatmap(
        lambda size: st.tuples(
            st.lists(st.integers(0, 999), min_size=size, max_size=size),
            st.lists(st.integers(0, 999), min_size=size, max_size=size),
        )
    )
)
def test_packing_on_the_device_gives_the_same_bytes(
    classes: tuple[list[int], list[int]],
) -> None:
    predicted, labels = (np.array(column) for column in classes)
    packed = pack(torch.tensor(predicted), torch.tensor(labels), 10).numpy()
    assert (packed == packing.pack_outcomes(predicted, labels, 10)).all()


def test_images_are_normalized_by_the_training_split(digits: TensorDataset) -> None:
    images = digits.train.images
    assert images.mean().item() == pytest.approx(0, abs=1e-5)
    assert images.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    raw = torch.randint(0, 256, (50, 5, 4, 3), dtype=torch.uint8)
    mean, deviation = channel_statistics(raw)
    assert torch.allclose(mean, raw.double().mean((0, 1, 2)))
    assert torch.allclose(deviation, raw.double().std((0, 1, 2), correction=0))
