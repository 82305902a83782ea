"""`tracker enqueue`: from options to an ensemble's rows and messages."""

from typing import Annotated

import typer

from tracker.cli.curriculum_options import (
    BalanceOption,
    DropSuspectedOption,
    EasyOption,
    GrowOption,
    PacingOption,
    StartOption,
    curriculum_options,
)
from tracker.cli.output import note, out, print_json
from tracker.cli.queueing import queue_ensemble
from tracker.cli.session import open_engine
from tracker.cli.waiting import say_queued, wait_for
from tracker.curriculum.order import ORDERS
from tracker.datasets import LabelNoise, get_dataset_info
from tracker.ensembles import Enqueued, check_name
from tracker.errors import UsageError, choice_error
from tracker.holdout import HoldOut, parse_holdout
from tracker.outcomes.signals import OUTPUTS, SIGNALS, check_signals
from tracker.recipes import get_architecture
from tracker.schedule import Schedule
from tracker.settings import get_settings
from tracker.spans import Span
from tracker.specs import EnsembleSpec, Probing, Recipe, Recording, check_optimizer, seed_range

NOTED_BYTES = 1_000_000_000
"""What is recorded besides and takes more than this is worth a remark."""

RECORDABLE = (*SIGNALS, OUTPUTS)


def enqueue(
    arch: Annotated[str, typer.Option(help="Architecture; see `tracker archs`.")],
    seeds: Annotated[int, typer.Option(help="Number of runs.")] = 10,
    dataset: Annotated[str, typer.Option(help="Dataset; see `tracker datasets`.")] = "cifar10",
    examples: Annotated[
        int | None, typer.Option(help="Use at most this many examples of each split.")
    ] = None,
    label_noise: Annotated[
        float | None,
        typer.Option(help="Give this share of the training examples a wrong label: 0.4."),
    ] = None,
    random_labels: Annotated[
        bool, typer.Option("--random-labels", help="Draw every training label anew.")
    ] = False,
    label_noise_seed: Annotated[
        int | None, typer.Option(help="Which of the many such labels; 0 if not given.")
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            help="What each run trains on: full, 90:10 (it holds out a tenth of its own), parts:K "
            "(one of K disjoint parts, by seed), part:N/K (the N-th of them, all runs)."
        ),
    ] = "full",
    epochs: Annotated[int | None, typer.Option(help="Length of training.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples per optimizer step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="sgd, adadelta or adam.")] = None,
    record_every: Annotated[
        str, typer.Option(help="Score all examples this often: 1epoch, 50steps.")
    ] = "1epoch",
    record_initial: Annotated[
        bool, typer.Option("--record-initial", help="Score the untrained network too.")
    ] = False,
    record: Annotated[
        str | None,
        typer.Option(
            help="Store these of every example too, parted by commas: confidence, margin, loss, "
            "el2n, output_margin at every evaluation; outputs, the softmax outputs, at the last."
        ),
    ] = None,
    probe: Annotated[
        str,
        typer.Option(
            help="Measure prediction depths by k-NN probes of every layer: final (at the last "
            "evaluation), every:K (also at every K-th), none."
        ),
    ] = "none",
    probe_votes: Annotated[
        bool, typer.Option("--probe-votes", help="Store the class that each probe gives too.")
    ] = False,
    curriculum: Annotated[
        str | None,
        typer.Option(help=f"Order of the training examples: {', '.join(ORDERS)}."),
    ] = None,
    curriculum_scores: Annotated[
        str | None,
        typer.Option(help="Ensemble whose scores of now decide it; a,b: their mean."),
    ] = None,
    curriculum_score: Annotated[
        str | None, typer.Option(help="Column that the scores are; accessibility if not given.")
    ] = None,
    easy: EasyOption = None,
    pacing: PacingOption = None,
    start: StartOption = None,
    grow: GrowOption = None,
    balance: BalanceOption = False,
    drop_suspected: DropSuspectedOption = False,
    seed_start: Annotated[int, typer.Option(help="First seed.")] = 0,
    name: Annotated[str | None, typer.Option(help="Name of the ensemble.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait, with a bar for each run.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Queue an ensemble: one run per seed, all of one recipe.

    What is not given comes from the architecture's stock recipe for the dataset. Repeating a
    command adds nothing; a larger --seeds adds the missing runs.
    """
    chosen = seed_range(seeds, seed_start)
    noise = _label_noise(label_noise, random_labels, label_noise_seed)
    spec = _spec(arch, dataset, examples, noise, parse_holdout(split), epochs, batch_size, lr,
                 optimizer, record_every, record_initial, record,
                 Probing.parse(probe, votes=probe_votes))  # fmt: skip
    options = curriculum_options(curriculum, curriculum_scores, curriculum_score, easy, pacing,
                                 start, grow, balance, drop_suspected)  # fmt: skip
    if name is not None:
        check_name(name)
    settings = get_settings()
    engine = open_engine(settings, broker=True)
    spec, result = queue_ensemble(engine, settings, spec, chosen, name=name, curriculum=options)
    _note_storage(spec, len(chosen))
    if json:
        print_json(
            {
                "ensemble": result.ensemble,
                "created": result.created,
                "runs_added": len(result.added),
                "runs": sum(result.states.values()),
                "states": result.states,
                "spec": spec.model_dump(mode="json"),
            }
        )
    else:
        _tell(result, wait)
    if wait:
        try:
            wait_for(engine, result.ensemble, result.ensemble_id)
        except KeyboardInterrupt:
            say_queued(result.ensemble)
            raise


def _spec(
    arch: str,
    dataset: str,
    examples: int | None,
    label_noise: LabelNoise | None,
    split: HoldOut | None,
    epochs: int | None,
    batch_size: int | None,
    lr: float | None,
    optimizer: str | None,
    record_every: str,
    record_initial: bool,
    record: str | None,
    probe: Probing | None,
) -> EnsembleSpec:
    architecture = get_architecture(arch)
    info = get_dataset_info(dataset)
    for option, value in (("--examples", examples), ("--epochs", epochs),
                          ("--batch-size", batch_size), ("--lr", lr)):  # fmt: skip
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{option} must be above 0, got {value}")
    if examples is not None and examples >= max(info.sizes.values()):
        note(f"--examples {examples}: {dataset} has no more than that in a split, so all are used")
        examples = None
    stock = architecture.recipe(dataset)
    changes: dict[str, object] = {
        "length": None if epochs is None else Span(epochs, "epoch"),
        "batch_size": batch_size,
        "lr": lr,
        "optimizer": None if optimizer is None else check_optimizer(optimizer),
    }
    given = {field: value for field, value in changes.items() if value is not None}
    if given.get("optimizer", stock.optimizer) != stock.optimizer:
        if lr is None:
            raise UsageError(
                f"--optimizer {optimizer} in place of {stock.optimizer} needs an --lr of its own"
            )
        given["momentum"] = 0.0
    return EnsembleSpec(
        dataset=dataset,
        examples=examples,
        label_noise=label_noise,
        split=split,
        arch=arch,
        recipe=Recipe.model_validate({**dict(stock), **given}),
        recording=_recording(record_every, record_initial, record),
        probe=probe,
    )


def _label_noise(share: float | None, random: bool, seed: int | None) -> LabelNoise | None:
    if share is not None and random:
        raise UsageError("--label-noise and --random-labels exclude each other: give one of them")
    if share is None and not random:
        if seed is not None:
            raise UsageError(
                f"--label-noise-seed {seed} needs --label-noise or --random-labels beside it"
            )
        return None
    return LabelNoise(share, seed or 0)


def _recording(every: str, initial: bool, record: str | None) -> Recording:
    names = set() if record is None else {name.strip() for name in record.split(",")}
    for name in sorted(names):
        if name not in RECORDABLE:
            raise choice_error("signal", name, RECORDABLE)
    return Recording(
        every=Span.parse(every),
        initial=initial,
        signals=check_signals(names - {OUTPUTS}),
        outputs=OUTPUTS in names,
    )


def recorded_bytes(spec: EnsembleSpec, seeds: int) -> int:
    """What `--record` asks of so many complete runs takes in the database, in bytes."""
    info = get_dataset_info(spec.dataset)
    used = {name: min(size, spec.examples or size) for name, size in info.sizes.items()}
    evaluations = Schedule.of(spec, used["train"]).evaluations
    numbers = evaluations * len(spec.recording.signals)
    if spec.recording.outputs:
        numbers += info.num_classes
    return seeds * sum(used.values()) * numbers * 4  # bytes of a `real`


def _note_storage(spec: EnsembleSpec, seeds: int) -> None:
    size = recorded_bytes(spec, seeds)
    if size > NOTED_BYTES:
        names = ",".join(spec.recording.named)
        note(f"--record {names}: {size / 1e9:,.1f} GB in the database when all runs are complete")


def _tell(result: Enqueued, waiting: bool) -> None:
    name = result.ensemble
    runs = sum(result.states.values())
    states = ", ".join(f"{count} {state}" for state, count in sorted(result.states.items()))
    if result.created:
        out.print(f"queued {name}: {runs} {'run' if runs == 1 else 'runs'}")
    elif result.added:
        added = f"{len(result.added)} {'run' if len(result.added) == 1 else 'runs'}"
        out.print(f"added {added} to {name}: now {runs} ({states})")
    else:
        out.print(f"nothing to add: {name} has these seeds already ({states})")
    if waiting:
        return
    if result.states.get("queued"):
        note("next: `tracker worker` trains them, `tracker status --watch` shows how far they are")
    elif result.states.get("running"):
        note("next: `tracker status --watch` shows how far they are")
    elif result.states.get("failed") or result.states.get("cancelled"):
        note(f"next: `tracker retry {name}` queues the failed and cancelled runs again")
    else:
        note(f"next: `tracker show {name}`")
