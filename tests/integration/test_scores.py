"""What a curriculum reads from the real views, and the datasets that it refuses."""

import numpy as np
import pytest
from sqlalchemy import Engine

from tests.support import reference
from tests.support.ensembles import (
    Recorded,
    add_ensemble,
    block_size,
    dataset_of,
    record,
    story_of,
    with_changes,
)
from tracker import CurriculumSampler
from tracker.curriculum.identity import check_dataset
from tracker.curriculum.scores import (
    EASIER,
    NEVER_IF_NULL,
    StoredSplit,
    read_examples,
    read_scores,
    read_split,
)
from tracker.datasets import ImageSplit
from tracker.errors import DatasetMismatchError, NotFoundError, UsageError

RIGHT = np.random.default_rng(3).random((4, 30, 5)) < np.linspace(0, 1, 30)[:, None]
# Example 0 is never right, so that it has no first correct evaluation; example 19 always.
RIGHT[:, 0], RIGHT[:, 19] = False, True
STORY = story_of(RIGHT, sizes={"train": 20, "test": 10}, name="demo")


@pytest.fixture
def demo(engine: Engine) -> Recorded:
    with engine.begin() as connection, block_size(8):
        return record(connection, STORY)


def split_of(demo: Recorded, split: str = "train") -> ImageSplit:
    return dataset_of(demo.story).splits[split]


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_score_stands_at_its_position(engine: Engine, demo: Recorded, split: str) -> None:
    expected = [row for row in reference.learning_order(demo) if row["split"] == split]
    expected.sort(key=lambda row: row["position"])
    for score in EASIER:
        values = read_scores("demo", score, split, engine)
        assert values.dtype == np.float64
        missing = np.inf if score in NEVER_IF_NULL else np.nan
        wanted = [missing if row[score] is None else row[score] for row in expected]
        np.testing.assert_allclose(values, wanted, atol=1e-9)
    assert np.isinf(read_scores("demo", "first_correct", "train", engine)[0])
    assert read_scores("demo", "accessibility", "train", engine)[[0, 19]].tolist() == [0, 1]


def test_only_the_ensemble_asked_for_counts(engine: Engine, demo: Recorded) -> None:
    before = read_scores("demo", "accessibility", engine=engine)
    with engine.begin() as connection, block_size(8):
        predicted = np.broadcast_to(STORY.labels[None, :, None], STORY.predicted.shape)
        record(connection, with_changes(STORY, predicted=predicted, name="other"))
    assert np.array_equal(read_scores("demo", "accessibility", engine=engine), before)
    assert read_scores("other", "accessibility", engine=engine).tolist() == [1.0] * 20


def test_a_running_ensemble_answers(engine: Engine) -> None:
    running = with_changes(
        STORY,
        name="running",
        recorded=[[0, 1], [0], (), ()],
        states=["running"] * 2 + ["queued"] * 2,
    )
    with engine.begin() as connection, block_size(8):
        recorded = record(connection, running)
    values = read_scores("running", "accessibility", engine=engine)
    expected = [row["accessibility"] for row in reference.learning_order(recorded)[:20]]
    assert values == pytest.approx(expected)


def test_an_ensemble_without_outcomes_says_what_to_wait_for(engine: Engine) -> None:
    with engine.begin() as connection:
        add_ensemble(connection, STORY)
    assert read_split("demo", engine=engine).size == 20
    with pytest.raises(UsageError, match=r"'demo' has no outcomes yet .*accessibility of split"):
        read_scores("demo", "accessibility", engine=engine)


def test_a_score_that_no_example_has_yet(engine: Engine) -> None:
    wrong = story_of(np.zeros((2, 4, 2)), name="hopeless")
    with engine.begin() as connection:
        record(connection, wrong)
    assert read_scores("hopeless", "accessibility", engine=engine).tolist() == [0.0] * 4
    with pytest.raises(UsageError, match="no outcomes yet that give mean_learned"):
        read_scores("hopeless", "mean_learned", engine=engine)


