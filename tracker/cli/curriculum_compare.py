"""`tracker curriculum compare`: what an order of the examples gains, at equal steps."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text
from sqlalchemy import Engine

from tracker.cli import output
from tracker.cli.output import table
from tracker.cli.queueing import queue_ensemble
from tracker.cli.session import open_engine
from tracker.cli.training import train_queued
from tracker.curriculum.arms import (
    CONDITIONS,
    REFERENCE_SEEDS,
    SHORT_EPOCHS,
    Condition,
    check_conditions,
    make_arms,
    make_conditions,
    short_length,
)
from tracker.curriculum.comparison import ArmResult, compare_arms, final_accuracy
from tracker.curriculum.pacing import PACING, check_pacing
from tracker.datasets import LabelNoise, get_dataset_info
from tracker.ensembles import Enqueued, default_name
from tracker.errors import UsageError
from tracker.recipes import get_architecture
from tracker.settings import Settings, get_settings
from tracker.spans import Span
from tracker.specs import EnsembleSpec, seed_range


def compare(
    dataset: Annotated[str, typer.Option(help="Dataset; see `tracker datasets`.")] = "mnist5k",
    arch: Annotated[str, typer.Option(help="Architecture; see `tracker archs`.")] = "mlp-tiny",
    seeds: Annotated[int, typer.Option(help="Networks of each arm.")] = 10,
    conditions: Annotated[str, typer.Option(help=f"Some of {','.join(CONDITIONS)}.")] = ",".join(
        CONDITIONS
    ),
    label_noise: Annotated[float, typer.Option(help="Share of wrong labels under noise.")] = 0.4,
    epochs: Annotated[int | None, typer.Option(help="Length of training.")] = None,
    short: Annotated[
        int | None,
        typer.Option(
            help=f"Epochs of a short training; {SHORT_EPOCHS}, or one less than the whole has."
        ),
    ] = None,
    pacing: Annotated[str, typer.Option(help=f"How the pool grows: {', '.join(PACING)}.")] = "root",
    start: Annotated[float, typer.Option(help="First share of the examples in the pool.")] = 0.2,
    grow: Annotated[
        float,
        typer.Option(help="Share of training over which the pool grows; 0: all are in it at once."),
    ] = 0.8,
    reference_seeds: Annotated[
        int, typer.Option(help="Networks of the ensemble that gives the scores.")
    ] = 10,
    examples: Annotated[
        int | None, typer.Option(help="Use at most this many examples of each split.")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    own_worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Train here, or let others.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train small networks under curricula and without, and test the difference seed by seed.

    Each condition has an ensemble that gives the scores, and arms of the same seeds and numbers
    of optimizer steps: shuffled (the plain recipe), easy-first, hard-first and random (the same
    pool sizes); with wrong labels also one without what suspected_label_errors names. What is
    trained already is not trained again.
    """
    names = check_conditions([name.strip() for name in conditions.split(",") if name.strip()])
    chosen = seed_range(seeds, 0)
    for option, value in (("--epochs", epochs), ("--short", short), ("--lr", lr),
                          ("--reference-seeds", reference_seeds),
                          ("--examples", examples)):  # fmt: skip
        if value is not None and value <= 0:
            raise UsageError(f"{option} must be above 0, got {value}")
    check_pacing(pacing, grow, start)
    clean = _spec(dataset, arch, examples, epochs, lr)
    noisy = clean.model_copy(update={"label_noise": LabelNoise(label_noise)})
    settings = get_settings()
    engine = open_engine(settings, broker=True)
    brief = short_length(clean, short) if "short" in names else clean.recipe.length
    cases = make_conditions(names, clean, noisy, brief)
    references = _queue_references(engine, settings, cases, reference_seeds)
    train_queued(engine, "references", list(references.values()), own_worker=own_worker)
    arms = {}
    for case in cases:
        options = make_arms(case, reference_name(case), pacing, start, grow)
        arms[case.name] = {
            arm: queue_ensemble(engine, settings, case.spec, chosen, curriculum=each)[1]
            for arm, each in options.items()
        }
    ids = [queued.ensemble_id for each in arms.values() for queued in each.values()]
    train_queued(engine, "arms", ids, own_worker=own_worker)
    found = [(case, _results(engine, arms[case.name], chosen)) for case in cases]
    if json:
        output.print_json([_plain(*each) for each in found])
    else:
        for each in found:
            _print(*each)
        output.note(
            "test accuracy at the end, mean and standard deviation over seeds; p: sign-flip test "
            "of the differences to shuffled, seed by seed, two-sided"
        )


def _spec(
    dataset: str, arch: str, examples: int | None, epochs: int | None, lr: float | None
) -> EnsembleSpec:
    get_dataset_info(dataset)
    stock = get_architecture(arch).recipe(dataset)
    changes = {"length": None if epochs is None else Span(epochs, "epoch"), "lr": lr}
    recipe = stock.model_copy(update={k: v for k, v in changes.items() if v is not None})
    return EnsembleSpec(dataset=dataset, examples=examples, arch=arch, recipe=recipe)


def reference_name(case: Condition) -> str:
    """Name of the ensemble that gives a condition's scores."""
    return f"{default_name(case.reference)}-reference"


def _queue_references(
    engine: Engine, settings: Settings, cases: list[Condition], seeds: int
) -> dict[str, int]:
    """Id of each ensemble that gives scores, by name."""
    chosen = seed_range(seeds, REFERENCE_SEEDS)
    ids = {}
    for case in cases:
        name = reference_name(case)
        _, queued = queue_ensemble(engine, settings, case.reference, chosen, name=name)
        ids[name] = queued.ensemble_id
    return ids


def _results(engine: Engine, arms: Mapping[str, Enqueued], seeds: range) -> list[ArmResult]:
    ensembles = {arm: queued.ensemble for arm, queued in arms.items()}
    with engine.connect() as connection:
        accuracies = {arm: final_accuracy(connection, name) for arm, name in ensembles.items()}
    return compare_arms(accuracies, ensembles, seeds)


def _print(case: Condition, results: list[ArmResult]) -> None:
    spec = case.spec
    output.out.print(Text(f"{case.name}: {CONDITIONS[case.name]}", style="bold"))
    output.out.print(
        f"{spec.arch} on {spec.dataset_name}, {spec.recipe.length.words}, "
        f"{results[0].seeds} seeds each, scores of {reference_name(case)}"
    )
    rows = [
        {
            "arm": result.arm,
            "accuracy %": f"{100 * result.mean:.2f}",
            "sd": None if result.deviation is None else f"{100 * result.deviation:.2f}",
            "difference": None
            if result.difference is None
            else f"{100 * result.difference + 0.0:+.2f}",
            "better": None if result.better is None else f"{result.better}/{result.seeds}",
            "p": None if result.p_value is None else f"{result.p_value:.3g}",
        }
        for result in results
    ]
    output.out.print(table(rows))
    output.out.print()


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"  # never -0.00


def _plain(case: Condition, results: list[ArmResult]) -> dict[str, Any]:
    return {
        "condition": case.name,
        "spec": case.spec,
        "reference": reference_name(case),
        "arms": results,
    }
