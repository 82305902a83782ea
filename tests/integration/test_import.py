"""Imported ensembles are ensembles like any other, and nothing is imported by halves."""

import hashlib
import json
import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError

from tests.support.ensembles import (
    Recorded,
    Story,
    block_size,
    dataset_of,
    make_dataset,
    spec_of,
    story_of,
    with_changes,
)
from tests.support.recorded import row_counts
from tests.support.servers import Servers, connected, new_database
from tests.support.strategies import stories
from tests.support.views import check
from tracker.curriculum import CurriculumSampler
from tracker.curriculum.scores import read_scores
from tracker.datasets import load_dataset
from tracker.datasets.pictureless import is_pictureless
from tracker.db.models import Dataset, Ensemble, Evaluation, Example, Run, SignalSummary, Split
from tracker.deletion import delete_ensemble
from tracker.ensembles import enqueue_runs
from tracker.errors import DatasetMismatchError, NotFoundError, TrackerError, UsageError
from tracker.imports import import_ensemble
from tracker.outcomes import layout
from tracker.plots import learning_order, tp_agreement
from tracker.registry import RegisteredDataset, get_dataset, hold_dataset, register_dataset
from tracker.reports import list_ensembles, snapshot, summarize
from tracker.reports.progress import ensembles_in_progress, runs_of
from tracker.runs import claim_run, open_runs, retry

pytestmark = pytest.mark.embedded_only

VIEWS = (
    "counted_run",
    "outcome",
    "run_accuracy",
    "forgetting",
    "learning_order",
    "tp_agreement",
    "tp_agreement_histogram",
    "bimodality",
    "signal",
)

SIGNALS = ("confidence", "margin", "loss")


def npz(folder: Path, **arrays: Any) -> Path:
    file = folder / "theirs.npz"
    np.savez(file, **arrays)
    return file


