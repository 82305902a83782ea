"""Arms beside their control: means, spread and paired tests from known accuracies."""

import pytest

from tracker.curriculum.arms import (
    WITHOUT_SUSPECTS,
    check_conditions,
    make_arms,
    make_conditions,
    short_length,
)
from tracker.curriculum.comparison import compare_arms
from tracker.datasets import LabelNoise
from tracker.errors import TrackerError, UsageError
from tracker.recipes import get_architecture
from tracker.spans import Span
from tracker.specs import EnsembleSpec

CLEAN = EnsembleSpec(dataset="mnist5k", arch="mlp-tiny", recipe=get_architecture("mlp-tiny").stock)
NOISY = CLEAN.model_copy(update={"label_noise": LabelNoise(0.4)})
NAMES = {"shuffled": "plain", "easy-first": "curriculum"}


def test_arms_are_compared_seed_by_seed() -> None:
    control = {0: 0.5, 1: 0.6, 2: 0.7, 3: 0.9}
    arm = {3: 0.8, 0: 0.7, 1: 0.7, 2: 0.8, 4: 0.0}
    plain, ordered = compare_arms({"shuffled": control, "easy-first": arm}, NAMES, range(4))
    assert (plain.arm, plain.ensemble, plain.seeds) == ("shuffled", "plain", 4)
    assert (plain.difference, plain.better, plain.p_value) == (None, None, None)
    assert plain.mean == pytest.approx(0.675)
    assert ordered.mean == pytest.approx(0.75)
    assert ordered.deviation == pytest.approx((0.01 / 3) ** 0.5)
    assert ordered.difference == pytest.approx(0.075)
    assert ordered.better == 3
    # Of the 16 signs of 0.2, 0.1, 0.1, -0.1: sums as far as 0.3 are 5 on either side.
    assert ordered.p_value == 10 / 16 - 2 / 16


def test_a_single_seed_has_no_spread_and_a_missing_one_is_named() -> None:
    [plain] = compare_arms({"shuffled": {0: 0.5}}, NAMES, range(1))
    assert plain.deviation is None
    with pytest.raises(TrackerError, match="easy-first: no complete run of seed 1"):
        compare_arms({"shuffled": {0: 1, 1: 1}, "easy-first": {0: 1}}, NAMES, range(2))


def test_a_short_training_is_shorter_than_the_whole() -> None:
    def of(length: Span) -> EnsembleSpec:
        recipe = CLEAN.recipe.model_copy(update={"length": length})
        return CLEAN.model_copy(update={"recipe": recipe})

    assert [short_length(of(Span(epochs, "epoch")), None).count for epochs in (2, 5, 6, 30)] == [
        1, 4, 5, 5,
    ]  # fmt: skip
    assert short_length(of(Span(3, "epoch")), 2) == Span(2, "epoch")
    for epochs, asked, message in (
        (3, 3, "--short 3 is not shorter .* of 3 epochs: choose at most 2, or leave short out"),
        (1, None, "no --short is shorter than the whole training of 1 epoch: leave short out"),
    ):
        with pytest.raises(UsageError, match=message):
            short_length(of(Span(epochs, "epoch")), asked)
    assert short_length(of(Span(10_000, "step")), None) == Span(5, "epoch")


def test_conditions_say_what_is_trained_and_what_gives_the_scores() -> None:
    clean, noise, short = make_conditions(
        ("clean", "noise", "short"), CLEAN, NOISY, Span(3, "epoch")
    )
    assert (clean.spec, clean.reference) == (CLEAN, CLEAN)
    assert (noise.spec, noise.reference) == (NOISY, NOISY)
    assert short.reference == CLEAN
    assert CLEAN.first_difference(short.spec) == "recipe.length: 30 epochs, not 3 epochs"
    arms = make_arms(noise, "reference", "root", 0.2, 0.8)
    assert list(arms) == ["shuffled", "easy-first", "hard-first", "random", WITHOUT_SUSPECTS]
    assert list(make_arms(clean, "reference", "root", 0.2, 0.8)) == list(arms)[:-1]
    assert arms["shuffled"] is None
    for name, options in arms.items():
        if options is not None:
            assert options.curriculum(30).order == name.replace(WITHOUT_SUSPECTS, "shuffled")
            assert options.drop_suspected == (name == WITHOUT_SUSPECTS)


def test_unknown_conditions_are_refused_with_the_choices() -> None:
    assert check_conditions(["short", "clean", "short"]) == ("clean", "short")
    with pytest.raises(UsageError, match="unknown condition 'dirty': choose one of clean, noise"):
        check_conditions(["dirty"])
    with pytest.raises(UsageError, match="no condition: choose from clean, noise, short"):
        check_conditions([])
