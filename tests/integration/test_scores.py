"""What a curriculum reads from the real views, and the datasets that it refuses."""

import numpy as np
import pytest
from sqlalchemy import Engine, make_url, text

from tests.integration.test_depth import STORY as PROBED
from tests.support import reference
from tests.support.ensembles import (
    Recorded,
    add_ensemble,
    block_size,
    claimed,
    dataset_of,
    record,
    story_of,
    with_changes,
    write,
)
from tests.support.servers import Servers, new_database
from tracker import CurriculumSampler
from tracker.curriculum.columns import EASIER, HOMES, NEVER_IF_NULL, easy_end, score_views
from tracker.curriculum.identity import check_dataset
from tracker.curriculum.scores import (
    StoredSplit,
    mean_scores,
    read_examples,
    read_scores,
    read_split,
)
from tracker.datasets import ImageSplit
from tracker.db.engine import make_engine
from tracker.errors import DatasetMismatchError, NotFoundError, UsageError

LEARNING_ORDER = [
    name for name, view in HOMES.items() if view in ("accessibility", "learning_order")
]

RIGHT = np.random.default_rng(3).random((4, 30, 5)) < np.linspace(0, 1, 30)[:, None]
# Example 0 is never right, so that it has no first correct evaluation; example 19 always.
RIGHT[:, 0], RIGHT[:, 19] = False, True
STORY = story_of(RIGHT, sizes={"train": 20, "test": 10}, name="demo")
HELD_OUT = np.random.default_rng(4).random((4, 20)) < 0.3


@pytest.fixture
def demo(engine: Engine) -> Recorded:
    with engine.begin() as connection, block_size(8):
        return record(connection, STORY)


def split_of(demo: Recorded, split: str = "train") -> ImageSplit:
    return dataset_of(demo.story).splits[split]


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_score_stands_at_its_position(engine: Engine, split: str) -> None:
    with engine.begin() as connection, block_size(8):
        demo = record(connection, with_changes(STORY, name="demo", held_out=HELD_OUT))
    expected = [row for row in reference.learning_order(demo) if row["split"] == split]
    expected.sort(key=lambda row: row["position"])
    # Nobody trains on the split test.
    scores = [name for name in LEARNING_ORDER if split == "train" or "trained_on" not in name]
    for score in scores:
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
    with pytest.raises(UsageError, match=r"'hopeless' has no mean_learned .* it is NULL for every"):
        read_scores("hopeless", "mean_learned", engine=engine)
    for score, command in (
        ("ensemble_agreement.ensemble_agreement", "--record outputs.*tracker analyze NAME"),
        ("depth_held_out", "--split 90:10 --probe final"),
        ("consistency.prediction_entropy", "--split 90:10"),
        ("accessibility_held_out", "--split 90:10"),
    ):
        with pytest.raises(UsageError, match=f"'hopeless' has no .*: it comes from .*{command}"):
            read_scores("hopeless", score, engine=engine)


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
    assert stored == StoredSplit(
        "demo", demo.story.dataset, demo.dataset_id, name, len(given), given.fingerprint
    )
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


NOWHERE = make_url("postgresql+psycopg://nobody@127.0.0.1:1/none")

SIGNALS = {
    "confidence": np.random.default_rng(4).random((4, 30, 5), dtype=np.float32),
    "margin": np.random.default_rng(5).random((4, 30, 5), dtype=np.float32),
}


@pytest.fixture
def signalled(engine: Engine) -> Recorded:
    with engine.begin() as connection, block_size(8):
        return record(connection, with_changes(STORY, name="signalled", signals=SIGNALS))