def rows_of(story: Story) -> dict[str, Any]:
    """What a story has recorded as the view `outcome` gives it, by column."""
    split = [name for name, size in story.sizes.items() for _ in range(size)]
    position = np.concatenate([np.arange(size) for size in story.sizes.values()])
    parts: list[dict[str, Any]] = []
    for run, recorded in enumerate(story.recorded):
        parts += [
            {
                "ensemble": [story.name] * len(split),
                "seed": [run] * len(split),
                "split": split,
                "example_id": np.arange(len(split)),
                "position": position,
                "evaluation": [evaluation] * len(split),
                "label": story.labels,
                "correct": story.correct[run, :, evaluation],
                "predicted": story.predicted[run, :, evaluation],
                **{name: values[run, :, evaluation] for name, values in story.signals.items()},
            }
            for evaluation in recorded
        ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def parquet(folder: Path, story: Story) -> Path:
    file = folder / "theirs.parquet"
    pq.write_table(pa.table(rows_of(story)), file, row_group_size=20)
    return file


def recorded_as(engine: Engine, story: Story, name: str) -> Recorded:
    """What is in the database of a story that was imported as `name`."""
    with engine.connect() as connection:
        ensemble = connection.execute(select(Ensemble).where(Ensemble.name == name)).one()
        run_ids = connection.scalars(
            select(Run.id).where(Run.ensemble_id == ensemble.id).order_by(Run.seed)
        ).all()
    told = with_changes(story, name=name)
    return Recorded(
        told, ensemble.dataset_id, ensemble.id, list(run_ids), layout.block_size(told.num_classes)
    )


@pytest.fixture(scope="module")
def kept_engine(servers: Servers) -> Iterator[Engine]:
    """A database for all examples of hypothesis: imports commit."""
    with new_database(servers.admin, servers.template) as url, connected(url) as engine:
        yield engine


@hypothesis_settings(max_examples=15)
@given(story=stories(examples=12, runs=4, evaluations=5), seed=st.integers(0, 100))
def test_every_view_says_what_was_imported(
    kept_engine: Engine, tmp_path_factory: pytest.TempPathFactory, story: Story, seed: int
) -> None:
    kept = [run for run, recorded in enumerate(story.recorded) if recorded]
    if not kept:
        return
    shape = story.predicted[kept].shape
    margin = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    told = with_changes(
        story,
        predicted=story.predicted[kept],
        recorded=[story.recorded[run] for run in kept],
        states=("complete",) * len(kept),
        # The file has the predicted classes of every run.
        classes_known=True,
        signals={"margin": margin},
        held_out=None,
        original_labels=None,
        outputs=None,
        depths=None,
    )
    # The file does not say how many classes there are: as many as it shows.
    shown = rows_of(told)
    told = with_changes(
        told, num_classes=1 + int(max(shown["label"].max(), shown["predicted"].max()))
    )
    with block_size(8):
        import_ensemble(kept_engine, [parquet(tmp_path_factory.mktemp("a"), told)], told.name)
        recorded = recorded_as(kept_engine, told, told.name)
        with kept_engine.connect() as connection:
            for view in VIEWS:
                check(connection, view, recorded)


def story(**others: Any) -> Story:
    rng = np.random.default_rng(3)
    return story_of(rng.random((3, 20, 4)) < 0.6, first=1, num_classes=5, **others)


def arrays_of(told: Story) -> dict[str, NDArray[Any]]:
    return {"predicted": told.predicted[:, :, 1:], "label": told.labels}


def test_the_rows_of_an_import(engine: Engine, tmp_path: Path) -> None:
    told = story()
    file = npz(tmp_path, **arrays_of(told), observer=np.array(["x", "y", "z"]))
    reported: list[tuple[int, int]] = []
    done = import_ensemble(engine, [file], "theirs", progress=lambda *at: reported.append(at))
    assert (done.ensemble, done.dataset, done.format) == ("theirs", "theirs", "npz")
    assert (done.runs, done.sizes, done.evaluations, done.outcomes) == (3, {"train": 20}, 12, 240)
    assert reported == [(number, 12) for number in range(1, 13)]
    with engine.connect() as connection:
        ensemble = connection.execute(select(Ensemble)).one()
        runs = connection.execute(select(Run).order_by(Run.seed)).all()
        dataset = connection.execute(select(Dataset)).one()
        examples = connection.execute(select(Example).order_by(Example.position)).all()
        evaluations = connection.execute(select(Evaluation)).all()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    source = {
        "imported": {
            "file": "theirs.npz",
            "sha256": digest,
            "format": "npz",
            "splits": ["train"],
        }
    }
    assert ensemble.spec == source
    assert (ensemble.evaluations, ensemble.total_steps) == (4, 4)
    assert [run.provenance for run in runs] == [source | {"run": name} for name in "xyz"]
    assert {(run.state, run.attempt, run.error) for run in runs} == {("complete", 0, None)}
    assert all(run.queued_at <= run.started_at <= run.finished_at for run in runs)
    assert (dataset.name, dataset.num_classes, dataset.class_names) == ("theirs", 5, list("01234"))
    assert [example.label for example in examples] == told.labels.tolist()
    assert all(is_pictureless(example.content_hash) for example in examples)
    assert len({example.content_hash for example in examples}) == 20
    assert {(at.step, at.epoch, at.train_loss) for at in evaluations} == {
        (ordinal, float(ordinal), None) for ordinal in (1, 2, 3, 4)
    }
    assert all(len(at.checksum) == 16 for at in evaluations)


@pytest.mark.parametrize("signal", SIGNALS)
def test_signals_and_their_summaries(engine: Engine, tmp_path: Path, signal: str) -> None:
    values = np.random.default_rng(0).random((2, 20, 5), dtype=np.float32)
    correct = values < 0.5
    with block_size(8):
        import_ensemble(engine, [npz(tmp_path, correct=correct, **{signal: values})], "theirs")
    with engine.connect() as connection:
        stored = connection.execute(
            text("SELECT value FROM signal_block ORDER BY run_id, evaluation, block")
        ).scalars()
        blocks = np.concatenate(stored.all()).reshape(2, 5, 20).transpose(0, 2, 1)
        summaries = connection.execute(
            select(SignalSummary).order_by(SignalSummary.run_id, SignalSummary.block)
        ).all()
    np.testing.assert_array_equal(blocks.astype(np.float32), values)
    assert {(row.signal, row.evaluations) for row in summaries} == {(signal, 5)}
    wide = values.astype(np.float64)
    mean = np.concatenate([row.mean for row in summaries]).reshape(2, 20)
    deviation = np.concatenate([row.deviation for row in summaries]).reshape(2, 20)
    np.testing.assert_allclose(mean, wide.mean(axis=2), rtol=1e-6)
    np.testing.assert_allclose(deviation, wide.std(axis=2), rtol=1e-6)


def test_right_and_wrong_alone(engine: Engine, tmp_path: Path) -> None:
    told = story()
    file = npz(tmp_path, correct=told.correct[:, :, 1:], example=np.arange(100, 120))
    imported = import_ensemble(engine, [file], "theirs", split="test")
    assert (imported.unlabelled, imported.unlabelled_class) == (20, 0)
    with engine.connect() as connection:
        assert connection.scalars(select(Dataset.class_names)).one() == ["unknown"]
        sources = connection.scalars(select(Example.source_position).order_by(Example.position))
        assert sources.all() == list(range(100, 120))
        rows = connection.execute(text("SELECT DISTINCT split, label, predicted FROM outcome"))
        assert [tuple(row) for row in rows] == [("test", 0, None)]
        right = connection.execute(text("SELECT count(*) FROM outcome WHERE correct")).scalar_one()
    assert right == told.correct.sum()


def test_labels_that_nobody_tells(engine: Engine, tmp_path: Path) -> None:
    """An example that is never right has the class that nobody predicts."""
    told = story()
    predicted, correct = told.predicted[:, :, 1:].copy(), told.correct[:, :, 1:].copy()
    predicted[:, 7], correct[:, 7] = 1, False
    file = npz(tmp_path, predicted=predicted, correct=correct)
    imported = import_ensemble(engine, [file], "theirs")
    assert (imported.unlabelled, imported.unlabelled_class) == (1, 5)
    with engine.connect() as connection:
        assert connection.scalars(select(Dataset.class_names)).one() == [*"01234", "unknown"]
        labels = connection.scalars(select(Example.label).order_by(Example.position)).all()
    assert labels == [*told.labels[:7], 5, *told.labels[8:]]
    with pytest.raises(UsageError, match="neither labels nor right and wrong: add label or cor"):
        import_ensemble(engine, [npz(tmp_path, predicted=predicted)], "others")


def contradicting(told: Story) -> dict[str, Any]:
    """Wrong in the last run only."""
    correct = told.correct[:, :, 1:].copy()
    correct[2, 11, 2] = ~correct[2, 11, 2]
    return arrays_of(told) | {"correct": correct}


def test_what_turns_out_wrong_at_the_end_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    before = row_counts(engine)
    told = story()
    with pytest.raises(UsageError, match=r"theirs\.npz: correct\[2, 11, 2\] is "):
        import_ensemble(engine, [npz(tmp_path, **contradicting(told))], "theirs")
    table = pa.table(rows_of(told))
    pq.write_table(table.slice(0, len(table) - 1), tmp_path / "theirs.parquet")
    with pytest.raises(UsageError, match="run 2, train example 19, evaluation 4 is missing"):
        import_ensemble(engine, [tmp_path / "theirs.parquet"], "theirs")
    assert row_counts(engine) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_import_that_is_stopped_leaves_nothing(
    engine: Engine, tmp_path: Path, error: type[BaseException]
) -> None:
    before = row_counts(engine)

    def stop(done: int, _: int) -> None:
        if done == 7:
            raise error

    told = UsageError if error is MemoryError else error
    with pytest.raises(told):
        import_ensemble(engine, [npz(tmp_path, **arrays_of(story()))], "theirs", progress=stop)
    assert row_counts(engine) == before
    import_ensemble(engine, [npz(tmp_path, **arrays_of(story()))], "theirs")


def test_a_lost_connection_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    before = row_counts(engine)

    def cut(done: int, _: int) -> None:
        if done == 7:
            with engine.connect() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )

    with pytest.raises(OperationalError):
        import_ensemble(engine, [npz(tmp_path, **arrays_of(story()))], "theirs", progress=cut)
    assert row_counts(engine) == before


