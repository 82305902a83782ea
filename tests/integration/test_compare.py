"""`tracker compare`: what is read of two ensembles, what is printed, what cannot be compared."""

import json
from itertools import combinations, product

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from sqlalchemy import Engine, update
from typer.testing import CliRunner

from tests.support.ensembles import (
    Recorded,
    Story,
    add_ensemble,
    record,
    spec_of,
    story_of,
    with_changes,
)
from tests.support.reference import accessibilities
from tests.support.reference_comparison import both_or_only, cross_consistency, easiest_overlap
from tracker.cli import compare as command
from tracker.db.models import Ensemble, Run
from tracker.errors import NotFoundError, TrackerError, UsageError
from tracker.holdout import parse_holdout
from tracker.reports import Comparison, compare
from tracker.specs import CurriculumSpec

EXAMPLES = 40


def learning(runs: int, evaluations: int, speed: float, seed: int) -> NDArray[np.bool_]:
    """Right and wrong [runs, EXAMPLES, evaluations]: easy examples first, at some speed."""
    rng = np.random.default_rng(seed)
    ease = np.linspace(1, 0, EXAMPLES)[None, :, None]
    progress = speed * np.arange(evaluations)[None, None, :] / evaluations
    right = rng.random((runs, EXAMPLES, evaluations)) < np.clip(ease * 0.6 + progress, 0, 1)
    # Twice each, so that evaluations match several.
    return np.repeat(right, 2, axis=2)


SLOW = story_of(learning(3, 8, 0.5, 0), sizes={"train": 30, "test": 10}, name="slow")
FAST = with_changes(
    story_of(learning(4, 7, 0.9, 1), sizes=SLOW.sizes), name="fast", dataset=SLOW.dataset
)


@pytest.fixture
def two(engine: Engine) -> tuple[Recorded, Recorded]:
    with engine.begin() as connection:
        return record(connection, SLOW), record(connection, FAST)


@pytest.fixture
def found(engine: Engine, two: tuple[Recorded, Recorded]) -> Comparison:
    return compare(engine, "slow", "fast")


def test_matched_evaluations_are_those_of_the_views(
    found: Comparison, two: tuple[Recorded, Recorded]
) -> None:
    def by_pair(rows: list[dict[str, object]]) -> dict[tuple[object, object], dict[str, object]]:
        return {(r["evaluation_a"], r["evaluation_b"]): r for r in rows if r["split"] == "train"}

    votes, merged, easiest = (
        by_pair(reference(*two)) for reference in (both_or_only, cross_consistency, easiest_overlap)
    )
    assert found.matched_evaluations == len(votes) > len(found.matched) > 1
    for pair in found.matched:
        place = (pair.evaluation_a, pair.evaluation_b)
        rows = votes[place] | merged[place] | easiest[place]
        for name, value in vars(pair).items():
            assert value == (pytest.approx(rows[name]) if isinstance(value, float) else rows[name])
        others = [row for at, row in votes.items() if at[0] == pair.evaluation_a]
        differences = [abs(row["accuracy_a"] - row["accuracy_b"]) for row in others]  # type: ignore[operator]
        assert abs(pair.accuracy_a - pair.accuracy_b) == pytest.approx(min(differences))
    assert [pair.evaluation_a for pair in found.matched] == sorted({at[0] for at in votes})  # type: ignore[type-var]


def test_order_is_scipys(found: Comparison) -> None:
    # Equals differ in the last bits of their sums.
    a, b = (accessibilities(story)[:30].round(12) for story in (SLOW, FAST))
    pearson, spearman = stats.pearsonr(a, b), stats.spearmanr(a, b)
    told = (
        found.order.pearson,
        found.order.pearson_p,
        found.order.spearman,
        found.order.spearman_p,
    )
    assert told == pytest.approx((*pearson, *spearman), rel=1e-6)
    assert found.order.examples == 30


def kappas(
    one: Story, other: Story, at: tuple[int, int], same_seed: bool | None = None
) -> list[float]:
    """scikit-learn's of every pair of runs on right and wrong; a story's seeds count from 0."""
    pairs = (
        combinations(range(one.runs), 2)
        if one is other
        else product(range(one.runs), range(other.runs))
    )
    return [
        cohen_kappa_score(one.correct[r, :30, at[0]], other.correct[s, :30, at[1]])
        for r, s in pairs
        if same_seed is None or (r == s) is same_seed
    ]