@pytest.mark.embedded_only
def test_every_number_of_every_view_of_examples_can_be_a_score(
    engine: Engine, signalled: Recorded
) -> None:
    """What the sampler reads is what a user sees who asks the view."""
    with engine.connect() as connection:
        views = score_views(connection)
        assert views.keys() >= {*HOMES.values(), "example_difficulty", "convergence"}
        assert "forgetting" not in views, "it has a row for each run"
        assert "tp_agreement" not in views, "it has a row for each evaluation"
        assert "learning_by_held_out" not in views, "it has a row for each kind of runs"
        for view, columns in views.items():
            assert not columns.keys() & {"position", "label", "ensemble_id"}
            rows = connection.execute(
                text(f"SELECT * FROM {view} WHERE ensemble = 'signalled' AND split = 'train'")
            ).all()
            for name in columns:
                null = np.inf if name in NEVER_IF_NULL else np.nan
                expected = np.full(20, np.nan)
                for row in rows:
                    value = getattr(row, name)
                    expected[row.position] = null if value is None else float(value)
                if np.isfinite(expected).any():
                    values = read_scores("signalled", name, view=view, engine=engine)
                    np.testing.assert_allclose(values, expected, atol=1e-12)
                else:
                    with pytest.raises(UsageError, match=f"has no {name} of"):
                        read_scores("signalled", f"{view}.{name}", engine=engine)


@pytest.mark.embedded_only
def test_a_name_alone_is_that_of_the_summary(engine: Engine, signalled: Recorded) -> None:
    with engine.connect() as connection:
        views = score_views(connection)
    assert set(HOMES) <= set(views["example_difficulty"])
    for name, view in HOMES.items():
        assert name in views[view]
        # Of held-out examples and of probed networks, and this ensemble has neither.
        if name.endswith("_held_out") or view in ("consistency", "prediction_depth"):
            continue
        alone, summary = (
            read_scores("signalled", score, engine=engine)
            for score in (name, f"example_difficulty.{name}")
        )
        np.testing.assert_allclose(alone, summary, atol=1e-12, err_msg=name)
    assert read_scores("signalled", "rescaled", engine=engine).shape == (20,)


@pytest.mark.embedded_only
def test_names_that_are_no_score_list_the_choices(engine: Engine, demo: Recorded) -> None:
    for score, view, message in (
        ("ease", None, "unknown score 'ease': choose one of accessibility, access.*, aum"),
        ("accessibility.ease", None, "unknown score of accessibility 'ease': choose one of access"),
        ("label", None, "unknown score 'label'"),
        ("forgetting.learned", None, "unknown view of a score 'forgetting': .*, learning_order"),
        ("aum.aum", "aum", "names its view already: leave out view='aum'"),
        ("runs", None, "several views have a score 'runs': choose one of aum.runs, consensus.runs"),
        (7, None, "score must be the name of a column, got 7"),
    ):
        with pytest.raises(UsageError, match=message):
            read_scores("demo", score, view=view, engine=engine)  # type: ignore[arg-type]


@pytest.mark.embedded_only
def test_the_field_knows_only_scores_that_exist(engine: Engine) -> None:
    with engine.connect() as connection:
        columns = {name for view in score_views(connection).values() for name in view}
    assert set(EASIER) <= columns
    assert easy_end("rank") == easy_end("accessibility.rank") == "low"
    assert easy_end("difficulty_type.rank") is None, "a place within a type"


def test_several_ensembles_are_averaged(engine: Engine, demo: Recorded) -> None:
    with engine.begin() as connection, block_size(8):
        predicted = np.broadcast_to(STORY.labels[None, :, None], STORY.predicted.shape)
        record(connection, with_changes(STORY, predicted=predicted, name="perfect"))
        record(
            connection, story_of(RIGHT, sizes={"train": 20, "test": 10}, labels=[1] * 30, name="o")
        )
    one = read_scores("demo", engine=engine)
    assert read_scores(["demo", "perfect"], engine=engine) == pytest.approx((one + 1) / 2)
    assert read_scores(["demo", "demo", "perfect"], engine=engine) == pytest.approx(
        (2 * one + 1) / 3
    )
    with pytest.raises(DatasetMismatchError, match="'demo' and 'o' were trained on different exam"):
        read_scores(["demo", "o"], engine=engine)
    with pytest.raises(NotFoundError, match="no ensemble 'none'"):
        read_scores(["demo", "none"], engine=engine)