def test_names_that_are_taken(engine: Engine, tmp_path: Path) -> None:
    file = npz(tmp_path, **arrays_of(story()))
    import_ensemble(engine, [file], "theirs")
    before = row_counts(engine)
    with pytest.raises(UsageError, match=r"'theirs' exists: choose another --name, or remove it .*"
                                         "`tracker delete theirs`"):  # fmt: skip
        import_ensemble(engine, [tmp_path / "is not even read.npz"], "theirs")
    for name in ("mnist5k", "cifar10-500"):
        with pytest.raises(UsageError, match=f"'{name}' is a dataset with pictures: give --dat"):
            import_ensemble(engine, [file], name)
    with pytest.raises(UsageError, match="--name 'no spaces'"):
        import_ensemble(engine, [file], "no spaces")
    with engine.begin() as connection:
        register_dataset(connection, dataset_of(story(dataset="others")))
    with pytest.raises(DatasetMismatchError, match=r"'others' is registered with other .* --dat"):
        import_ensemble(engine, [file], "others")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM dataset WHERE name = 'others'"))
    assert row_counts(engine) == before


def test_an_import_while_another_one_takes_the_name(engine: Engine, tmp_path: Path) -> None:
    """Both have looked and found it free: the second waits, and then it is not."""
    file = npz(tmp_path, **arrays_of(story()))
    other = npz(tmp_path.joinpath("other").mkdir() or tmp_path / "other", **arrays_of(story()))

    def take(module: Any) -> Callable[..., Any]:
        original = module.read_trajectories

        def read(*arguments: Any) -> Any:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(module, "read_trajectories", original)
                import_ensemble(engine, [other], "theirs")
            return original(*arguments)

        return read

    from tracker import imports

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imports, "read_trajectories", take(imports))
        with pytest.raises(UsageError, match="ensemble 'theirs' exists"):
            import_ensemble(engine, [file], "theirs")


