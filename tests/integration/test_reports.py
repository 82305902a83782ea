"""What `tracker show`, `plot` and `list` read, against NumPy on the outcomes themselves."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, select, update
from typer.testing import CliRunner

from tests.support.ensembles import (
    Recorded,
    Story,
    add_ensemble,
    block_size,
    dataset_of,
    make_dataset,
    record,
    story_of,
)
from tracker import plots, reports
from tracker.cli import show
from tracker.db.models import Evaluation
from tracker.errors import DatasetMismatchError, NotFoundError, TrackerError, UsageError
from tracker.reports import views

EXAMPLES, TRAIN = 40, 30


def outcomes(runs: int, evaluations: int, seed: int = 0) -> NDArray[np.bool_]:
    """Right and wrong [runs, EXAMPLES, evaluations]: easy and hard examples, learned gradually."""
    generator = np.random.default_rng(seed)
    ease = generator.random(EXAMPLES)[None, :, None]
    progress = np.linspace(0, 1, evaluations)[None, None, :]
    return generator.random((runs, EXAMPLES, evaluations)) < (ease * 0.5 + progress * 0.5)


def whole_story(runs: int = 4, evaluations: int = 6, **others: object) -> Story:
    """A complete ensemble on two splits."""
    sizes = {"train": TRAIN, "test": EXAMPLES - TRAIN}
    return story_of(outcomes(runs, evaluations), sizes=sizes, num_classes=3, **others)


def running_story() -> Story:
    """Six runs: two complete, one ahead of the other that trains, one failed, one queued."""
    recorded = [range(6), range(6), range(4), range(2), range(3), ()]
    states = ["complete", "complete", "running", "running", "failed", "queued"]
    return whole_story(6, recorded=recorded, states=states)


def stories() -> list[Story]:
    return [whole_story(), whole_story(1, 1), whole_story(3, 5, first=1), running_story()]


@pytest.fixture(params=range(4), ids=["complete", "one evaluation", "no initial", "running"])
def recorded(request: pytest.FixtureRequest, connection: Connection) -> Iterator[Recorded]:
    """An ensemble in the database, in blocks of 16 examples."""
    with block_size(16):
        yield record(connection, stories()[request.param])


# --- what the reports must say --------------------------------------------------------------------


def behind(story: Story, evaluation: int) -> list[int]:
    """Runs that count at an evaluation."""
    return [
        run
        for run in range(story.runs)
        if evaluation in story.recorded[run] and story.states[run] != "failed"
    ]


def counted(story: Story) -> list[int]:
    """Runs that count at all."""
    return [
        run
        for run in range(story.runs)
        if len(story.recorded[run]) and story.states[run] != "failed"
    ]


def ordinals(story: Story) -> list[int]:
    return [e for e in range(story.evaluations) if behind(story, e)]


def split_of(story: Story, split: str) -> slice:
    indices = story.split_ranges()[split]
    return slice(indices.start, indices.stop)


# --- curves ---------------------------------------------------------------------------------------


def test_evaluations_and_the_runs_behind_each(connection: Connection, recorded: Recorded) -> None:
    story = recorded.story
    rows = reports.evaluations(connection, story.name)
    assert [(row.evaluation, row.runs) for row in rows] == [
        (e, len(behind(story, e))) for e in ordinals(story)
    ]


def test_accuracy_is_over_the_runs_that_recorded_it(
    connection: Connection, recorded: Recorded
) -> None:
    story = recorded.story
    rows = reports.accuracy_by_evaluation(connection, story.name)
    expected = []
    for split in ("train", "test"):
        for e in ordinals(story):
            each = story.correct[behind(story, e), split_of(story, split), e].mean(axis=1)
            figures = pytest.approx((each.mean(), each.min(), each.max()))
            expected.append((split, e, len(each), figures))
    assert [
        (row.split, row.evaluation, row.runs, (row.mean, row.min, row.max)) for row in rows
    ] == expected


def test_accuracy_on_train_is_that_on_what_was_trained_on(
    engine: Engine, commands: typer.Typer
) -> None:
    held_out = np.arange(3 * TRAIN).reshape(3, TRAIN) % 4 == 0
    with engine.begin() as connection:
        story = record(connection, replace(whole_story(3), held_out=held_out)).story
        [row] = [
            row
            for row in reports.accuracy_by_evaluation(connection, story.name)
            if (row.split, row.evaluation) == ("train", 1)
        ]
    right = story.correct[:, :TRAIN, 1]
    seen = [float(right[run][~held_out[run]].mean()) for run in range(3)]
    unseen = [float(right[run][held_out[run]].mean()) for run in range(3)]
    assert (row.mean, row.min, row.max) == pytest.approx((np.mean(seen), min(seen), max(seen)))
    assert row.held_out == pytest.approx(np.mean(unseen))
    shown = output_of(commands, "show", story.name)
    assert "held out %" in shown
    assert "train %: of the examples that each run trains on; held out %: of the rest." in shown
    assert "train: of the examples that each run trains on" in errors_of(commands, "list")
    with engine.begin() as connection:
        whole = record(connection, whole_story(3)).story
        rows = reports.accuracy_by_evaluation(connection, whole.name)
    assert {row.held_out is None for row in rows if row.split == "train"} == {True}
    assert "held out %" not in output_of(commands, "show", whole.name)


@pytest.mark.parametrize("states", [["complete", "complete"], ["complete", "failed"]])
def test_what_counts_held_out_answers_too_says_so(
    engine: Engine, commands: typer.Typer, states: list[str]
) -> None:
    """The second run alone holds out, and counts only if it has not failed."""
    held_out = np.arange(2 * TRAIN).reshape(2, TRAIN) % (2 * TRAIN) == 2 * TRAIN - 1
    with engine.begin() as connection:
        story = record(connection, replace(whole_story(2, states=states), held_out=held_out)).story
    counts = states[1] == "complete"
    for split, told in (("train", counts), ("test", False)):
        text = output_of(commands, "show", story.name, "--split", split)
        assert ("`tracker query learning_by_held_out --ensemble" in text) is told
        found = json.loads(output_of(commands, "show", story.name, "--split", split, "--json"))
        assert found["some_held_out"] is told
        figure = plots.tp_agreement(engine, story.name, split)
        words = [text.get_text() for axes in figure.axes for text in axes.texts]
        assert any("runs that held it out count too" in line for line in words) is told


def test_histograms_count_every_example(connection: Connection, recorded: Recorded) -> None:
    story = recorded.story
    for split in ("train", "test"):
        histograms = reports.tp_histograms(connection, story.name, split)
        assert [each.evaluation for each in histograms] == ordinals(story)
        for each in histograms:
            runs = behind(story, each.evaluation)
            right = story.correct[runs, split_of(story, split), each.evaluation].sum(axis=0)
            assert each.runs == len(runs)
            assert each.examples.tolist() == np.bincount(right, minlength=len(runs) + 1).tolist()
            assert len(each.null_examples) == len(runs) + 1
            assert each.null_examples.sum() == pytest.approx(len(right))
            # The null model has the same accuracy.
            counts = np.arange(len(runs) + 1)
            assert each.null_examples @ counts == pytest.approx(each.examples @ counts)


def test_a_histogram_of_one_evaluation(connection: Connection) -> None:
    story = whole_story()
    record(connection, story)
    (one,) = reports.tp_histograms(connection, story.name, "train", 3)
    every = reports.tp_histograms(connection, story.name, "train")
    assert one.examples.tolist() == every[3].examples.tolist()
    assert reports.tp_histograms(connection, story.name, "train", 99) == ()


def test_null_model_of_equal_runs_is_binomial(connection: Connection) -> None:
    # Both runs are right about half of the examples, not the same ones.
    story = story_of([[[True], [True], [False], [False]], [[True], [False], [True], [False]]])
    record(connection, story)
    (histogram,) = reports.tp_histograms(connection, story.name, "train")
    assert histogram.null_examples == pytest.approx([1, 2, 1])
    groups = reports.difficulty_groups(histogram)
    assert [(group.examples, group.null_share) for group in groups] == [
        (1, pytest.approx(0.25)),
        (2, pytest.approx(0.5)),
        (1, pytest.approx(0.25)),
    ]


def test_bimodality_beside_the_null(connection: Connection) -> None:
    # Evaluation 0: all wrong, so undefined; 1: two points; 2: right and wrong as by chance.
    right = [
        [[False, True, True], [False, True, True], [False, False, False], [False, False, False]],
        [[False, True, True], [False, True, False], [False, False, True], [False, False, False]],
    ]
    story = story_of(right)
    record(connection, story)
    rows = reports.bimodality_by_evaluation(connection, story.name, "train")
    assert (rows[0].bimodality, rows[0].null_bimodality, rows[0].below_null) == (None, None, None)
    assert rows[1].bimodality == pytest.approx(0)
    assert rows[1].below_null is True
    assert rows[2].bimodality == pytest.approx(rows[2].null_bimodality)


# --- examples -------------------------------------------------------------------------------------


def test_learning_scores_are_in_order_of_position(
    connection: Connection, recorded: Recorded
) -> None:
    story = recorded.story
    for split in ("train", "test"):
        part = split_of(story, split)
        scores = reports.learning_scores(connection, story.name, split)
        assert scores.runs == len(counted(story))
        assert scores.evaluations == len(ordinals(story))
        assert scores.labels.tolist() == story.labels[part].tolist()
        tp = [story.correct[behind(story, e), part, e].mean(axis=0) for e in ordinals(story)]
        assert scores.accessibility == pytest.approx(np.mean(tp, axis=0))
        last = [story.correct[run, part, story.recorded[run][-1]] for run in counted(story)]
        assert scores.learned_share == pytest.approx(np.mean(last, axis=0))
        assert np.isnan(scores.mean_learned).tolist() == (np.sum(last, axis=0) == 0).tolist()


def test_scores_of_nothing(connection: Connection) -> None:
    assert len(reports.learning_scores(connection, "nobody", "train")) == 0


def test_forgetting_is_that_of_each_run_and_example(
    connection: Connection, recorded: Recorded
) -> None:
    story = recorded.story
    for split in ("train", "test"):
        part = split_of(story, split)
        histories = [story.correct[r, part][:, list(story.recorded[r])] for r in counted(story)]
        events = np.concatenate([(h[:, :-1] & ~h[:, 1:]).sum(axis=1) for h in histories])
        met = np.concatenate([h.any(axis=1) for h in histories])
        found = reports.summarize_forgetting(connection, story.name, split)
        assert found.runs == len(histories)
        assert found.mean_events == pytest.approx(events.mean())
        assert found.unforgettable_share == pytest.approx((met & (events == 0)).mean())
        assert found.forgotten_share == pytest.approx((events > 0).mean())
        assert found.never_learned_share == pytest.approx((~met).mean())


# --- the summary ----------------------------------------------------------------------------------


@pytest.fixture
def committed(engine: Engine) -> tuple[Engine, Story]:
    """A running ensemble that other connections see."""
    story = running_story()
    with engine.begin() as connection:
        record(connection, story)
    return engine, story


def test_a_summary_says_how_many_runs_are_behind(committed: tuple[Engine, Story]) -> None:
    engine, story = committed
    summary = reports.summarize(engine, story.name, "test")
    assert summary.info.runs == {"queued": 1, "running": 2, "complete": 2, "failed": 1}
    assert list(summary.info.sizes.items()) == [("train", 30), ("test", 10)]
    assert (summary.runs, summary.forgetting.runs) == (4, 4)
    # Two runs have come to the last evaluation; groups are theirs alone.
    assert (summary.difficulty.evaluation, summary.difficulty.runs) == (5, 2)
    right = story.correct[:2, TRAIN:, 5].sum(axis=0)
    assert [group.examples for group in summary.difficulty.groups] == [
        int((right == count).sum()) for count in (2, 1, 0)
    ]
    assert {row.split for row in summary.accuracy} == {"train", "test"}


def test_a_summary_lists_both_ends_of_the_order(committed: tuple[Engine, Story]) -> None:
    engine, story = committed
    summary = reports.summarize(engine, story.name, "train")
    with engine.connect() as connection:
        scores = reports.learning_scores(connection, story.name, "train")
    order = scores.order().tolist()
    assert [example.position for example in summary.easiest] == order[:10]
    assert [example.position for example in summary.hardest] == order[:-11:-1]
    assert summary.easiest[0].class_name == f"class {summary.easiest[0].label}"
    assert summary.easiest_tied == scores.tied_with(order[9])
    assert [at.accessibility for at in summary.accessibility] == pytest.approx(
        np.quantile(scores.accessibility, reports.QUANTILES)
    )
    events = [example.forgetting_events for example in summary.most_forgotten]
    assert events == sorted(scores.forgetting_events[scores.forgetting_events > 0])[::-1][:10]


def test_the_untrained_network_is_not_compared_with_the_null(
    committed: tuple[Engine, Story],
) -> None:
    engine, story = committed
    summary = reports.summarize(engine, story.name)
    below = [row.below_null for row in summary.bimodality[1:]]
    assert len(summary.bimodality) == 6
    assert summary.evaluations_below_null == below.count(True)
    assert summary.evaluations_compared == 5 - below.count(None)


def test_fewer_examples_than_are_listed(engine: Engine) -> None:
    with engine.begin() as connection:
        story = record(connection, story_of([[[True], [False]]])).story
    summary = reports.summarize(engine, story.name)
    assert [example.position for example in summary.easiest] == [0, 1]
    assert summary.most_forgotten == ()
    assert summary.hardest[0].mean_learned is None


def test_time_is_in_epochs_only_if_evaluations_are(connection: Connection) -> None:
    recorded = record(connection, whole_story(1, 3))
    name = recorded.story.name
    assert reports.find_subject(connection, name, "train").time_unit == "epoch"
    connection.execute(
        update(Evaluation)
        .where(Evaluation.run_id.in_(recorded.run_ids))
        .values(epoch=Evaluation.epoch / 2)
    )
    assert reports.find_subject(connection, name, "train").time_unit == "evaluation"


def test_unknown_ensemble_lists_those_that_exist(connection: Connection) -> None:
    names = [f"known-{number}" for number in range(11)]
    for name in names:
        record(connection, replace(whole_story(1, 1), name=name, dataset="shared"))
    with pytest.raises(NotFoundError, match="no ensemble 'other'") as caught:
        reports.find_subject(connection, "other", "train")
    # The ten newest.
    assert re.findall(r"known-\d+", str(caught.value)) == names[:0:-1]


def test_unknown_split_lists_the_choices(connection: Connection) -> None:
    story = record(connection, whole_story()).story
    with pytest.raises(UsageError, match="unknown split 'val': choose one of train, test"):
        reports.find_subject(connection, story.name, "val")


def test_an_ensemble_without_outcomes_says_so(connection: Connection) -> None:
    story = add_ensemble(connection, whole_story()).story
    with pytest.raises(TrackerError, match=r"no outcomes yet \(runs: 4 queued\)"):
        reports.find_subject(connection, story.name, "train")


def test_an_ensemble_whose_runs_failed_says_so(connection: Connection) -> None:
    story = whole_story(2, states=["failed", "failed"])
    record(connection, story)
    with pytest.raises(TrackerError, match=r"no outcomes yet \(runs: 2 failed\)"):
        reports.find_subject(connection, story.name, "train")


# --- the list -------------------------------------------------------------------------------------


def test_the_list_has_every_ensemble_newest_first(connection: Connection) -> None:
    running, waiting = running_story(), whole_story(2)
    record(connection, running)
    add_ensemble(connection, waiting)
    newest, older = reports.list_ensembles(connection)

    assert (newest.ensemble, newest.runs, newest.complete) == (waiting.name, 2, 0)
    assert (newest.last_evaluation, newest.runs_recorded) == (None, 0)
    assert (newest.train_accuracy, newest.test_accuracy) == (None, None)

    assert (older.dataset, older.arch) == (running.dataset, "mlp-tiny")
    assert (older.runs, older.complete, older.failed) == (6, 2, 1)
    assert (older.last_evaluation, older.runs_recorded) == (5, 2)
    assert older.train_accuracy == pytest.approx(running.correct[:2, :TRAIN, 5].mean())
    assert older.test_accuracy == pytest.approx(running.correct[:2, TRAIN:, 5].mean())


def test_the_columns_that_reports_read_exist(connection: Connection) -> None:
    for view in vars(views).values():
        if hasattr(view, "columns"):
            connection.execute(select(view).limit(0))


# --- the commands ---------------------------------------------------------------------------------


@pytest.fixture
def commands(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """The commands of this module, on the test's database."""
    monkeypatch.setattr(show, "open_reader", lambda: engine)
    app = typer.Typer()
    app.command("show")(show.show)
    app.command("plot")(show.plot)
    app.command("list")(show.list_ensembles)
    return app