def test_means_are_over_those_that_have_a_score() -> None:
    nan, inf = np.nan, np.inf
    mean = mean_scores([np.array([1, nan, nan, inf]), np.array([3, 5, nan, 2])])
    np.testing.assert_array_equal(mean, [2, 5, nan, inf])


@pytest.mark.embedded_only
def test_which_end_is_easy_is_known_or_asked(engine: Engine, signalled: Recorded) -> None:
    train = split_of(signalled)
    options = {"ensemble": "signalled", "epochs": 3, "engine": engine}
    entropy = CurriculumSampler(train, score="consensus.prediction_entropy", **options)
    assert entropy.curriculum.easy == "low"
    with pytest.raises(UsageError, match=r"which end of data_map\.variability is easy"):
        CurriculumSampler(train, score="variability", **options)
    steady = CurriculumSampler(train, score="variability", easy="low", **options)
    deviation = SIGNALS["confidence"][:, :20].std(axis=2, dtype=np.float64).mean(axis=0)
    assert steady.ranking[0] == deviation.argmin()
    assert steady.ranking[-1] == deviation.argmax()


def test_refresh_follows_an_ensemble_that_trains(engine: Engine, demo: Recorded) -> None:
    untrained = with_changes(STORY, name="live", recorded=[()] * 4, states=["queued"] * 4)
    with engine.begin() as connection, block_size(8):
        recorded = record(connection, untrained)
        claims = [claimed(connection, run_id) for run_id in recorded.run_ids]
        for run, claim in enumerate(claims):
            write(connection, claim, STORY, run, 0)
    train = split_of(demo)
    live, once = (
        CurriculumSampler(train, ensemble="live", refresh=refresh, epochs=4, engine=engine)
        for refresh in ("epoch", None)
    )
    before = live.ranking
    with engine.begin() as connection, block_size(8):
        for run, claim in enumerate(claims):
            for evaluation in (1, 2, 3, 4):
                write(connection, claim, STORY, run, evaluation)
    live.set_epoch(0)
    assert np.array_equal(live.ranking, before), "this epoch has begun"
    for sampler in (live, once):
        sampler.set_epoch(1)
    scores = read_scores("live", engine=engine)
    assert (np.diff(scores[live.ranking]) <= 0).all()
    assert not np.array_equal(live.ranking, before)
    assert np.array_equal(once.ranking, before)


def live_sampler(engine: Engine, train: ImageSplit) -> CurriculumSampler:
    return CurriculumSampler(train, ensemble="demo", refresh="epoch", epochs=4, engine=engine)


def goes_on(sampler: CurriculumSampler, reason: str) -> None:
    """A new epoch begins with the scores of before, and says why."""
    before, first = sampler.ranking, sampler.pool_size
    with pytest.warns(RuntimeWarning, match=f"epoch 1 keeps the scores of before: .*{reason}"):
        sampler.set_epoch(1)
    assert np.array_equal(sampler.ranking, before)
    assert sampler.pool_size > first
    assert len(list(sampler)) == sampler.pool_size


