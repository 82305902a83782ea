"""The order of a run under a curriculum: equal steps, its own seed, only what it trains on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tracker.cli.curriculum_options import curriculum_options
from tracker.curriculum.plan import Examples
from tracker.curriculum.training import CurriculumOptions, RunOrder
from tracker.errors import UsageError
from tracker.recipes import get_architecture
from tracker.spans import Span
from tracker.specs import CurriculumSpec, EnsembleSpec, Recording
from workers.data import TensorDataset, TensorSplit
from workers.state import TrainingState
from workers.training import train

EASY_FIRST = CurriculumOptions("easy-first", ("reference",), pacing="root", start=0.25, grow=0.5)


def spec_of(options: CurriculumOptions) -> CurriculumSpec:
    parameters = options.curriculum().as_json()
    del parameters["seed"], parameters["epochs"]
    return CurriculumSpec(parameters=parameters, source={}, snapshot="00")


def order_of(
    options: CurriculumOptions, examples: Examples, seed: int = 0, **others: object
) -> RunOrder:
    return RunOrder(spec_of(options), examples, seed=seed, epochs=8, **others)  # type: ignore[arg-type]


@given(st.integers(1, 200), st.integers(0, 9), st.integers(0, 5))
def test_an_epoch_is_as_long_as_without_a_curriculum(size: int, epoch: int, seed: int) -> None:
    scores = np.random.default_rng(size).random(size)
    order = order_of(EASY_FIRST, Examples(scores), seed)
    indices = order.indices(epoch)
    assert len(indices) == size
    # The pool is passed through again and again: no example is twice ahead of another.
    counts = np.bincount(indices, minlength=size)
    pool = counts > 0
    assert counts[pool].max() - counts[pool].min() <= 1
    assert scores[pool].min() >= np.sort(scores)[size - pool.sum()]
    assert pool.all() or epoch < 4
    np.testing.assert_array_equal(
        indices, order_of(EASY_FIRST, Examples(scores), seed).indices(epoch)
    )


def test_runs_differ_in_their_order_and_epochs_too() -> None:
    examples = Examples(np.zeros(50))
    orders = {
        tuple(order_of(EASY_FIRST, examples, seed).indices(epoch).tolist())
        for seed in range(4)
        for epoch in range(4)
    }
    assert len(orders) == 16


def test_only_what_a_run_trains_on_takes_part_and_fills_its_epoch() -> None:
    weights = np.ones(10)
    weights[[0, 1]] = 0
    trained = np.array([1, 2, 3, 5, 8, 9])
    examples = Examples(np.arange(10.0), weights=weights)
    for options in (EASY_FIRST, CurriculumOptions("shuffled", ("reference",))):
        for epoch in range(8):
            indices = order_of(options, examples, trained=trained).indices(epoch)
            assert len(indices) == 6, "1 is left out, but its step is not"
            assert set(indices.tolist()) <= {2, 3, 5, 8, 9}
    assert set(indices.tolist()) == {2, 3, 5, 8, 9}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": "easy"}, "unknown order 'easy': choose one of easy-first"),
        ({"pacing": "cubic"}, "unknown pacing 'cubic'"),
        ({"score": "beauty"}, "which end of 'beauty' is easy. Give --easy high or --easy low"),
        ({"easy": "hihg"}, "unknown easy 'hihg': choose one of high, low"),
        ({"easy": "hihg", "order": "random"}, "unknown easy 'hihg'"),
        ({"start": 1.5}, "start must lie between 0 and 1"),
        ({"order": "shuffled"}, "pacing has no effect on order 'shuffled'"),
    ],
)
def test_options_that_are_wrong_or_without_effect(changes: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(EASY_FIRST, **changes).curriculum()  # type: ignore[arg-type]


def test_which_end_is_easy_can_wait_for_the_database_and_be_said() -> None:
    unknown = replace(EASY_FIRST, score="beauty")
    unknown.check()
    for wrong in ({"easy": "hihg"}, {"start": 1.5}, {"order": "easy"}):
        with pytest.raises(UsageError):
            replace(unknown, **wrong).check()  # type: ignore[arg-type]
    assert replace(unknown, easy="low").curriculum().easy == "low"
    assert replace(EASY_FIRST, easy="low").curriculum().easy == "low", "known, and said otherwise"
    said = curriculum_options("easy-first", "a", "beauty", "low", None, None, None, False, False)
    assert said is not None
    assert said.curriculum().easy == "low"
    assert curriculum_options("easy-first", "a", "beauty", None, None, None, None, False, False)
    with pytest.raises(UsageError, match="--easy needs --curriculum beside it"):
        curriculum_options(None, None, None, "low", None, None, None, False, False)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("easy", "unknown order 'easy': choose one of easy-first"),
        ("easy-first", "--curriculum easy-first needs --curriculum-scores"),
    ],
)
def test_an_order_is_known_before_its_scores_are_asked_for(order: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        curriculum_options(order, None, None, None, None, None, None, False, False)


# --- in training ----------------------------------------------------------------------------------


def dataset() -> TensorDataset:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(50, 1, 8, 8, generator=generator)
    split = TensorSplit(images, (images.mean((1, 2, 3)) > 0).long())
    return TensorDataset("", 2, {"train": split})


def state_of(curriculum: CurriculumSpec | None, examples: Examples | None) -> TrainingState:
    recipe = get_architecture("mlp-tiny").stock
    spec = EnsembleSpec(
        dataset="d",
        arch="mlp-tiny",
        recipe=recipe.model_copy(update={"length": Span(3, "epoch"), "batch_size": 16}),
        curriculum=curriculum,
        recording=Recording(every=Span(3, "step")),
    )
    return TrainingState(spec, dataset(), 0, examples)


def test_training_takes_the_batches_of_the_plan_also_from_the_middle_of_an_epoch() -> None:
    examples = Examples(np.arange(50.0))
    curriculum = spec_of(EASY_FIRST)
    whole = state_of(curriculum, examples)
    planned = [RunOrder(curriculum, examples, seed=0, epochs=3).indices(e) for e in range(3)]
    sizes = [len(batch) for batch in whole.batches()]
    assert sizes == [16, 16, 16, 2]
    assert whole.schedule.total_steps == state_of(None, None).schedule.total_steps == 12

    whole = state_of(curriculum, examples)
    records, kept = [], None
    for record in train(whole):
        records.append(record)
        if record.step == 6:
            kept = whole.state_dict()
            kept = {**kept, "network": {k: v.clone() for k, v in kept["network"].items()}}
    resumed = state_of(curriculum, examples)
    assert kept is not None
    resumed.load_state_dict(kept)
    again = list(train(resumed))
    assert [record.step for record in again] == [9, 12]
    for one, other in zip(records[2:], again, strict=True):
        np.testing.assert_array_equal(one.packed, other.packed)
        assert one.train_loss == other.train_loss

    shown = state_of(curriculum, examples)
    batches = []
    for _ in range(3):
        for batch in shown.batches():
            batches.append(batch)
            shown.step += 1
    np.testing.assert_array_equal(torch.cat(batches).numpy(), np.concatenate(planned))