def test_evaluations_numbered_too_high_leave_nothing(engine: Engine, tmp_path: Path) -> None:
    """Cartography's and the forgetting code's, which only counting from elsewhere takes so far."""
    epochs = tmp_path / "epochs"
    epochs.mkdir()
    for epoch in range(2):
        line = {"guid": 0, "gold": 1, f"logits_epoch_{epoch}": [0.0, 1.0]}
        (epochs / f"dynamics_epoch_{epoch}.jsonl").write_text(json.dumps(line))
    statistics = tmp_path / "stats_dict.pkl"
    statistics.write_bytes(pickle.dumps({0: [[0.5, 0.5], [1, 0], [1.0, -1.0]]}))
    before = row_counts(engine)
    for file in (epochs, statistics):
        with pytest.raises(UsageError, match="would be numbered 1000001: more than 1000000"):
            import_ensemble(engine, [file], "theirs", first_evaluation=1_000_000)
        assert row_counts(engine) == before
    import_ensemble(engine, [epochs], "theirs", first_evaluation=999_999)


# --- the dataset of somebody else -----------------------------------------------------------------


def test_attached_to_a_registered_dataset(engine: Engine, tmp_path: Path) -> None:
    """Of its second split only, whose numbers of examples and blocks do not begin at 0."""
    told = story(sizes={"train": 11, "test": 9}, dataset="ours")
    with block_size(8):
        with engine.begin() as connection:
            register_dataset(connection, dataset_of(told))
        margin = np.random.default_rng(0).normal(size=(3, 9, 4)).astype(np.float32)
        predicted = told.predicted[:, 11:, 1:]
        file = npz(tmp_path, predicted=predicted, margin=margin, example=np.arange(9))
        import_ensemble(engine, [file], "theirs", dataset="ours", split="test")
    with engine.connect() as connection:
        assert connection.execute(select(func.count(Dataset.id))).scalar_one() == 1
        query = "SELECT {} FROM {} ORDER BY run_id, position, evaluation"
        rows = connection.execute(text(query.format("example_id, predicted, correct", "outcome")))
        stored = np.array([tuple(row) for row in rows]).reshape(3, 9, 4, 3)
        values = connection.execute(text(query.format("value", "signal"))).scalars().all()
    assert (stored[..., 0] == np.arange(11, 20)[None, :, None]).all()
    np.testing.assert_array_equal(stored[..., 1], predicted)
    np.testing.assert_array_equal(stored[..., 2], told.correct[:, 11:, 1:])
    np.testing.assert_array_equal(np.array(values, np.float32).reshape(3, 9, 4), margin)
    summary = summarize(engine, "theirs", "test")
    assert {row.split for row in summary.accuracy} == {"test"} == set(summary.info.sizes)
    with pytest.raises(UsageError, match="unknown split 'train': choose one of test"):
        summarize(engine, "theirs")
    assert summary.info.dataset == "ours"