def output_of(app: typer.Typer, *arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def errors_of(app: typer.Typer, *arguments: str) -> str:
    return " ".join(CliRunner().invoke(app, arguments, catch_exceptions=False).stderr.split())


def test_show_prints_the_summary(committed: tuple[Engine, Story], commands: typer.Typer) -> None:
    _, story = committed
    text = output_of(commands, "show", story.name, "--split", "test")
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    for part in (
        "1 queued, 2 running, 2 complete, 1 failed; 6 of 6 evaluations recorded",
        "4 runs that have recorded something and not failed",
        "Bimodality of Tp-agreement: test",
        "10 test examples, 4 runs, 6 evaluations",
        "Forgetting on test: 4 runs",
        "Difficulty of test at epoch 5 (2 runs)",
        "The 10 easiest of test",
        "The 10 hardest of test",
        "The 5 most forgotten of test",
    ):
        assert part in text


def test_show_prints_json(committed: tuple[Engine, Story], commands: typer.Typer) -> None:
    _, story = committed
    found = json.loads(output_of(commands, "show", story.name, "--json"))
    assert found["info"]["ensemble"] == story.name
    assert len(found["evaluations"]) == 6
    assert found["difficulty"]["runs"] == 2
    assert found["accessibility"][0]["share"] == 0


def test_show_of_one_run_and_one_evaluation(engine: Engine, commands: typer.Typer) -> None:
    with engine.begin() as connection:
        story = record(connection, whole_story(1, 1)).story
    text = output_of(commands, "show", story.name)
    assert "(1 run, so never in between)" in text
    assert "1 complete; 1 of 1 evaluation recorded" in text
    assert "30 train examples, 1 run, 1 evaluation" in text
    assert "Forgetting on train: 1 run" in text


def test_one_run_has_no_range_and_no_bimodality(engine: Engine, commands: typer.Typer) -> None:
    with engine.begin() as connection:
        story = record(connection, whole_story(1)).story
    text = output_of(commands, "show", story.name)
    table = text[text.index("Accuracy in %") : text.index("Accessibility")].splitlines()
    assert table[1].split() == ["epoch", "runs", "train", "%", "test", "%"]
    assert table[3].split() == [
        "0",
        "1",
        *(f"{100 * story.correct[0, split_of(story, s), 0].mean():.1f}" for s in ("train", "test")),
    ]
    assert "Bimodality takes two runs." in table
    assert not re.search(r"\b1 runs|Below the null", text)
    found = json.loads(output_of(commands, "show", story.name, "--json"))
    assert found["evaluations_compared"] == 0


def test_an_evaluation_of_one_run_is_not_compared_with_the_null(
    engine: Engine, commands: typer.Typer
) -> None:
    with engine.begin() as connection:
        states = ["complete", "running"]
        record(connection, whole_story(2, recorded=[range(6), range(3)], states=states))
        (name,) = (row.ensemble for row in reports.list_ensembles(connection))
    text = output_of(commands, "show", name)
    assert "of 2 evaluations after training began." in text
    (last,) = [line for line in text.splitlines() if line.split()[:2] == ["5", "1"]]
    assert last.split()[-2:] == ["-", "-"]


def test_show_numbers_evaluations_that_are_no_epochs(engine: Engine, commands: typer.Typer) -> None:
    with engine.begin() as connection:
        story = record(connection, whole_story()).story
        connection.execute(update(Evaluation).values(epoch=Evaluation.epoch / 4))
    text = output_of(commands, "show", story.name)
    assert "evaluation  epoch  runs" in text
    assert "1.25" in text
    assert "learned at evaluation" in text


def test_list_prints_a_line_for_each(
    committed: tuple[Engine, Story], commands: typer.Typer
) -> None:
    _, story = committed
    (line,) = output_of(commands, "list").splitlines()[2:]
    accuracy = story.correct[:2, :TRAIN, 5].mean()
    assert line.split()[:6] == [
        story.name,
        story.dataset,
        "mlp-tiny",
        "2/6",
        "5",
        f"{accuracy:.1%}",
    ]
    (row,) = json.loads(output_of(commands, "list", "--json"))
    assert (row["ensemble"], row["runs"], row["complete"]) == (story.name, 6, 2)


def test_an_empty_list_says_how_to_begin(commands: typer.Typer) -> None:
    assert "no ensembles yet: `tracker enqueue" in output_of(commands, "list")
    assert json.loads(output_of(commands, "list", "--json")) == []


# --- the pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", show.PLOTS)
def test_plot_writes_a_picture(
    committed: tuple[Engine, Story],
    commands: typer.Typer,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, story = committed
    monkeypatch.setattr(plots, "load_named", lambda *_, **__: dataset_of(story))
    monkeypatch.chdir(tmp_path)
    picture = f"{story.name}-{kind}.png"
    assert output_of(commands, "plot", kind, story.name).strip() == f"wrote {picture}"
    chosen = tmp_path / "folder" / "picture.pdf"
    chosen.parent.mkdir()
    output_of(commands, "plot", kind, story.name, "--split", "test", "--out", str(chosen))
    assert Path(picture).read_bytes()[:4] == b"\x89PNG"
    assert chosen.read_bytes()[:4] == b"%PDF"


def test_plots_are_titled_with_the_runs_behind_them(committed: tuple[Engine, Story]) -> None:
    engine, story = committed
    figure = plots.tp_agreement(engine, story.name)
    assert f"{story.name}, train split, 2 to 4 runs" in [
        text.get_text() for text in figure.axes[0].texts
    ]


def test_plot_loads_the_dataset_that_was_trained_on(
    committed: tuple[Engine, Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name under which it is stored: `digits-7`, `digits-noise0.4`."""
    engine, story = committed
    asked = []

    def load(name: str) -> object:
        asked.append(name)
        return dataset_of(story)

    monkeypatch.setattr(plots, "load_named", load)
    plots.learning_order(engine, story.name)
    assert asked == [story.dataset]


def test_plot_refuses_other_images_than_those_learned(
    committed: tuple[Engine, Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, story = committed
    other = make_dataset(story.dataset, story.sizes, np.roll(story.labels, 1), story.num_classes)
    monkeypatch.setattr(plots, "load_named", lambda *_, **__: other)
    with pytest.raises(DatasetMismatchError, match=story.dataset):
        plots.learning_order(engine, story.name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("histogram", "any"), "unknown plot 'histogram': choose one of learning-order, tp-agree"),
        (("tp-agreement", "any", "--out", "a.gif"), "'a.gif': choose one of .png, .pdf, .svg"),
        (("tp-agreement", "any"), "no ensemble 'any', nor any other"),
        (("tp-agreement", "a/b"), "'a/b-tp-agreement.png' leads to another folder"),
    ],
)
def test_plot_refuses_what_it_cannot_draw(
    commands: typer.Typer, arguments: tuple[str, ...], message: str
) -> None:
    result = CliRunner().invoke(commands, ["plot", *arguments])
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
