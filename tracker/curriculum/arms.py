"""What `tracker curriculum compare` trains: conditions, and in each the ways to order training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracker.curriculum.comparison import CONTROL
from tracker.curriculum.training import CurriculumOptions
from tracker.datasets import get_dataset_info
from tracker.errors import UsageError, choice_error
from tracker.schedule import Schedule
from tracker.spans import Span
from tracker.specs import EnsembleSpec

CONDITIONS: Mapping[str, str] = {
    "clean": "the labels as they are",
    "noise": "a share of the training labels is wrong",
    "short": "a short training, by scores of the whole one",
}
"""Wu et al. 2021 find curricula to help with noisy labels and in short trainings only."""

WITHOUT_SUSPECTS = "without suspects"
"""No curriculum, but without the examples that the view suspected_label_errors names."""

REFERENCE_SEEDS = 1000
"""First seed of the networks that give the scores: none of them is compared."""


SHORT_EPOCHS = 5
"""Of a short training, if nothing else is said and the whole one is longer."""


@dataclass(frozen=True)
class Condition:
    """One dataset and recipe under which all arms are trained."""

    name: str
    spec: EnsembleSpec
    """Of the arms, without a curriculum."""
    reference: EnsembleSpec
    """Of the ensemble that gives the scores."""


def check_conditions(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once, in the order of `CONDITIONS`; `UsageError` if one is not there."""
    for name in names:
        if name not in CONDITIONS:
            raise choice_error("condition", name, CONDITIONS)
    if not names:
        raise UsageError(f"no condition: choose from {', '.join(CONDITIONS)}")
    return tuple(name for name in CONDITIONS if name in names)


def short_length(whole: EnsembleSpec, epochs: int | None) -> Span:
    """So many epochs, or a few if none are given: fewer than the whole training has.

    Raises
    ------
    UsageError
        If the whole training is no longer.
    """
    size = get_dataset_info(whole.dataset).sizes["train"]
    schedule = Schedule.of(whole, min(size, whole.examples or size))
    longest = (schedule.total_steps - 1) // schedule.steps_per_epoch
    if longest < (epochs or 1):
        asked = "no --short is" if epochs is None else f"--short {epochs} is not"
        choice = f"choose at most {longest}, or " if longest else ""
        raise UsageError(
            f"{asked} shorter than the whole training of {whole.recipe.length.words}: {choice}"
            "leave short out of --conditions"
        )
    return Span(epochs or min(SHORT_EPOCHS, longest), "epoch")


def make_conditions(
    names: Sequence[str], clean: EnsembleSpec, noisy: EnsembleSpec, short: Span
) -> list[Condition]:
    """The conditions of these names: correct labels, wrong labels, and trainings of `short`."""
    brief = clean.model_copy(update={"recipe": clean.recipe.model_copy(update={"length": short})})
    every = {
        "clean": Condition("clean", clean, clean),
        "noise": Condition("noise", noisy, noisy),
        "short": Condition("short", brief, clean),
    }
    return [every[name] for name in names]


def make_arms(
    condition: Condition, reference: str, pacing: str, start: float, grow: float
) -> dict[str, CurriculumOptions | None]:
    """Each arm's curriculum, by name; None of the control, the plain recipe."""
    arms: dict[str, CurriculumOptions | None] = {CONTROL: None}
    for order in ("easy-first", "hard-first", "random"):
        arms[order] = CurriculumOptions(order, (reference,), pacing=pacing, start=start, grow=grow)
    if condition.name == "noise":
        arms[WITHOUT_SUSPECTS] = CurriculumOptions(CONTROL, (reference,), drop_suspected=True)
    return arms