def wait_for_lock(engine: Engine) -> None:
    waiting = text("SELECT count(*) FROM pg_stat_activity "
                   "WHERE datname = current_database() AND wait_event_type = 'Lock'")  # fmt: skip
    for _ in range(500):
        with engine.connect() as connection:
            if connection.scalar(waiting):
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


def test_a_dataset_that_is_deleted_meanwhile(engine: Engine, tmp_path: Path) -> None:
    """Its last ensemble goes, and the dataset with it, while an import or enqueue would use it."""
    file = npz(tmp_path, **arrays_of(story()))
    recipe = spec_of(story(dataset="ours"))
    for attempt in ("import", "enqueue"):
        import_ensemble(engine, [file], "ours")
        with engine.connect() as connection:
            known = get_dataset(connection, "ours")

        def use(attempt: str = attempt, known: RegisteredDataset = known) -> None:
            if attempt == "import":
                import_ensemble(engine, [file], "theirs", dataset="ours")
            else:
                with engine.begin() as connection:
                    enqueue_runs(connection, "theirs", recipe, known, range(1), "cpu")

        with ThreadPoolExecutor(1) as pool:
            with engine.begin() as deleting:
                delete_ensemble(deleting, "ours")
                user = pool.submit(use)
                wait_for_lock(engine)
            with pytest.raises(TrackerError, match="dataset 'ours' was deleted meanwhile"):
                user.result(timeout=30)


def test_a_dataset_in_use_is_not_deleted(engine: Engine, tmp_path: Path) -> None:
    import_ensemble(engine, [npz(tmp_path, **arrays_of(story()))], "ours")
    with ThreadPoolExecutor(1) as pool:

        def delete() -> None:
            with engine.begin() as connection:
                delete_ensemble(connection, "ours")

        with engine.begin() as using:
            hold_dataset(using, get_dataset(using, "ours"))
            deleted = pool.submit(delete)
            wait_for_lock(engine)
            assert not deleted.done()
        deleted.result(timeout=30)