def test_a_missing_ensemble_lists_those_that_exist(engine: Engine) -> None:
    with pytest.raises(NotFoundError, match="no ensemble 'demo', nor any other: make one"):
        read_split("demo", engine=engine)
    names = [f"e{number:02}" for number in range(12)]
    with engine.begin() as connection:
        for name in names[:10]:
            add_ensemble(connection, with_changes(STORY, name=name))
    ten = ", ".join(reversed(names[:10]))
    for read in (read_split, lambda name, engine: read_scores(name, "rank", engine=engine)):
        with pytest.raises(NotFoundError, match=f"no ensemble 'demo': choose one of {ten}$"):
            read("demo", engine=engine)
    with engine.begin() as connection:
        for name in names[10:]:
            add_ensemble(connection, with_changes(STORY, name=name))
    newest = ", ".join(reversed(names[2:]))
    with pytest.raises(NotFoundError, match=rf"choose one of {newest}, \.\.\.$"):
        read_split("demo", engine=engine)


def test_a_missing_split_lists_those_that_exist(engine: Engine, demo: Recorded) -> None:
    with pytest.raises(UsageError, match="unknown split 'valid': choose one of train, test"):
        read_split("demo", "valid", engine)
    with pytest.raises(UsageError, match="unknown split 'valid'"):
        read_scores("demo", "accessibility", "valid", engine)


@pytest.mark.parametrize("name", ["train", "test"])
def test_stored_examples_are_the_dataset(engine: Engine, demo: Recorded, name: str) -> None:
    given = split_of(demo, name)
    stored = read_split("demo", name, engine)
    assert stored == StoredSplit("demo", demo.dataset_id, name, len(given), given.fingerprint)
    hashes, labels = read_examples(stored, engine)
    assert hashes == given.hashes
    assert labels.tolist() == given.labels.tolist()
    check_dataset(given, stored, engine)


def test_other_datasets_are_refused(engine: Engine, demo: Recorded) -> None:
    given = split_of(demo)
    images, labels = given.images.copy(), given.labels.copy()
    images[7], images[9] = images[9].copy(), images[7].copy()
    labels[12] = (labels[12] + 1) % 3

    def changed(**arrays: np.ndarray) -> ImageSplit:
        return ImageSplit.whole(
            "d", "train", **({"images": given.images, "labels": given.labels} | arrays)
        )

    old, new = given.labels[12], labels[12]
    cases = {
        "it has 19 examples, not 20": given.take("d", np.arange(19)),
        "it has 10 examples, not 20": split_of(demo, "test"),
        "position 7 has another picture;": changed(images=images),
        f"position 12 has label {new}, not {old};": changed(labels=labels),
        "position 0 has another picture and label": given.take("d", np.arange(20)[::-1]),
    }
    stored = read_split("demo", engine=engine)
    for reason, dataset in cases.items():
        with pytest.raises(DatasetMismatchError, match=f"'train' split .* 'demo' .*: {reason}"):
            check_dataset(dataset, stored, engine)


def test_the_sampler_on_a_real_ensemble(engine: Engine, demo: Recorded) -> None:
    train = split_of(demo)
    scores = read_scores("demo", "accessibility", engine=engine)
    easy = CurriculumSampler(train, ensemble="demo", epochs=5, engine=engine)
    assert (np.diff(scores[easy.ranking]) <= 0).all()
    assert scores[list(easy)].min() >= np.sort(scores)[-4]
    late = CurriculumSampler(
        train, ensemble="demo", score="mean_learned", order="hard-first", epochs=5, engine=engine
    )
    learned = read_scores("demo", "mean_learned", engine=engine)[late.ranking]
    never = int(np.isinf(learned).sum())
    assert np.isinf(learned[:never]).all(), "what no run learns is hardest of all"
    assert (np.diff(learned[never:]) <= 0).all()
    with pytest.raises(DatasetMismatchError):
        CurriculumSampler(train.take("d", np.arange(19)), ensemble="demo", epochs=5, engine=engine)
