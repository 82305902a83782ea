"""Ensembles with known outcomes, written to the database by the product's own path.

A `Story` is the truth: what every run of an ensemble predicts at every evaluation. `record`
writes it as a worker would; `tests.support.reference` says what each view must make of it.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Connection, insert, update

from tests.support.bits import bitmap
from tracker.analysis import compute, find_material, store
from tracker.datasets import Dataset, ImageSplit
from tracker.db.models import Ensemble, Run
from tracker.outcomes import layout
from tracker.outcomes.held_out import write_held_out
from tracker.outcomes.layout import Layout, plane_count
from tracker.outcomes.packing import pack_outcomes, pack_planes
from tracker.outcomes.probes import GroupAccuracy, ProbeRecord, pack_depths
from tracker.outcomes.signals import SignalSummary
from tracker.outcomes.writer import EvaluationRecord, record_evaluations
from tracker.registry import register_dataset
from tracker.runs import Claim, claim_run, finish
from tracker.spans import Span
from tracker.specs import EnsembleSpec, Recipe

STEPS_PER_EPOCH = 10

LAYERS = ("input", "hidden", "output", "softmax")
"""What the stories' networks are probed at."""


@dataclass(frozen=True, eq=False, repr=False)
class Story:
    """What the runs of an ensemble predict.

    Attributes
    ----------
    sizes
        Examples of each split, in storage order; X in all.
    labels
        Integer array [X]: example_id is the index.
    predicted
        Integer array [R, X, E]: by run, example and ordinal of the evaluation.
    recorded
        For each run the ordinals that it has recorded, ascending; others never happened.
    states
        For each run its state at the end; all complete if not given.
    signals
        What is recorded and summarised besides, by name: float32 arrays [R, X, E].
    held_out
        Boolean array [R, examples of train]: what each run did not train on; nothing if not given.
    original_labels
        The labels before label noise [X]; the labels if not given.
    outputs
        Softmax outputs at its last evaluation of each run that is not open: float32 [R, X, K].
        With those of two runs that count, the ensemble is analyzed.
    classes_known
        For each run, or for all of them, if its predicted classes are recorded; else only right
        and wrong are, as in some imported ensembles.
    """

    sizes: Mapping[str, int]
    num_classes: int
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    recorded: Sequence[Sequence[int]]
    states: Sequence[str] = ()
    signals: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    outputs: NDArray[np.float32] | None = None
    classes_known: bool | Sequence[bool] = True
    depths: NDArray[np.int64] | None = None
    probed: Sequence[int] = ()
    votes_told: bool = False
    held_out: NDArray[np.bool_] | None = None
    original_labels: NDArray[np.int64] | None = None
    name: str = field(default_factory=lambda: f"story-{secrets.token_hex(6)}")
    dataset: str = field(default_factory=lambda: f"data-{secrets.token_hex(6)}")

    def __post_init__(self) -> None:
        runs, examples, _ = self.predicted.shape
        assert examples == len(self.labels) == sum(self.sizes.values())
        assert runs == len(self.recorded)
        if not self.states:
            object.__setattr__(self, "states", ("complete",) * runs)
        if isinstance(self.classes_known, bool):
            object.__setattr__(self, "classes_known", (self.classes_known,) * runs)
        assert len(self.classes_told) == runs

    def __repr__(self) -> str:
        rights = [[bitmap(example) for example in run] for run in self.correct]
        return (
            f"Story(sizes={dict(self.sizes)}, num_classes={self.num_classes}, recorded="
            f"{list(map(list, self.recorded))}, states={list(self.states)}, "
            f"classes_known={list(self.classes_told)}, correct={rights})"
        )

    @cached_property
    def correct(self) -> NDArray[np.bool_]:
        """Boolean array [R, X, E]."""
        return self.predicted == self.labels[None, :, None]

    @property
    def classes_told(self) -> Sequence[bool]:
        """`classes_known` of each run."""
        assert not isinstance(self.classes_known, bool)
        return self.classes_known

    @cached_property
    def unseen(self) -> NDArray[np.bool_]:
        """Boolean array [R, X]: which examples each run did not train on."""
        unseen = np.ones((self.runs, len(self.labels)), dtype=bool)
        if "train" in self.sizes:
            train = self.split_ranges()["train"]
            unseen[:, train] = False if self.held_out is None else self.held_out
        return unseen

    @property
    def runs(self) -> int:
        """R."""
        return len(self.recorded)

    @property
    def evaluations(self) -> int:
        """E: one more than the highest ordinal."""
        return self.predicted.shape[2]

    def split_ranges(self) -> dict[str, range]:
        """Indices of each split's examples."""
        ends = np.cumsum(list(self.sizes.values())).tolist()
        return {
            split: range(end - size, end)
            for (split, size), end in zip(self.sizes.items(), ends, strict=True)
        }

    def packed(self, run: int, evaluation: int) -> NDArray[np.uint8]:
        """One evaluation as the writer takes it."""
        parts = {
            split: pack_outcomes(
                self.predicted[run, indices, evaluation],
                self.labels[indices],
                plane_count(self.num_classes),
            )
            for split, indices in self.split_ranges().items()
        }
        packed = np.concatenate([parts[split] for split in self.sizes], axis=1)
        return packed if self.classes_told[run] else packed[:1]

    def evaluation_record(self, run: int, evaluation: int) -> EvaluationRecord:
        """One evaluation with its step, epoch and loss."""
        return EvaluationRecord(
            evaluation=evaluation,
            step=step_of(evaluation),
            epoch=float(evaluation),
            train_loss=loss_of(run, evaluation),
            packed=self.packed(run, evaluation),
            signals={name: values[run, :, evaluation] for name, values in self.signals.items()},
            summaries=self.summaries(run) if evaluation == self.recorded[run][-1] else {},
            probes=self.probe_record(run, evaluation) if self.is_probed(run, evaluation) else None,
            outputs=self.outputs_of(run) if evaluation == self.recorded[run][-1] else None,
        )

    def is_probed(self, run: int, evaluation: int) -> bool:
        """Are there probes of what a run says at an evaluation?"""
        told = self.depths is not None and evaluation in self.probed
        return told and evaluation in self.recorded[run]

    def probe_votes(self, run: int, evaluation: int) -> NDArray[np.int64]:
        """Class that each probe gives, [L, X]: before an example's depth, the predicted's next."""
        assert self.depths is not None
        predicted = self.predicted[run, :, evaluation]
        other = (predicted + 1) % self.num_classes
        agrees = np.arange(len(LAYERS))[:, None] >= self.depths[run, :, evaluation]
        return np.where(agrees, predicted, other)

    def probe_record(self, run: int, evaluation: int) -> ProbeRecord:
        """What the probes of an evaluation say, as the writer takes it."""
        assert self.depths is not None
        votes, planes = self.probe_votes(run, evaluation), plane_count(self.num_classes)
        ranges = self.split_ranges().values()
        depths = [pack_depths(self.depths[run, at, evaluation], len(LAYERS)) for at in ranges]
        told = [[pack_planes(layer[at], planes) for at in ranges] for layer in votes]
        return ProbeRecord(
            LAYERS,
            30,
            np.concatenate(depths, axis=1),
            {
                "trained_on" if split == "train" else split: GroupAccuracy(
                    len(at),
                    tuple(int((layer[at] == self.labels[at]).sum()) for layer in votes),
                    int(self.correct[run, at, evaluation].sum()),
                )
                for split, at in self.split_ranges().items()
            },
            np.stack([np.concatenate(layer, axis=1) for layer in told])
            if self.votes_told
            else None,
        )

    def outputs_of(self, run: int) -> NDArray[np.float32] | None:
        """Those of a run [X, K] that has any."""
        ended = self.states[run] in ("complete", "failed") and len(self.recorded[run]) > 0
        return self.outputs[run] if self.outputs is not None and ended else None

    @property
    def told_outputs(self) -> list[int]:
        """The runs whose outputs count."""
        runs = [run for run in range(self.runs) if self.states[run] != "failed"]
        return [run for run in runs if self.outputs_of(run) is not None]

    def summaries(self, run: int) -> dict[str, SignalSummary]:
        """Each signal over all evaluations that a run has recorded."""
        told = list(self.recorded[run])
        return {
            name: SignalSummary(
                len(told),
                values[run][:, told].mean(1, dtype=np.float64),
                values[run][:, told].std(1, dtype=np.float64),
            )
            for name, values in self.signals.items()
        }