def test_attached_to_a_known_dataset(engine: Engine, tmp_path: Path) -> None:
    digits = load_dataset("digits", examples=50)
    right = np.random.default_rng(0).random((2, 50, 3)) < 0.5
    label = digits.splits["train"].labels
    predicted = np.where(right, label[None, :, None], 0)
    done = import_ensemble(engine, [npz(tmp_path, predicted=predicted)], "theirs",
                           dataset="digits-50")  # fmt: skip
    assert done.dataset == "digits-50"
    with engine.connect() as connection:
        assert get_dataset(connection, "digits-50").sizes == {"train": 50, "test": 50}
    # The pictures are there: the sampler and the plot of pictures know them.
    sampler = CurriculumSampler(digits.splits["train"], ensemble="theirs", epochs=2, engine=engine)
    assert len(sampler.ranking) == 50
    assert learning_order(engine, "theirs") is not None


MISMATCHES: dict[str, tuple[dict[str, Any], str, str]] = {
    "length": ({"correct": np.ones((1, 10, 1), bool)}, "train", "it has 10 examples, not 11"),
    "label": (
        {
            "correct": np.ones((1, 11, 1), bool),
            "label": np.array([0, 1, 2, 3, 4, 0, 1, 3, 3, 4, 0]),
        },
        "train",
        "position 7 has label 3, not 2",
    ),
    "order": (
        {"correct": np.ones((1, 11, 1), bool), "example": np.array([0, 1, 3, 2, *range(4, 11)])},
        "train",
        "position 2 has example 3, and examples have to stand in the dataset's order",
    ),
    "split": ({"correct": np.ones((1, 11, 1), bool)}, "other", "dataset 'ours' has train, test"),
}


@pytest.mark.parametrize("case", MISMATCHES)
def test_other_examples_than_the_datasets_are_refused(
    engine: Engine, tmp_path: Path, case: str
) -> None:
    told = story(sizes={"train": 11, "test": 9}, dataset="ours")
    with engine.begin() as connection:
        register_dataset(connection, dataset_of(told))
    before = row_counts(engine)
    arrays, split, message = MISMATCHES[case]
    with pytest.raises(DatasetMismatchError, match=message):
        import_ensemble(engine, [npz(tmp_path, **arrays)], "theirs", dataset="ours", split=split)
    assert row_counts(engine) == before


def test_classes_that_the_dataset_has_not(engine: Engine, tmp_path: Path) -> None:
    told = story(dataset="ours")
    with engine.begin() as connection:
        register_dataset(connection, dataset_of(told))
    arrays = arrays_of(told)
    arrays["predicted"] = arrays["predicted"] + 0
    arrays["predicted"][1, 4, 3] = 5
    with pytest.raises(UsageError, match="has the predicted class 5, dataset 'ours' has classes f"):
        import_ensemble(engine, [npz(tmp_path, **arrays)], "theirs", dataset="ours")


def test_datasets_that_do_not_exist(engine: Engine, tmp_path: Path) -> None:
    file = npz(tmp_path, **arrays_of(story()))
    import_ensemble(engine, [file], "first")
    with pytest.raises(NotFoundError, match=r"no dataset 'mnits': choose one of mnist5k.*, first"):
        import_ensemble(engine, [file], "theirs", dataset="mnits")


def test_attached_to_the_dataset_of_another_import(engine: Engine, tmp_path: Path) -> None:
    told = story()
    names = np.array([f"image {index}" for index in range(20)])
    import_ensemble(engine, [npz(tmp_path, **arrays_of(told), stimulus=names)], "first")
    import_ensemble(
        engine, [npz(tmp_path, **arrays_of(told), stimulus=names)], "second", dataset="first"
    )
    swapped = names[[0, 1, 2, 4, 3, *range(5, 20)]]
    file = npz(tmp_path, correct=told.correct, stimulus=swapped)
    with pytest.raises(DatasetMismatchError, match="position 3 has example 'image 4', which is c"):
        import_ensemble(engine, [file], "third", dataset="first")
    with engine.connect() as connection:
        assert connection.execute(select(func.count(Split.split))).scalar_one() == 1


# --- ensembles like any other ---------------------------------------------------------------------


