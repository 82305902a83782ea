"""Whole curricula without database or torch: description and arrays in, indices out."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.curriculum.description import Curriculum
from tracker.curriculum.growth import PACINGS, Pacing, make_pacing
from tracker.curriculum.order import BLIND, MISSING, ORDERS, UNPACED, rank_examples, round_robin
from tracker.curriculum.plan import Examples, epoch_length, make_ranking, plan_epoch
from tracker.curriculum.sampling import SAMPLINGS, replacement, shuffle, without_replacement
from tracker.errors import UsageError

sizes = st.integers(1, 10_000)
seeds = st.integers(0, 2**31 - 1)

OPTIONS = {
    "fixed-exponential": {"step_length": 2},
    "varied-exponential": {"step_length": [1, 3, 2]},
}


@st.composite
def curricula(draw: st.DrawFn, n: int) -> Curriculum:
    """Any curriculum without weights for `n` examples."""
    order = draw(st.sampled_from(sorted(ORDERS)))
    name = draw(st.sampled_from(sorted(PACINGS)))
    start = draw(st.floats(0, 1))
    pacing = None if order in UNPACED else make_pacing(name, start=start, **OPTIONS.get(name, {}))
    by_step = pacing is not None and draw(st.booleans())
    return Curriculum(
        epochs=draw(st.integers(1, 20)),
        seed=draw(seeds),
        order=order,
        easy=draw(st.sampled_from(["high", "low"])),
        missing=draw(st.sampled_from(["last", "drop", *([] if order in BLIND else ["first"])])),
        balance=pacing is not None and draw(st.booleans()),
        pacing=pacing,
        unit="step" if by_step else "epoch",
        step_examples=draw(st.integers(max(1, n // 20), 2 * n)) if by_step else None,
        sampling=draw(st.sampled_from(["shuffle", "replacement"])),
        num_samples=draw(st.none() | st.integers(1, 2 * n)),
    )


def examples_of(n: int, seed: int = 0) -> Examples:
    """Scores with ties and a tenth missing, of five classes."""
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, 20, n) / 20
    scores[generator.random(n) < 0.1] = np.nan
    scores[0] = 0.5
    return Examples(scores, generator.integers(0, 5, n))


@given(st.data(), sizes, st.integers(0, 25))
def test_every_epoch_is_what_its_pools_say(data: st.DataObject, n: int, epoch: int) -> None:
    curriculum, examples = data.draw(curricula(n)), examples_of(n)
    ranking = make_ranking(curriculum, examples)
    plan = plan_epoch(curriculum, examples, epoch, ranking)
    assert plan.indices.dtype == np.int64
    assert len(plan.indices) == epoch_length(curriculum, len(ranking), epoch)
    begin = 0
    for part in plan.segments:
        drawn = plan.indices[begin : begin + part.count]
        begin += part.count
        assert 1 <= part.pool <= len(ranking)
        assert np.isin(drawn, ranking.indices[: part.pool]).all()
        if curriculum.sampling == "shuffle":
            # Passes through the pool: everybody as often as everybody else, or once more.
            counts = np.bincount(drawn, minlength=n)[ranking.indices[: part.pool]]
            assert counts.max() - counts.min() <= 1
    assert begin == len(plan.indices)
    again = plan_epoch(curriculum, examples, epoch)
    assert np.array_equal(again.indices, plan.indices)
    assert again.segments == plan.segments


@given(st.data(), sizes)
def test_pools_never_shrink_and_the_descriptions_survive_json(data: st.DataObject, n: int) -> None:
    curriculum = data.draw(curricula(n))
    assert Curriculum.from_json(json.loads(json.dumps(curriculum.as_json()))) == curriculum
    ranking = make_ranking(curriculum, examples_of(n))
    pools = [
        part.pool
        for epoch in range(curriculum.epochs)
        for part in plan_epoch(curriculum, examples_of(n), epoch, ranking).segments
    ]
    assert pools == sorted(pools)


@given(seeds, st.integers(0, 1000), st.integers(100, 2000))
def test_seed_and_epoch_make_the_order(seed: int, epoch: int, n: int) -> None:
    curriculum = Curriculum(epochs=5, seed=seed, order="shuffled", pacing=None)
    examples = Examples(np.zeros(n))
    one = plan_epoch(curriculum, examples, epoch).indices
    other_seed = replace(curriculum, seed=(seed + 1) % 2**31)
    assert not np.array_equal(one, plan_epoch(curriculum, examples, epoch + 1).indices)
    assert not np.array_equal(one, plan_epoch(other_seed, examples, epoch).indices)


def test_hacohens_exponentials_by_hand() -> None:
    # N min(0.04 1.9^k, 1), N = 1000: 40, 76, 144, 274, 521, 990, 1000.
    fixed = make_pacing("fixed-exponential")
    assert (fixed.start, fixed.increase, fixed.lengths) == (0.04, 1.9, (100,))
    at = (0, 99, 100, 200, 300, 400, 500, 600, 10**9)
    by_hand = [40, 40, 76, 144, 274, 521, 990, 1000, 1000]
    assert [fixed.size(i, 1, 1000) for i in at] == by_hand
    varied = make_pacing("varied-exponential", step_length=[10, 200, 5])
    # 1 step after 10, 2 after 210, 3 after 215; no more are given.
    steps = [varied.size(i, 1, 1000) for i in (0, 9, 10, 209, 210, 214, 215, 10**6)]
    assert steps == [40, 40, 76, 76, 144, 144, 274, 274]
    single = make_pacing("single-step", start=0.1, grow=0.5)
    assert [single.size(i, 20, 1000) for i in (0, 9, 10)] == [100, 100, 1000]


@given(sizes, st.integers(0, 500), st.integers(1, 60), st.floats(1.01, 4))
def test_varied_with_equal_lengths_is_fixed(n: int, t: int, length: int, increase: float) -> None:
    fixed = make_pacing("fixed-exponential", increase=increase, step_length=length)
    varied = make_pacing("varied-exponential", increase=increase, step_length=[length] * 600)
    assert fixed.size(t, 1, n) == varied.size(t, 1, n)


def test_numpys_numbers_are_kept_as_json_can_hold_them() -> None:
    lengths = [np.int64(3), np.array([3])]
    made = [make_pacing("fixed-exponential", step_length=length) for length in lengths]  # type: ignore[arg-type]
    assert json.dumps([each.lengths for each in made]) == "[[3], [3]]"


def test_a_function_of_ones_own_is_kept_as_its_shares() -> None:
    pacing = make_pacing(lambda t: t / 4 - 0.25, 7)
    assert pacing == Pacing("table", shares=(-0.25, 0, 0.25, 0.5, 0.75, 1, 1.25))
    # Clamped to [1, N], and after the last as the last.
    assert [pacing.size(t, 7, 100) for t in (0, 1, 2, 5, 6, 50)] == [1, 1, 25, 100, 100, 100]
    assert make_pacing([0.5, np.float32(1)]) == Pacing("table", shares=(0.5, 1.0))


def test_by_step_the_pool_grows_within_an_epoch() -> None:
    curriculum = Curriculum(
        epochs=2, unit="step", step_examples=10, pacing=make_pacing(start=0.1, grow=1)
    )
    examples = Examples(-np.arange(95.0))
    first = plan_epoch(curriculum, examples, 0)
    # T = 20 steps: pools 9.5 + 85.5 t/20; the tenth step of an epoch has 5 examples.
    assert [part.pool for part in first.segments] == [9, 13, 18, 22, 26, 30, 35, 39, 43, 47]
    assert [part.count for part in first.segments] == [10] * 9 + [5]
    assert first.pool == 47
    for step, part in enumerate(first.segments):
        batch = first.indices[10 * step : 10 * step + 10]
        assert batch.max() < part.pool
        assert len(set(batch)) == min(len(batch), part.pool)
    assert plan_epoch(curriculum, examples, 1).segments[0].pool == 52


@pytest.mark.parametrize("missing", MISSING)
def test_missing_scores_follow_the_policy(missing: str) -> None:
    scores = np.array([np.nan, 0.1, 0.9, np.nan, 0.5])
    if missing == "error":
        with pytest.raises(UsageError, match="2 of 5 scores are missing, first at position 0"):
            rank_examples("easy-first", scores, 0, missing=missing)
        return
    ranking = rank_examples("easy-first", scores, 0, missing=missing).tolist()
    present = [2, 4, 1]
    if missing == "drop":
        assert ranking == present
    else:
        where = slice(0, 3) if missing == "last" else slice(2, 5)
        assert ranking[where] == present
        assert sorted(ranking) == [0, 1, 2, 3, 4]
    hard = rank_examples("hard-first", scores, 0, missing=missing).tolist()
    assert [index for index in hard if index in present] == present[::-1]
    # Orders that are blind to scores leave them where they are, or out.
    blind = rank_examples("random", scores, 0, missing=missing).tolist()
    everyone = rank_examples("random", np.zeros(5), 0).tolist()
    assert blind == [index for index in everyone if missing != "drop" or index in present]


@given(sizes, seeds)
def test_balanced_pools_hold_classes_equally(n: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels, scores = generator.integers(0, 4, n), generator.integers(0, 9, n) / 9
    plain = rank_examples("easy-first", scores, seed)
    balanced = round_robin(plain, labels)
    assert np.array_equal(np.sort(balanced), np.arange(n))
    counts = np.array([np.cumsum(labels[balanced] == k) for k in range(4)])
    left = counts[:, -1:] - counts
    # As long as nobody is used up, all have as many, or one more.
    for place in range(0, n, max(1, n // 50)):
        open_classes = left[:, place] > 0
        if open_classes.any():
            assert np.ptp(counts[open_classes, place]) <= 1
            assert counts[:, place].max() - counts[open_classes, place].min() <= 1
    for k in range(4):  # Each class in its own order.
        assert np.array_equal(balanced[labels[balanced] == k], plain[labels[plain] == k])


def test_round_robin_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    assert round_robin(np.array([2, 0, 3, 1, 5, 4]), labels).tolist() == [2, 3, 5, 0, 4, 1]


def test_a_band_is_what_lies_between_two_quantiles() -> None:
    scores = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, np.nan])
    curriculum = Curriculum(epochs=3, band=(0.3, 0.7), missing="drop")
    ranking = make_ranking(curriculum, Examples(scores))
    assert ranking.indices.tolist() == [6, 5, 4, 3, 2]
    # Infinite scores (never learned) are scores, and equal ones stay together.
    scores = np.array([np.inf] * 5 + [1.0] * 5)
    upper = replace(curriculum, easy="low", band=(0.6, 1))
    assert set(make_ranking(upper, Examples(scores)).indices) == {0, 1, 2, 3, 4}
    assert len(make_ranking(replace(upper, band=(0, 0.5)), Examples(scores))) == 5


def test_weight_0_leaves_out_and_the_pool_is_of_the_others() -> None:
    weights = np.array([1.0, 0, 1, 1, 0, 1])
    curriculum = Curriculum(epochs=2, pacing=make_pacing(start=0.5, grow=2))
    plan = plan_epoch(curriculum, Examples(-np.arange(6.0), weights=weights), 0)
    assert sorted(plan.indices) == [0, 2]
    assert plan.pool == 2


def test_weights_are_frequencies_with_replacement() -> None:
    weights = np.array([1.0, 2, 0.5, 4])
    pool = np.array([7, 8, 9, 10])
    drawn = replacement(pool, np.cumsum(weights), 60_000, np.random.default_rng(0))
    shares = np.bincount(drawn, minlength=11)[7:] / 60_000
    expected = weights / weights.sum()
    assert np.abs(shares - expected).max() < 5 * np.sqrt(0.25 / 60_000)
    # Independent of what came before, in place and in kind.
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.02
    even = replacement(pool, None, 60_000, np.random.default_rng(0))
    assert np.abs(np.bincount(even, minlength=11)[7:] / 60_000 - 0.25).max() < 0.01


def test_draws_without_replacement_are_those_of_one_after_the_other() -> None:
    weights, trials = np.array([1.0, 2, 3, 4]), 20_000
    generator = np.random.default_rng(0)
    seen = np.zeros((4, 4))
    for _ in range(trials):
        one, other = without_replacement(np.arange(4), weights, 2, generator)
        assert one != other
        seen[one, other] += 1
    share = weights / weights.sum()
    # P(a, then b) = p_a p_b / (1 - p_a), in either order.
    ordered = share[:, None] * share[None, :] / (1 - share[:, None])
    expected = (ordered + ordered.T) / 2
    np.fill_diagonal(expected, 0)
    assert np.abs(seen / trials - expected).max() < 5 * np.sqrt(0.25 / trials)


@pytest.mark.parametrize("draw", [shuffle, without_replacement])
def test_more_than_the_pool_comes_again_only_when_all_have_come(draw: object) -> None:
    drawn = draw(np.arange(5), np.ones(5), 12, np.random.default_rng(1))  # type: ignore[operator]
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == [0, 1, 2, 3, 4]
    assert len(set(drawn[10:])) == 2


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_pools_above_2_to_the_24(sampling: str) -> None:
    """torch.multinomial refuses this many categories."""
    n = 2**24 + 3
    pool = np.arange(n)
    # All the weight is at the end, where float32 could not tell one example from the next.
    weights = np.full(n, 1e-9)
    weights[-2:] = 1e6
    given = np.cumsum(weights) if sampling == "replacement" else weights
    drawn = SAMPLINGS[sampling](pool, given, 2, np.random.default_rng(0))
    assert len(drawn) == 2
    assert sampling == "shuffle" or set(drawn) <= {n - 2, n - 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": "anti"}, "unknown order 'anti': choose one of easy-first"),
        ({"missing": "mean"}, "unknown missing 'mean': choose one of last, first, drop, error"),
        ({"unit": "batch"}, "unknown unit 'batch': choose one of epoch, step"),
        ({"sampling": "gumbel"}, "unknown sampling 'gumbel': choose one of shuffle, replacement"),
        ({"easy": "up"}, "unknown easy 'up': choose one of high, low"),
        ({"easy": None}, "order 'easy-first' needs easy: choose one of high, low"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"seed": -1}, "seed must lie between 0 and 2147483647, got -1"),
        ({"num_samples": 0}, "num_samples must be at least 1, got 0"),
        ({"num_samples": 1.5}, "num_samples must be a whole number, got 1.5"),
        ({"seed": 2**31}, "seed must lie between 0 and 2147483647, got 2147483648"),
        ({"order": "shuffled"}, "pacing has no effect on order 'shuffled'"),
        ({"order": "shuffled", "pacing": None, "balance": True}, "balance has no effect on order"),
        ({"order": "shuffled", "pacing": None, "unit": "step"}, "unit='step' has no effect"),
        ({"pacing": None}, "order 'easy-first' needs a pacing"),
        ({"unit": "step"}, "unit='step' needs step_examples"),
        ({"step_examples": 5}, "step_examples has no effect on a pool that grows by epoch"),
        ({"unit": "step", "step_examples": 0}, "step_examples must be at least 1, got 0"),
        ({"band": (0.7, 0.3)}, r"band must be two quantiles.* got \(0.7, 0.3\)"),
        ({"band": (0.3, 0.7)}, "missing scores lie in no band: choose missing='drop' or"),
        ({"sampling": "without-replacement"}, "is a shuffled pass: give num_samples"),
    ],
)
def test_what_has_no_meaning_or_no_effect_is_refused(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Curriculum(**{"epochs": 3, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pacing", "options", "message"),
    [
        ("cubic", {}, "unknown pacing 'cubic': choose one of linear, .*varied-exponential$"),
        ("table", {}, "unknown pacing 'table'"),
        ("linear", {"increase": 2}, "pacing 'linear' has no increase"),
        ("root", {"step_length": 2}, "pacing 'root' has no step_length"),
        ("fixed-exponential", {"grow": 0.5}, "pacing 'fixed-exponential' has no grow"),
        ("fixed-exponential", {"increase": 1}, "increase must be above 1 .*, got 1"),
        ("fixed-exponential", {"step_length": [1, 2]}, "one step_length: choose varied"),
        ("varied-exponential", {}, "needs step_length, a number for each step"),
        ("varied-exponential", {"step_length": [1, 0]}, "whole numbers from 1, got 0"),
        ("fixed-exponential", {"step_length": 1.5}, "whole numbers from 1, got 1.5"),
        (lambda _: 1.0, {"start": 0.5}, "table of your own has no start"),
        (lambda _: float("nan"), {}, "must give a share of the examples, got nan at t = 0"),
        ([0.5, "all"], {}, "must give a share of the examples, got 'all' at t = 1"),
        ([], {}, "pacing needs at least one share"),
    ],
)
def test_pacings_refuse_what_they_do_not_read(
    pacing: object, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        make_pacing(pacing, 3, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("examples", "change", "message"),
    [
        ({"weights": np.ones(2)}, {}, r"weights must be one number .* 3 examples, got shape \(2,"),
        ({"weights": np.array([1, -1, np.nan])}, {}, "at least 0, got -1.0 at position 1"),
        ({"labels": np.zeros((3, 1), int)}, {}, r"labels must be one class .* got shape \(3, 1\)"),
        ({"weights": np.zeros(3)}, {}, "none of the 3 examples is left"),
        ({"weights": np.array([1, 2, 1.0])}, {}, "whatever its weight above 0: choose sampling="),
        ({}, {"balance": True}, "balance=True needs the labels"),
        (
            {},
            {"sampling": "without-replacement", "num_samples": 2},
            "differs from 'shuffle' only with weights or types",
        ),
    ],
)
def test_examples_that_do_not_fit_are_refused(
    examples: dict[str, np.ndarray], change: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        make_ranking(
            Curriculum(epochs=2, **change),  # type: ignore[arg-type]
            Examples(np.arange(3.0), **examples),
        )


def test_a_band_of_missing_scores_leaves_nobody() -> None:
    curriculum = Curriculum(epochs=1, band=(0, 1), missing="drop")
    with pytest.raises(UsageError, match="none of the 2 examples is left"):
        make_ranking(curriculum, Examples(np.array([np.nan, np.nan])))


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"epochs": 3, "shape": 1}, "unknown parameter of a curriculum 'shape': choose one of"),
        ({"seed": 3}, "not a curriculum: .*epochs"),
        ({"epochs": 3, "pacing": {"name": "root", "speed": 1}}, "not a curriculum: .*speed"),
        ({"epochs": 3, "pacing": "root"}, "not a curriculum"),
        ({"epochs": 3}, "needs"),
    ],
)
def test_what_is_no_curriculum_is_refused(stored: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Curriculum.from_json(stored)


def test_numpys_integers_are_kept_as_pythons() -> None:
    given = Curriculum(epochs=np.int64(3), seed=np.uint8(4), num_samples=np.int32(5))
    assert given == Curriculum(epochs=3, seed=4, num_samples=5)
    assert type(given.as_json()["seed"]) is int


def test_equal_curricula_have_equal_digests() -> None:
    one, same = Curriculum(epochs=3), Curriculum.from_json(Curriculum(epochs=3).as_json())
    assert one.digest == same.digest
    assert one.digest != replace(one, seed=1).digest


def test_the_recorded_epochs_never_change() -> None:
    """An experiment is repeated from its description: other random numbers must be noticed."""
    examples = Examples(np.array([0.5, 0.5, 1.0, 0.0, 0.5, 1.0]), weights=np.arange(1.0, 7))
    weighted = Curriculum(epochs=2, seed=3, sampling="replacement", pacing=make_pacing(start=1))
    few = replace(weighted, sampling="without-replacement", num_samples=3)
    by_step = Curriculum(epochs=2, seed=3, unit="step", step_examples=2)
    assert plan_epoch(weighted, examples, 1).indices.tolist() == [1, 5, 1, 4, 1, 2]
    assert plan_epoch(few, examples, 1).indices.tolist() == [4, 3, 2]
    plain = Examples(examples.scores)
    assert plan_epoch(by_step, plain, 0).indices.tolist() == [2, 2, 5, 2, 1, 2]