@dataclass(frozen=True)
class Recorded:
    """A story in the database, with the ids that it got there."""

    story: Story
    dataset_id: int
    ensemble_id: int
    run_ids: list[int]
    block_size: int
    """Examples a block at the time of recording."""


def step_of(evaluation: int) -> int:
    """Optimizer steps before an evaluation."""
    return STEPS_PER_EPOCH * evaluation


def loss_of(run: int, evaluation: int) -> float | None:
    """Some training loss; none of the untrained network."""
    return None if evaluation == 0 else 1 / evaluation + run / 100


def story_of(
    correct: NDArray[np.bool_] | Sequence[object],
    *,
    labels: Sequence[int] | None = None,
    sizes: Mapping[str, int] | None = None,
    num_classes: int = 3,
    first: int = 0,
    **others: object,
) -> Story:
    """A story from right and wrong [R, X, evaluations]; wrong is the class after the label.

    Everything is recorded, from ordinal `first` on, unless `recorded` says otherwise.
    """
    right = np.asarray(correct, dtype=bool)
    right = np.pad(right, ((0, 0), (0, 0), (first, 0)))
    runs, examples, evaluations = right.shape
    classes = np.arange(examples) % num_classes if labels is None else np.array(labels)
    wrong = (classes + 1) % num_classes
    predicted = np.where(right, classes[None, :, None], wrong[None, :, None])
    defaults: dict[str, object] = {"recorded": [range(first, evaluations)] * runs}
    return Story(
        sizes=sizes or {"train": examples},
        num_classes=num_classes,
        labels=classes,
        predicted=predicted,
        **(defaults | others),  # type: ignore[arg-type]
    )