@pytest.mark.embedded_only
def test_training_goes_on_without_the_ensemble_or_an_answer(
    engine: Engine, demo: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler, hasty = (live_sampler(engine, split_of(demo)) for _ in range(2))
    with monkeypatch.context() as patch:
        patch.setattr("tracker.curriculum.planned.REFRESH_SECONDS", 0.001)
        goes_on(hasty, "statement timeout")
    with engine.begin() as connection:
        connection.execute(text("UPDATE ensemble SET name = 'renamed'"))
    goes_on(sampler, "no ensemble 'demo'")


@pytest.mark.embedded_only
def test_training_goes_on_when_the_database_is_gone(servers: Servers) -> None:
    with new_database(servers.admin, servers.template) as url:
        engine = make_engine(url)
        with engine.begin() as connection, block_size(8):
            train = split_of(record(connection, STORY))
        sampler = live_sampler(engine, train)
    goes_on(sampler, "cannot connect to PostgreSQL")
    engine.dispose()


@pytest.mark.embedded_only
def test_a_dataset_is_refused_without_the_database_too(engine: Engine, demo: Recorded) -> None:
    """Only the first of several processes need reach it."""
    train, unreachable = split_of(demo), make_engine(NOWHERE)
    stored = read_split("demo", engine=engine)
    check_dataset(train, stored, unreachable)
    with pytest.raises(DatasetMismatchError, match="its fingerprint differs"):
        check_dataset(train.take("d", np.arange(20)[::-1]), stored, unreachable)


TYPES = np.array(["easy", "looks_like_a_different_class", "ambiguous", "easy"] * 5)


def with_types(engine: Engine, kept: str = "position <> 3") -> None:
    """A view with as many of each type as a test of proportions needs, in place of the real one."""
    cases = " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(TYPES[:4]))
    with engine.begin() as connection:
        connection.execute(text("DROP VIEW IF EXISTS difficulty_type CASCADE"))
        connection.execute(
            text(
                "CREATE VIEW difficulty_type AS SELECT ensemble, ensemble_id, split, position,"
                f" NULLIF(CASE position % 4 {cases} END, 'nothing') AS type FROM accessibility"
                f" WHERE {kept}"
            )
        )


@pytest.mark.embedded_only
def test_types_of_the_ensemble_are_weights(engine: Engine, demo: Recorded) -> None:
    with_types(engine)
    train = split_of(demo)
    shared = {"ensemble": "demo", "epochs": 4, "start": 1.0, "engine": engine}
    whole = CurriculumSampler(train, types={"looks_like_a_different_class": 0}, **shared)
    assert sorted(whole) == np.flatnonzero(TYPES != "looks_like_a_different_class").tolist()
    weighted = CurriculumSampler(
        train,
        types={"looks_like_a_different_class": 0, "ambiguous": 0.5},
        num_samples=3000,
        **shared,
    )
    drawn = TYPES[list(weighted)]
    assert set(drawn) == {"easy", "ambiguous"}
    # Five of weight 1/2 beside ten of weight 1; position 3 has no type, and weighs 1 too.
    assert (drawn == "ambiguous").mean() == pytest.approx(0.2, abs=0.03)
    with pytest.raises(
        UsageError, match="unknown difficulty type 'hard': choose one of easy, look"
    ):
        CurriculumSampler(train, types={"hard": 0}, **shared)
    with pytest.raises(UsageError, match="difficulty types are those of one ensemble, not of demo"):
        CurriculumSampler(train, types={"easy": 0}, **{**shared, "ensemble": ["demo", "demo"]})


@pytest.mark.embedded_only
def test_types_and_depths_of_probed_networks(engine: Engine) -> None:
    """By the real views: example 0 is easy, 1 ambiguous, 3 of no type; see test_depth."""
    with engine.begin() as connection, block_size(8):
        probed = record(connection, PROBED)
    assert read_scores("depth", "depth_trained_on", engine=engine).tolist() == [0, 2, 1, 2]
    shared = {"ensemble": "depth", "epochs": 4, "start": 1.0, "engine": engine}
    with pytest.raises(UsageError, match=r"difficulty_type is no number: weigh by types=\{...\}"):
        CurriculumSampler(split_of(probed), score="difficulty_type", **shared)
    sampler = CurriculumSampler(
        split_of(probed), score="prediction_depth", types={"ambiguous": 0}, **shared
    )
    assert sampler.curriculum.easy == "low"
    assert sampler.ranking.tolist() == [0, 2, 3]


@pytest.mark.embedded_only
def test_types_that_are_not_there_say_where_they_come_from(engine: Engine, demo: Recorded) -> None:
    with_types(engine, kept="false")
    message = "'demo' has no difficulty types of split 'train': they come from runs with --split"
    with pytest.raises(UsageError, match=message):
        CurriculumSampler(
            split_of(demo), ensemble="demo", types={"easy": 0}, epochs=4, engine=engine
        )