def test_error_consistency_is_scikit_learns(found: Comparison) -> None:
    errors, last = found.errors, found.matched[-1]
    at = (errors.evaluation_a, errors.evaluation_b)
    assert at == (last.evaluation_a, last.evaluation_b)
    for told, expected in (
        (errors.within_a, kappas(SLOW, SLOW, (at[0], at[0]))),
        (errors.within_b, kappas(FAST, FAST, (at[1], at[1]))),
        (errors.across, kappas(SLOW, FAST, at)),
        (errors.same_seed, kappas(SLOW, FAST, at, same_seed=True)),
        (errors.other_seeds, kappas(SLOW, FAST, at, same_seed=False)),
    ):
        assert told is not None
        figures = (told.pairs, told.mean, told.min, told.max)
        assert figures == pytest.approx(
            (len(expected), np.mean(expected), min(expected), max(expected))
        )


def ask(engine: Engine, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setattr(command, "open_reader", lambda: engine)
    app = typer.Typer()
    app.command()(command.compare)
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_what_is_printed(
    engine: Engine, two: tuple[Recorded, Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compare(engine, "slow", "fast", "test")
    text = ask(engine, monkeypatch, "slow", "fast", "--split", "test")
    lines = text.splitlines()
    assert lines[0] == "slow (a) and fast (b)"
    assert f"{SLOW.dataset}, 10 test examples" in lines[1]
    assert max(map(len, lines)) <= 100
    pair = found.matched[-1]
    row = next(line.split() for line in lines if line.split()[:1] == [str(pair.evaluation_a)])
    assert row[:2] == [str(pair.evaluation_a), str(pair.evaluation_b)]
    assert row[4:] == [str(n) for n in (pair.both_right, pair.only_a, pair.only_b, pair.neither)]
    assert f"{found.order.spearman:.3f}" in text
    assert found.errors.same_seed is not None
    assert found.errors.other_seeds is not None
    for words, kappa in (
        ("one of each, same seed", found.errors.same_seed),
        ("one of each, other seeds", found.errors.other_seeds),
    ):
        [row] = [line for line in lines if line.startswith(words)]
        assert row.removeprefix(words).split()[:2] == [str(kappa.pairs), f"{kappa.mean:.3f}"]
    assert "same seed: from equal initial weights" in text
    assert "--seed-start" in text


@pytest.mark.parametrize("differ_in", ["arch", "seeds"])
def test_equal_seeds_are_told_apart_only_where_they_mean_equal_weights(
    engine: Engine,
    two: tuple[Recorded, Recorded],
    monkeypatch: pytest.MonkeyPatch,
    differ_in: str,
) -> None:
    both = compare(engine, "slow", "fast").errors
    assert both.same_seed is not None
    assert both.other_seeds is not None
    assert (both.across.pairs, both.same_seed.pairs, both.other_seeds.pairs) == (12, 3, 9)
    fast = two[1].ensemble_id
    mlp = spec_of(FAST).model_copy(update={"arch": "mlp"}).model_dump(mode="json")
    changes = {
        "arch": update(Ensemble).where(Ensemble.id == fast).values(spec=mlp),
        "seeds": update(Run).where(Run.ensemble_id == fast).values(seed=Run.seed + 10),
    }
    with engine.begin() as connection:
        connection.execute(changes[differ_in])
    found = compare(engine, "slow", "fast").errors
    assert (found.across.pairs, found.same_seed, found.other_seeds) == (12, None, None)
    text = ask(engine, monkeypatch, "slow", "fast")
    assert "one of each " in text
    assert "same seed" not in text


def test_what_each_was_trained_on_and_in_which_order_is_said(
    engine: Engine, two: tuple[Recorded, Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    curriculum = CurriculumSpec(
        parameters={
            "order": "easy-first",
            "pacing": {"name": "root", "start": 0.2, "grow": 0.8},
            "balance": True,
        },
        source={"score": "accessibility.accessibility", "ensembles": ["fast"], "dropped": "these"},
        snapshot="00",
    )
    shuffled = CurriculumSpec(
        parameters={"order": "shuffled", "balance": False},
        source={"score": "accessibility.accessibility", "ensembles": ["fast"]},
        snapshot="00",
    )
    slow = spec_of(SLOW).model_copy(
        update={"split": parse_holdout("part:1/3"), "curriculum": curriculum}
    )
    fast = spec_of(FAST).model_copy(update={"curriculum": shuffled})
    with engine.begin() as connection:
        for name, spec in (("slow", slow), ("fast", fast)):
            values = {"spec": spec.model_dump(mode="json")}
            connection.execute(update(Ensemble).where(Ensemble.name == name).values(values))
    lines = [line.strip() for line in ask(engine, monkeypatch, "slow", "fast").splitlines()]
    assert lines[3:5] == [
        "part:1/3: each run trains on 10 of train",
        "easy-first by accessibility of fast, root pacing from 0.2 over 0.8, "
        "classes in turn, without these of fast",
    ]
    assert lines[6] == "shuffled"


def test_that_held_out_examples_count_is_said(
    engine: Engine, two: tuple[Recorded, Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    note = "over  all examples in every run, those that it holds out too, also in a %, b %"
    assert note not in ask(engine, monkeypatch, "slow", "fast").splitlines()
    held_out = np.arange(3 * 30).reshape(3, 30) % 10 == 0
    with engine.begin() as connection:
        record(
            connection,
            with_changes(SLOW, name="holds out", dataset=SLOW.dataset, held_out=held_out),
        )
    for pair in (("holds out", "fast"), ("fast", "holds out")):
        assert note in ask(engine, monkeypatch, *pair).splitlines()
        assert json.loads(ask(engine, monkeypatch, *pair, "--json"))["some_held_out"] is True
    assert note not in ask(engine, monkeypatch, *pair, "--split", "test").splitlines()


def test_json_has_every_matched_evaluation(
    engine: Engine, two: tuple[Recorded, Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.loads(ask(engine, monkeypatch, "slow", "fast", "--json"))
    found = compare(engine, "slow", "fast")
    assert [pair["evaluation_b"] for pair in told["matched"]] == [
        pair.evaluation_b for pair in found.matched
    ]
    assert told["errors"]["across"]["mean"] == pytest.approx(found.errors.across.mean)
    assert told["a"]["ensemble"] == "slow"


@pytest.mark.embedded_only
def test_ensembles_that_never_are_equally_accurate(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = story_of(np.ones((2, 6, 3)), name="right")
    with engine.begin() as connection:
        record(connection, right)
        record(connection, with_changes(right, name="wrong", predicted=(right.predicted + 1) % 3))
    found = compare(engine, "right", "wrong")
    assert (found.matched, found.matched_evaluations) == ((), 0)
    assert (found.errors.evaluation_a, found.errors.evaluation_b) == (2, 2)
    assert found.order.pearson is None
    assert found.errors.within_a.mean is None, "chance alone explains it"
    text = ask(engine, monkeypatch, "right", "wrong")
    assert "nowhere equally accurate" in text


@pytest.mark.embedded_only
def test_what_cannot_be_compared(engine: Engine) -> None:
    with engine.begin() as connection:
        record(connection, SLOW)
        record(connection, story_of(np.ones((1, 5, 2)), name="other"))
        add_ensemble(connection, with_changes(SLOW, name="untrained"))
    with pytest.raises(UsageError, match="'slow' is compared with itself"):
        compare(engine, "slow", "slow")
    with pytest.raises(UsageError, match=r"'slow' is of dataset data-\w+, 'other' of data"):
        compare(engine, "slow", "other")
    with pytest.raises(NotFoundError, match="no ensemble 'fast': choose one of untrained, other"):
        compare(engine, "slow", "fast")
    with pytest.raises(UsageError, match="unknown split 'valid': choose one of train, test"):
        compare(engine, "slow", "untrained", "valid")
    with pytest.raises(TrackerError, match="'untrained' has no outcomes yet"):
        compare(engine, "slow", "untrained")
