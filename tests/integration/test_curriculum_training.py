"""Ensembles queued with a curriculum: scores as of the enqueue, trained by the ordinary path."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from tests.support.ensembles import Recorded, record, story_of
from tracker import plots
from tracker.cli.main import app
from tracker.cli.queueing import queue_ensemble
from tracker.curriculum.records import load_snapshot, store_snapshot
from tracker.curriculum.replay import replay_run
from tracker.curriculum.training import CurriculumOptions, RunOrder, curriculum_of
from tracker.datasets import load_dataset
from tracker.deletion import delete_ensemble
from tracker.ensembles import default_name, enqueue_runs
from tracker.errors import DatasetMismatchError, NotFoundError, UsageError
from tracker.holdout import parse_holdout
from tracker.recipes import get_architecture
from tracker.registry import RegisteredDataset, get_dataset, register_dataset
from tracker.settings import Settings
from tracker.spans import Span
from tracker.specs import EnsembleSpec
from workers.task import work

SPEC = EnsembleSpec(
    dataset="digits",
    examples=50,
    arch="mlp-tiny",
    recipe=get_architecture("mlp-tiny").stock.model_copy(update={"length": Span(2, "epoch")}),
)
EASY_FIRST = CurriculumOptions("easy-first", ("reference",))


def test_runs_train_in_the_order_of_scores_that_were_fixed(
    engine: Engine, settings: Settings
) -> None:
    with engine.begin() as connection:
        dataset = register_dataset(connection, load_dataset("digits", examples=50))
        reference = enqueue_runs(connection, "reference", SPEC, dataset, range(2), settings.queue)
    for run in reference.added:
        assert work(engine, settings, run, "here:1") == "complete"
    options = CurriculumOptions("easy-first", ("reference",), pacing="linear", balance=True)
    added, examples = curriculum_of(engine, options, dataset)
    spec = SPEC.model_copy(update={"curriculum": added})
    assert EnsembleSpec.model_validate(spec.model_dump(mode="json")) == spec
    name = default_name(spec)
    assert name.startswith("digits-50-mlp-tiny-2epochs-easy-first-")
    with engine.begin() as connection:
        store_snapshot(connection, examples)
        queued = enqueue_runs(connection, name, spec, dataset, range(2), settings.queue)
        # What happens to the reference afterwards makes no difference.
        delete_ensemble(connection, "reference")
    for run in queued.added:
        assert work(engine, settings, run, "here:1") == "complete"
    with engine.begin() as connection:
        stored = load_snapshot(connection, bytes.fromhex(added.snapshot))
        np.testing.assert_array_equal(stored.scores, examples.scores)
        np.testing.assert_array_equal(
            stored.labels, load_dataset("digits", examples=50).splits["train"].labels
        )
        order = RunOrder(added, examples, seed=1, epochs=2)
        assert replay_run(connection, name, 1, 1).tolist() == order.indices(1).tolist()
        for seed, epoch, message in (
            (2, 0, "no run of seed 2: choose one of 0 to 1"),
            (1, 2, "have epochs 0 to 1, got 2"),
        ):
            with pytest.raises(NotFoundError, match=message):
                replay_run(connection, name, seed, epoch)
        steps = connection.scalars(text("SELECT step FROM run")).all()
        assert steps == [2, 2]
        delete_ensemble(connection, name)
        with pytest.raises(NotFoundError):
            load_snapshot(connection, bytes.fromhex(added.snapshot))


def suspicious(engine: Engine) -> Recorded:
    """Example 1 is never right, and always taken for one and the same other class."""
    right = np.ones((3, 5, 4), dtype=bool)
    right[:, 1] = False
    right[:, 3, :2] = False
    with engine.begin() as connection:
        return record(connection, story_of(right, name="reference"))


def dataset_of(engine: Engine, recorded: Recorded) -> RegisteredDataset:
    with engine.connect() as connection:
        return get_dataset(connection, recorded.story.dataset)


@pytest.mark.embedded_only
def test_suspected_label_errors_are_left_out(engine: Engine) -> None:
    recorded = suspicious(engine)
    options = CurriculumOptions("shuffled", ("reference",), drop_suspected=True)
    spec, examples = curriculum_of(engine, options, dataset_of(engine, recorded))
    assert examples.weights is not None
    assert examples.weights.tolist() == [1, 0, 1, 1, 1]
    assert spec.source["dropped"] == "suspected_label_errors"
    assert examples.scores.tolist() == [1, 0, 1, 0.5, 1]


@pytest.mark.embedded_only
def test_references_that_say_nothing_of_the_dataset_are_refused(engine: Engine) -> None:
    recorded = suspicious(engine)
    with engine.begin() as connection:
        other = register_dataset(connection, load_dataset("digits", examples=50))
    with pytest.raises(
        DatasetMismatchError,
        match=f"'reference' is of dataset {recorded.story.dataset}, not of digits-50, whose",
    ):
        curriculum_of(engine, CurriculumOptions("easy-first", ("reference",)), other)
    with pytest.raises(UsageError, match="no ensemble 'refrence': choose one of reference"):
        curriculum_of(
            engine, CurriculumOptions("easy-first", ("refrence",)), dataset_of(engine, recorded)
        )


@pytest.mark.embedded_only
def test_unknown_scores_are_told_from_scores_whose_easy_end_is_unknown(engine: Engine) -> None:
    recorded = suspicious(engine)
    with pytest.raises(UsageError, match="unknown score 'accesibility': choose one of accessibil"):
        curriculum_of(
            engine, replace(EASY_FIRST, score="accesibility"), dataset_of(engine, recorded)
        )
    consensus = replace(EASY_FIRST, score="example_difficulty.consensus_class")
    with pytest.raises(UsageError, match=r"which end of .*consensus_class' is easy.*--easy high"):
        curriculum_of(engine, consensus, dataset_of(engine, recorded))
    spec, _ = curriculum_of(engine, replace(consensus, easy="low"), dataset_of(engine, recorded))
    assert spec.parameters["easy"] == "low"


@pytest.mark.embedded_only
def test_enqueue_and_preview_tell_how_many_have_no_score(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = load_dataset("digits", examples=50)
    with engine.begin() as connection:
        dataset = register_dataset(connection, data)
        held = SPEC.model_copy(update={"split": parse_holdout("90:10")})
        added = enqueue_runs(connection, "reference", held, dataset, range(1), settings.queue)
    assert work(engine, settings, added.added[0], "here:1") == "complete"
    told = "accessibility_held_out: 45 of 50 examples have no score: they go last"
    notes: list[str] = []
    monkeypatch.setattr("tracker.cli.queueing.note", notes.append)
    options = replace(EASY_FIRST, score="accessibility_held_out")
    queue_ensemble(engine, settings, SPEC, range(1), name="ordered", curriculum=options)
    assert notes == [told]
    monkeypatch.setattr("tracker.cli.curriculum.open_reader", lambda: engine)
    words = ["curriculum", "preview", "reference", "--score", "accessibility_held_out", "--balance"]
    out = tmp_path / "preview.svg"
    done = CliRunner().invoke(app, [*words, "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert f"{told} of their class" in " ".join(done.output.split())
    picture, missing = plots.curriculum_preview(engine, replace(options, balance=True), 3)
    assert missing == "45 of 50 examples have no score: they go last of their class"
    assert missing in [words.get_text() for words in picture.axes[0].texts]