@pytest.fixture
def imported(engine: Engine, tmp_path: Path) -> Story:
    told = story(name="theirs", dataset="theirs")
    import_ensemble(engine, [npz(tmp_path, **arrays_of(told))], "theirs")
    return told


def test_reports(engine: Engine, imported: Story) -> None:
    summary = summarize(engine, "theirs")
    assert summary.info.recipe is None
    assert (summary.info.dataset, summary.runs, summary.time_unit) == ("theirs", 3, "epoch")
    assert [row.mean for row in summary.accuracy] == pytest.approx(
        imported.correct[:, :, 1:].mean(axis=(0, 1)).tolist()
    )
    with snapshot(engine) as connection:
        (row,) = list_ensembles(connection)
        (progress,) = ensembles_in_progress(connection, 10)
        runs = runs_of(connection, recorded_as(engine, imported, "theirs").ensemble_id)
    assert (row.ensemble, row.arch, row.complete, row.last_evaluation) == ("theirs", None, 3, 4)
    assert row.train_accuracy == pytest.approx(imported.correct[:, :, 4].mean())
    assert (progress.complete, progress.queued, progress.running) == (3, 0, 0)
    assert [run.share for run in runs] == [1, 1, 1]


def test_plots(engine: Engine, imported: Story) -> None:
    assert tp_agreement(engine, "theirs") is not None
    with pytest.raises(UsageError, match="'theirs' was imported without pictures, which this plot"):
        learning_order(engine, "theirs")


def test_nobody_trains_it(engine: Engine, imported: Story) -> None:
    with engine.begin() as connection:
        run_ids = list(connection.scalars(select(Run.id)))
        assert open_runs(connection, "tracker") == 0
        assert retry(connection, run_ids) == []
        assert [claim_run(connection, run_id, "host:1") for run_id in run_ids] == [None] * 3
        ours = register_dataset(connection, dataset_of(story(dataset="ours")))
        with pytest.raises(UsageError, match=r"'theirs' was imported from theirs\.npz, and cannot"):
            enqueue_runs(connection, "theirs", spec_of(imported), ours, range(2), "tracker")


def test_the_sampler_needs_pictures_or_scores(engine: Engine, imported: Story) -> None:
    pictures = make_dataset("any", {"train": 20}, imported.labels, 5).splits["train"]
    with pytest.raises(UsageError, match="'theirs' was imported without pictures"):
        CurriculumSampler(pictures, ensemble="theirs", epochs=2, engine=engine)
    scores = read_scores("theirs", "accessibility", engine=engine)
    np.testing.assert_allclose(scores, imported.correct[:, :, 1:].mean(axis=(0, 2)))
    assert len(CurriculumSampler(pictures, scores=scores, easy="high", epochs=2).ranking) == 20


def test_runs_of_unequal_length_are_all_done(engine: Engine, tmp_path: Path) -> None:
    told = story(recorded=[[1, 2, 3, 4], [1], [2, 4]])
    import_ensemble(engine, [parquet(tmp_path, told)], "theirs")
    with engine.connect() as connection:
        runs = runs_of(connection, connection.scalars(select(Ensemble.id)).one())
    assert [(run.evaluations, run.share) for run in runs] == [(4, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_what_is_only_exported_is_not_imported(engine: Engine, kind: str) -> None:
    formats = "npz, parquet, cartography, forgetting"
    message = f"order.{kind} is {kind}, which is not imported: choose one of {formats}"
    with pytest.raises(UsageError, match=message):
        import_ensemble(engine, [Path(f"order.{kind}")], "theirs")


def test_errors_are_of_one_class(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "dynamics_epoch_0.jsonl").write_text(json.dumps({"guid": 1}))
    for name in ("nothing.npz", "dynamics_epoch_0.jsonl"):
        with pytest.raises(TrackerError):
            import_ensemble(engine, [tmp_path / name], "theirs")