def make_dataset(
    name: str, sizes: Mapping[str, int], labels: NDArray[np.int64], num_classes: int
) -> Dataset:
    """A dataset of 2x2 pictures that spell each example's index: no two are the same."""
    pictures = np.arange(len(labels), dtype=">u4").view(np.uint8).reshape(-1, 2, 2, 1)
    splits, start = {}, 0
    for split, size in sizes.items():
        part = slice(start, start + size)
        splits[split] = ImageSplit.whole(name, split, pictures[part], labels[part])
        start += size
    names = tuple(f"class {index}" for index in range(num_classes))
    return Dataset(name, num_classes, names, splits)


def layout_of(story: Story) -> Layout:
    """How the story's examples lie in blocks."""
    return Layout.of(story.sizes, layout.block_size(story.num_classes))


def dataset_of(story: Story) -> Dataset:
    """The dataset that the story is about."""
    original = story.labels if story.original_labels is None else story.original_labels
    clean = make_dataset(story.dataset, story.sizes, original, story.num_classes)
    if story.original_labels is None:
        return clean
    splits = {
        split: clean.splits[split].relabelled(story.labels[indices])
        for split, indices in story.split_ranges().items()
    }
    return replace(clean, splits=splits)


def spec_of(story: Story) -> EnsembleSpec:
    """A recipe that such an ensemble could have had."""
    return EnsembleSpec(
        dataset=story.dataset,
        arch="mlp-tiny",
        recipe=Recipe(
            length=Span(max(1, story.evaluations - 1), "epoch"),
            batch_size=1,
            optimizer="sgd",
            lr=0.1,
        ),
    )


def add_ensemble(connection: Connection, story: Story) -> Recorded:
    """The story's dataset, its ensemble and its queued runs, without any outcome."""
    dataset = register_dataset(connection, dataset_of(story))
    spec = spec_of(story)
    ensemble_id = connection.scalar(
        insert(Ensemble)
        .values(
            name=story.name,
            dataset_id=dataset.id,
            spec=spec.model_dump(mode="json"),
            spec_digest=spec.digest,
            evaluations=story.evaluations,
            total_steps=max(1, step_of(story.evaluations - 1)),
        )
        .returning(Ensemble.id)
    )
    rows = [{"ensemble_id": ensemble_id, "seed": seed} for seed in range(story.runs)]
    run_ids = connection.scalars(
        insert(Run).returning(Run.id, sort_by_parameter_order=True), rows
    ).all()
    return Recorded(
        story, dataset.id, ensemble_id, list(run_ids), layout.block_size(story.num_classes)
    )


def claimed(connection: Connection, run_id: int, worker: str = "host:1") -> Claim:
    """The claim of a queued run."""
    claim = claim_run(connection, run_id, worker)
    assert claim is not None
    return claim


def record(connection: Connection, story: Story) -> Recorded:
    """Write the whole story as a worker would."""
    recorded = add_ensemble(connection, story)
    for run, run_id in enumerate(recorded.run_ids):
        if not story.recorded[run] and story.states[run] == "queued":
            continue
        claim = claimed(connection, run_id)
        if story.held_out is not None:
            write_held_out(connection, run_id, layout_of(story), story.held_out[run])
        for evaluation in story.recorded[run]:
            write(connection, claim, story, run, evaluation)
        _end(connection, claim, story.states[run])
    if len(story.told_outputs) > 1:
        material = find_material(connection, story.name)
        values = compute(connection, material, "ensemble-agreement")
        store(connection, material, "ensemble-agreement", values)
    return recorded


def write(connection: Connection, claim: Claim, story: Story, run: int, evaluation: int) -> bool:
    """Write one evaluation; see `record_evaluations`."""
    evaluation_record = story.evaluation_record(run, evaluation)
    return record_evaluations(connection, claim, layout_of(story), [evaluation_record])


def _end(connection: Connection, claim: Claim, state: str) -> None:
    if state == "queued":  # as the reaper leaves it
        connection.execute(update(Run).where(Run.id == claim.run_id).values(state=state))
    elif state != "running":
        assert finish(connection, claim, state)


def with_changes(story: Story, **changes: object) -> Story:
    """Another story, of another ensemble, that differs in these parts."""
    return replace(story, **({"name": f"story-{secrets.token_hex(6)}"} | changes))  # type: ignore[arg-type]


@contextmanager
def block_size(size: int) -> Iterator[None]:
    """Blocks of `size` examples, a multiple of 8, in place of thousands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracker.outcomes.layout.MAX_BLOCK_SIZE", size)
        patch.setattr("tracker.outcomes.layout.block_size", lambda _: size)
        yield
