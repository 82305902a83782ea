"""Specs: what they accept, how they are stored and compared, and the schedule they mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tracker.datasets import LabelNoise
from tracker.ensembles import default_name
from tracker.errors import UsageError
from tracker.holdout import ShareHeldOut
from tracker.recipes import ARCHITECTURES, get_architecture
from tracker.schedule import Schedule
from tracker.spans import Span
from tracker.specs import (
    MAX_SEED,
    OPTIMIZERS,
    EnsembleSpec,
    Probing,
    Recipe,
    Recording,
    StepDecay,
    check_optimizer,
    seed_range,
)

spans = st.builds(Span, st.integers(1, 10_000), st.sampled_from(["epoch", "step"]))


def spec(**changes: Any) -> EnsembleSpec:
    """A spec; changes of the recipe and the recording by their names."""
    recipe: dict[str, Any] = {"length": "3epochs", "batch_size": 10, "optimizer": "sgd", "lr": 0.1}
    recorded = ("every", "initial", "signals", "outputs")
    recording = {name: changes.pop(name) for name in recorded if name in changes}
    whole = ("dataset", "arch", "examples", "label_noise", "split", "probe")
    outer = {name: changes.pop(name) for name in whole if name in changes}
    return EnsembleSpec(
        **({"dataset": "digits", "arch": "mlp-tiny"} | outer),
        recipe=Recipe(**(recipe | changes)),
        recording=Recording(**recording),
    )


# --- lengths of training --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1epoch", Span(1, "epoch")),
        ("20epochs", Span(20, "epoch")),
        ("1 epoch", Span(1, "epoch")),
        (" 50steps ", Span(50, "step")),
        ("1step", Span(1, "step")),
        (Span(2, "step"), Span(2, "step")),
    ],
)
def test_spans(text: object, span: Span) -> None:
    assert Span.parse(text) == span


@pytest.mark.parametrize(
    "text", ["", "5", "epochs", "0epochs", "-1epoch", "1.5epochs", "1 year", "1epochsteps", 5, None]
)
def test_other_lengths_are_refused(text: object) -> None:
    with pytest.raises(UsageError, match=r"not a length of training: .*; write 1epoch"):
        Span.parse(text)


@given(span=spans)
def test_spans_come_back_from_text(span: Span) -> None:
    assert Span.parse(str(span)) == span


def test_spans_in_steps() -> None:
    assert Span(3, "epoch").steps(40) == 120
    assert Span(3, "step").steps(40) == 3
    assert [str(Span(1, "epoch")), str(Span(2, "epoch"))] == ["1epoch", "2epochs"]


# --- validation -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 0},
        {"lr": 0},
        {"lr": -1},
        {"momentum": -0.1},
        {"weight_decay": -0.1},
        {"optimizer": "lion"},
        {"length": "0epochs"},
        {"length": "soon"},
        {"every": "often"},
        {"examples": 0},
        {"learning_rate": 0.1},
        {"decay": {"divisor": 0}},
        {"signals": ["los"]},
        {"signals": [3]},
        {"signals": "loss"},
    ],
)
def test_values_are_checked(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        spec(**change)


def test_specs_are_frozen() -> None:
    one = spec()
    with pytest.raises(ValidationError, match="frozen"):
        one.arch = "mlp"
    with pytest.raises(ValidationError, match="frozen"):
        one.recipe.lr = 1.0


def test_unknown_optimizers_list_the_choices() -> None:
    assert [check_optimizer(name) for name in OPTIMIZERS] == list(OPTIMIZERS)
    with pytest.raises(UsageError, match="unknown optimizer 'lion': choose one of sgd, adadelta"):
        check_optimizer("lion")


# --- storing and comparing ------------------------------------------------------------------------


def test_spec_comes_back_from_json() -> None:
    decay = StepDecay(divisor=5, at=("2epochs", "30steps"), every="4epochs")
    one = spec(examples=256, decay=decay, every="50steps", initial=True)
    stored = json.loads(json.dumps(one.model_dump(mode="json")))
    assert EnsembleSpec.model_validate(stored) == one
    assert EnsembleSpec.model_validate(stored).digest == one.digest
    assert stored["recipe"]["length"] == "3epochs"
    assert stored["recording"] == {"every": "50steps", "initial": True}


def test_a_split_is_stored_as_it_is_written() -> None:
    one = spec(split="90:10")
    assert one == spec(split=ShareHeldOut(10))
    assert one.model_dump(mode="json")["split"] == "90:10"
    assert EnsembleSpec.model_validate(one.model_dump(mode="json")) == one
    assert one.held_out(3, 50).sum() == 50 - one.trained_on(50) == 5
    assert spec(split="full") == spec()
    assert spec().trained_on(50) == 50
    assert not spec().held_out(3, 50).any()
    with pytest.raises(ValidationError, match="unknown split 'half'"):
        spec(split="half")


def test_specs_from_before_signals_are_those_without() -> None:
    """As version 0.1 stored it, with the digest it had."""
    stored = json.loads(
        '{"arch": "mlp-tiny", "recipe": {"lr": 0.01, "decay": null, "length": "30epochs", '
        '"momentum": 0.0, "optimizer": "sgd", "batch_size": 128, "weight_decay": 0.0}, '
        '"dataset": "mnist5k", "version": 1, "examples": null, '
        '"recording": {"every": "1epoch", "initial": false}}'
    )
    old = EnsembleSpec.model_validate(stored)
    new = EnsembleSpec(
        dataset="mnist5k",
        arch="mlp-tiny",
        recipe=get_architecture("mlp-tiny").stock,
        recording=Recording(signals=()),
    )
    assert old == new
    assert old.first_difference(new) is None
    assert old.model_dump(mode="json") == new.model_dump(mode="json") == stored
    assert (
        old.digest
        == new.digest
        == ("e5e2723db40b143eaf70f198e508ab2449f4ce963639fbaa1e5182c0ad517891")
    )


def test_signals_are_stored_sorted_each_once() -> None:
    one, other = spec(signals=["loss", "el2n", "loss"]), spec(signals=("el2n", "loss"))
    assert one == other
    assert one.digest == other.digest != spec().digest
    stored = json.loads(json.dumps(one.model_dump(mode="json")))
    assert stored["recording"]["signals"] == ["el2n", "loss"]
    assert EnsembleSpec.model_validate(stored) == one


def test_label_noise_is_stored_by_its_name() -> None:
    one = spec(label_noise="noise0.4")
    assert one == spec(label_noise=LabelNoise(0.4))
    assert one.model_dump(mode="json")["label_noise"] == "noise0.4"
    assert EnsembleSpec.model_validate(one.model_dump(mode="json")) == one
    with pytest.raises(ValidationError, match="not a label noise: 'much'"):
        spec(label_noise="much")


def test_specs_from_before_a_field_keep_their_digest() -> None:
    assert set(spec().model_dump()) == {
        *("version", "dataset", "examples", "arch", "recipe", "recording"),
    }
    assert spec().digest == "51927426f7fb461ed357108dba464e405ff735ab6cc0f80570c0d72b82bd3e22"


def test_every_stock_recipe_comes_back_from_json() -> None:
    for architecture in ARCHITECTURES.values():
        for recipe in (architecture.stock, *architecture.by_dataset.values()):
            assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_digest_depends_on_what_is_trained_alone() -> None:
    assert spec().digest == spec(momentum=0.0, every="1 epoch", length=" 3epochs").digest
    assert spec(lr=1).digest == spec(lr=1.0).digest
    assert len(spec().digest) == 64


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"arch": "mlp"}, "arch: mlp-tiny, not mlp"),
        ({"dataset": "mnist5k"}, "dataset: digits, not mnist5k"),
        ({"examples": 9}, "examples: None, not 9"),
        ({"label_noise": "noise0.4"}, "label_noise: None, not noise0.4"),
        ({"split": "90:10"}, "split: None, not 90:10"),
        ({"lr": 0.2}, "recipe.lr: 0.1, not 0.2"),
        ({"length": "4epochs"}, "recipe.length: 3 epochs, not 4 epochs"),
        ({"every": "2epochs"}, "recording.every: 1 epoch, not 2 epochs"),
        ({"initial": True}, "recording.initial: False, not True"),
        ({"signals": ["loss"]}, "recording.signals: None, not ['loss']"),
        ({"decay": {"divisor": 2, "every": "1epoch"}}, "recipe.decay: None, not {'divisor': 2.0"),
    ],
)
def test_differences_are_named(change: dict[str, Any], difference: str) -> None:
    other = spec(**change)
    found = spec().first_difference(other)
    assert found is not None
    assert found.startswith(difference)
    assert other.digest != spec().digest


def test_no_difference() -> None:
    assert spec().first_difference(spec()) is None


def test_a_subset_is_a_dataset_of_its_own() -> None:
    assert spec().dataset_name == "digits"
    assert spec(examples=256).dataset_name == "digits-256"
    assert spec(examples=256, label_noise="random").dataset_name == "digits-256-random"


# --- schedules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "size", "schedule"),
    [
        # 3 epochs of 3 steps, the last of each with 5 examples.
        ({}, 25, Schedule(3, 9, (3, 6, 9), 1)),
        ({"initial": True}, 25, Schedule(3, 9, (0, 3, 6, 9), 0)),
        ({"every": "2steps"}, 25, Schedule(3, 9, (2, 4, 6, 8, 9), 1)),
        ({"every": "9steps"}, 25, Schedule(3, 9, (9,), 1)),
        ({"every": "100epochs"}, 25, Schedule(3, 9, (9,), 1)),
        ({"every": "2epochs", "initial": True}, 25, Schedule(3, 9, (0, 6, 9), 0)),
        ({"length": "4steps"}, 25, Schedule(3, 4, (3, 4), 1)),
        ({"length": "1step"}, 25, Schedule(3, 1, (1,), 1)),
        # A batch larger than the training set is the training set.
        ({"batch_size": 100}, 25, Schedule(1, 3, (1, 2, 3), 1)),
        ({}, 1, Schedule(1, 3, (1, 2, 3), 1)),
        # Steps are those of the examples trained on: 20 of 25, and 12 of each half.
        ({"split": "80:20"}, 25, Schedule(2, 6, (2, 4, 6), 1)),
        ({"split": "parts:2", "batch_size": 4}, 25, Schedule(3, 9, (3, 6, 9), 1)),
    ],
)
def test_schedules_by_hand(change: dict[str, Any], size: int, schedule: Schedule) -> None:
    found = Schedule.of(spec(**change), size)
    assert found == schedule
    assert found.evaluations == len(schedule.evaluation_steps)


@given(
    length=st.builds(Span, st.integers(1, 20), st.sampled_from(["epoch", "step"])),
    every=spans,
    initial=st.booleans(),
    batch_size=st.integers(1, 50),
    size=st.integers(1, 200),
)
def test_every_schedule_ends_with_an_evaluation(
    length: Span, every: Span, initial: bool, batch_size: int, size: int
) -> None:
    one = spec(length=length, every=every, initial=initial, batch_size=batch_size)
    schedule = Schedule.of(one, size)
    steps = list(schedule.evaluation_steps)
    assert steps == sorted(set(steps))
    assert steps[-1] == schedule.total_steps == length.steps(schedule.steps_per_epoch)
    assert (steps[0] == 0) == initial == (schedule.first_evaluation == 0)
    assert (schedule.steps_per_epoch - 1) * batch_size < size
    assert schedule.steps_per_epoch * batch_size >= size
    # The papers' e: with one evaluation an epoch, evaluation e is made after e epochs.
    if every == Span(1, "epoch") and length.unit == "epoch":
        assert steps[-1] == (len(steps) - initial) * schedule.steps_per_epoch


# --- seeds and names ------------------------------------------------------------------------------


def test_seeds() -> None:
    assert list(seed_range(3, 5)) == [5, 6, 7]
    assert list(seed_range(1, MAX_SEED)) == [MAX_SEED]
    with pytest.raises(UsageError, match="--seeds must be at least 1, got 0"):
        seed_range(0, 0)
    for seeds, start in ((1, -1), (2, MAX_SEED), (1, MAX_SEED + 1)):
        with pytest.raises(UsageError, match=f"between 0 and {MAX_SEED}, got "):
            seed_range(seeds, start)


def test_unknown_architectures_list_the_choices() -> None:
    for name, architecture in ARCHITECTURES.items():
        assert get_architecture(name) is architecture
        assert architecture.name == name
    with pytest.raises(UsageError, match="unknown architecture 'vit': choose one of mlp-tiny, mlp"):
        get_architecture("vit")
    one = get_architecture("resnet18")
    assert one.recipe("cifar10") is one.by_dataset["cifar10"]
    assert one.recipe("digits") is one.stock


# --- probes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "votes", "probing"),
    [
        ("none", False, None),
        ("final", False, Probing()),
        (" final ", True, Probing(votes=True)),
        ("every:5", False, Probing(every=5)),
        ("every:12", True, Probing(every=12, votes=True)),
    ],
)
def test_probing_is_parsed(text: str, votes: bool, probing: Probing | None) -> None:
    assert Probing.parse(text, votes=votes) == probing


@pytest.mark.parametrize("text", ["", "always", "every", "every:0", "every:-1", "every:2epochs"])
def test_other_probing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--probe '.*': write final, every:K \(evaluations\)"):
        Probing.parse(text)


def test_votes_need_a_probe() -> None:
    with pytest.raises(UsageError, match="--probe-votes needs --probe final"):
        Probing.parse("none", votes=True)


def test_probed_are_the_multiples_and_the_last() -> None:
    due = [
        [probing.due(e, last=e == 7) for e in range(8)] for probing in (Probing(), Probing(every=3))
    ]
    assert due == [[e == 7 for e in range(8)], [e in (0, 3, 6, 7) for e in range(8)]]


def test_probing_is_part_of_the_digest_and_the_name() -> None:
    plain, probed = spec(), spec(probe=Probing(every=3, votes=True))
    assert "probe" not in plain.model_dump(mode="json")
    assert plain.digest != probed.digest
    assert EnsembleSpec.model_validate_json(probed.model_dump_json()) == probed
    assert default_name(probed) == f"{default_name(plain)}-probe3+votes"
    assert default_name(spec(probe=Probing())) == f"{default_name(plain)}-probe"
