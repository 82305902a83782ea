"""The benchmark's own parts: its content, its check of answers, its tables."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from benchmarks.asking import Asked, Disagreement, agree
from benchmarks.content import Content
from benchmarks.depth_results import Depths, Result, Types
from benchmarks.load.__main__ import NAMES
from benchmarks.load.locks import logged_waits
from benchmarks.load.readers import QUESTIONS, Mode
from benchmarks.probes import queries_of
from benchmarks.queries import ALL_QUERIES, parameters
from benchmarks.rows import copy_parts
from benchmarks.suspects import average_precision, found
from benchmarks.tables import rate, ratio, seconds, spread, table
from benchmarks.timing import Figure, Missing


def test_content_is_the_same_every_time_and_differs_between_runs() -> None:
    first, again = Content(2, 500, 10), Content(2, 500, 10)
    assert (first.run(1) == again.run(1)).all()
    assert (first.run(0) != first.run(1)).any()
    assert (Content(2, 500, 10, seed=1).run(1) != first.run(1)).any()


def test_content_looks_like_training() -> None:
    content = Content(1, 20_000, 30)
    predicted = content.run(0)
    assert predicted.shape == (30, 20_000)
    assert predicted.dtype == np.uint8
    right = predicted == content.labels
    accuracy = right.mean(axis=1)
    assert accuracy[0] < 0.25
    assert 0.85 < accuracy[-1] < 0.92
    assert (np.diff(accuracy) > -0.01).all()
    forgotten = (right[:-1] & ~right[1:]).sum(axis=0)
    assert 0.05 < (forgotten == 0).mean() < 0.5
    # Mistakes: most name one of two classes, and every class is named.
    wrong = np.array(
        [np.bincount(predicted[:, x][~right[:, x]], minlength=10) for x in range(2000)]
    )
    often = wrong[wrong.sum(axis=1) >= 10]
    share = np.sort(often, axis=1)[:, -2:].sum(axis=1) / often.sum(axis=1)
    assert 0.75 < share.mean() < 0.95
    assert (wrong.sum(axis=0) > 0).all()


@pytest.mark.parametrize("classes", [2, 257, 1000])
def test_content_stays_within_its_classes(classes: int) -> None:
    content = Content(1, 400, 3, classes)
    predicted = content.run(0)
    assert int(predicted.max()) < classes
    assert set(np.unique(content.labels)) <= set(range(classes))
    assert (predicted != content.labels).any()


def test_rows_are_what_copy_takes() -> None:
    content = Content(2, 3, 2)
    parts = list(copy_parts(content, 1))
    assert len(parts) == 2
    predicted = content.run(1)
    expected = struct.pack(
        *("!hiiihihihib", 5, 4, 2, 2, 1, 2, 2, 2, int(predicted[1, 2]), 1),
        int(predicted[1, 2] == content.labels[2]),
    )
    assert parts[1][2].tobytes() == expected


def test_different_answers_are_an_error() -> None:
    def asked(*sums: object) -> Asked:
        return Asked(Figure.of([1.0]), answers={"timed": sums})

    agree("same", asked(3, 0.1 + 0.2, None), asked(3.0, 0.3, None))
    agree("one was not asked", asked(3), Asked(Missing("> 60 s")))
    for other in ((3, 0.3001, None), (3, 0.3, 1.0), (4, 0.3, None), (3, 0.3)):
        with pytest.raises(Disagreement, match="rows: timed sums differ"):
            agree("rows", asked(3, 0.3, None), asked(*other))


def test_every_query_fills_in_for_every_engine() -> None:
    fields = {**parameters(Content(2, 10, 5)), "first_run": 1, "example": 3}
    for query in ALL_QUERIES.values():
        assert query.duckdb
        rows = [] if query.rows is None else [query.rows]
        for sql in (query.ours, *rows, *(form.sql for form in query.duckdb)):
            filled = query.timed(sql.format(**fields))
            assert "{" not in filled
            assert filled.startswith("SELECT count(*), ")


def test_figures_as_text() -> None:
    assert spread(Figure.of([0.2, 0.1, 0.4]), seconds) == "200 ms (100 ms - 400 ms)"
    assert spread(Figure.of([2.5]), seconds) == "2.5 s (once)"
    assert spread(Missing("> 60 s"), seconds) == "> 60 s"
    assert ratio(Figure.of([0.5]), Figure.of([6.0])) == "12x"
    assert ratio(Figure.of([0.5]), Figure.of([0.2])) == "0.4x"
    assert ratio(Missing("no"), Figure.of([0.2])) == "-"
    assert rate(41.2e6) == "41.2 M/s"
    assert rate(4700) == "4.7 k/s"
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"


def test_depths_are_compared_as_the_paper_compares_them() -> None:
    """Of eight examples the last two are mislabelled: deep where trained on, not held out."""
    depth = np.array([[0, 0, 1, 1, 2, 2, 4, 4], [0, 1, 1, 2, 2, 3, 0, 0]], dtype=float)
    held_out = np.array([[False] * 8, [False] * 4 + [True] * 4])
    correct = np.ones((2, 8), dtype=bool)
    correct[0, 7] = False
    told = Depths(
        layers=5,
        depth=depth,
        held_out=held_out,
        correct=correct,
        output_margin=5 - depth,
        learned=depth.astype(int),
        mislabelled=np.arange(8) >= 6,
    )
    types = Types(np.array([4, 2, 1, 1]), np.array([0, 2, 0, 0]))
    result = Result.of(told, types)
    # Trained on: 0, 0.5, 1, 1.5, 2, 2 and 4, 4, of which one is not what its run was told.
    assert (result.clean, result.mislabelled, result.without) == (pytest.approx(7 / 6), 4, 0)
    assert result.fitted == 0.5
    assert result.learned == (pytest.approx(1), pytest.approx(1))
    assert result.margin == (pytest.approx(-1), pytest.approx(-1))
    assert (result.noisy_share, result.chance_share) == (1, 0.25)
    assert result.seeds == pytest.approx(0.5**0.5)
    assert result.failures == []
    other = replace(result, margin=(-1, 0.1), mislabelled=0.5, noisy_share=0.4)
    assert other.failures == [
        "mislabelled examples are deeper than clean ones",
        "shallow examples have larger output margins",
        "most mislabelled examples look like a different class",
    ]


def test_queries_of_large_searches_are_a_sample() -> None:
    assert queries_of(5_000, 64) == 5_000
    for size, width in ((50_000, 4_096), (50_000, 16_384)):
        asked = queries_of(size, width)
        assert asked % 256 == 0
        assert 256 <= asked < size


@given(st.integers(0, 2**31), st.integers(2, 50))
def test_average_precision_is_scikit_learns(seed: int, examples: int) -> None:
    rng = np.random.default_rng(seed)
    wrong = rng.random(examples) < 0.3
    wrong[0] = True
    scores = rng.permutation(examples).astype(float)
    ranking = np.argsort(-scores)
    assert average_precision(ranking, wrong) == pytest.approx(
        average_precision_score(wrong, scores)
    )
    many = int(rng.integers(1, examples + 1))
    chosen = np.zeros(examples, bool)
    chosen[ranking[:many]] = True
    precision, recall, f1, _ = precision_recall_fscore_support(
        wrong, chosen, average="binary", zero_division=0.0
    )
    told = found(ranking[:many], wrong)
    assert (told.chosen, told.precision, told.recall) == (many, precision, recall)
    assert told.f1 == pytest.approx(f1)


def test_nothing_chosen_finds_nothing() -> None:
    nothing = found(np.array([], dtype=np.int64), np.array([True, False]))
    assert (nothing.chosen, nothing.precision, nothing.recall, nothing.f1) == (0, 0, 0, 0)


def test_waits_are_read_from_the_servers_log(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(
        "LOG:  process 7 still waiting for ShareLock on transaction 5 after 100.1 ms\n"
        "DETAIL:  Process holding the lock: 8.\n"
        "STATEMENT:  UPDATE run SET step = 1\n"
        "LOG:  process 7 acquired ShareLock on transaction 5 after 121.5 ms\n"
        "STATEMENT:  UPDATE run SET step = 1\n"
        "LOG:  process 9 acquired AccessShareLock on relation 3 after 900.000 ms\n"
        "STATEMENT:  SELECT 1\n"
    )
    waits = logged_waits(log)
    assert [wait.seconds for wait in waits] == [0.9, 0.1215]
    assert waits[1].what == "ShareLock on transaction 5: UPDATE run SET step = 1"


def test_every_mode_of_the_readers_is_measured_and_every_question_is_of_an_ensemble() -> None:
    assert {*NAMES} == {*Mode}
    assert all(question.count("%s") == 1 for question in QUESTIONS)
