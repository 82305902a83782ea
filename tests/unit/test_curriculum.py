"""Pacing functions, orders and epochs of a curriculum, without torch."""

import subprocess
import sys
from decimal import Decimal, getcontext
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.curriculum.description import Curriculum
from tracker.curriculum.growth import make_pacing
from tracker.curriculum.order import ORDERS, RANKING_STREAM, rank_examples
from tracker.curriculum.pacing import PACING, pool_size
from tracker.curriculum.plan import Examples, Ranking, plan_epoch
from tracker.curriculum.source import shown_score
from tracker.errors import UsageError

quick = settings(max_examples=60, deadline=None, derandomize=True)

WU_GROW = ("0.01", "0.1", "0.2", "0.4", "0.8", "1.6")
WU_START = ("0.0025", "0.1", "0.2", "0.4", "0.8")

sizes = st.integers(1, 10_000)
seeds = st.integers(0, 2**31 - 1)
shares = st.floats(0, 1)
pacings = st.sampled_from(sorted(PACING))


def epoch_indices(ranking: np.ndarray, pool: int, seed: int, epoch: int) -> np.ndarray:
    """One epoch whose pool is the first `pool` of a ranking."""
    pacing = make_pacing([(pool + 0.5) / len(ranking)])
    plan = plan_epoch(
        Curriculum(epochs=1, seed=seed, pacing=pacing),
        Examples(np.zeros(len(ranking))),
        epoch,
        Ranking(ranking, None),
    )
    assert plan.pool == pool
    return plan.indices


def exact_pool(pacing: str, t: int, total: int, n: int, grow: str, start: str) -> int:
    """The paper's g(t) in 40 decimal digits, term by term as it is printed; rounded down."""
    getcontext().prec = 40
    a, b, size = Decimal(grow), Decimal(start), Decimal(n)
    x = Decimal(t) / (a * total)
    rest = (1 - b) * size
    e10 = Decimal(10).exp()
    g = {
        "linear": lambda: b * size + rest * x,
        "quadratic": lambda: b * size + rest * x**2,
        "root": lambda: b * size + rest * x.sqrt(),
        "step": lambda: b * size + size * floor(x),
        "exponential": lambda: b * size + rest * ((10 * x).exp() - 1) / (e10 - 1),
        "logarithmic": lambda: b * size + rest * (1 + (x + 1 / e10).ln() / 10),
        "single-step": lambda: b * size if t < a * total else size,
    }[pacing]()
    return min(max(floor(g + Decimal("1e-30")), 1), n)


@pytest.mark.parametrize("pacing", PACING)
@pytest.mark.parametrize("n", [1, 100, 5000])
@pytest.mark.parametrize("total", [10, 30])
def test_pool_sizes_are_the_papers(pacing: str, n: int, total: int) -> None:
    for grow in WU_GROW:
        for start in WU_START:
            got = [pool_size(pacing, t, total, n, float(grow), float(start)) for t in range(total)]
            assert got == [exact_pool(pacing, t, total, n, grow, start) for t in range(total)]


@pytest.mark.parametrize(
    ("pacing", "sizes_by_hand"),
    [  # N = 1000, T = 8, a = 0.5, b = 0.2: x = 0, 1/4, 1/2, 3/4, 1, ...
        ("linear", [200, 400, 600, 800, 1000, 1000]),
        ("quadratic", [200, 250, 400, 650, 1000, 1000]),
        ("root", [200, 600, 765, 892, 1000, 1000]),
        ("step", [200, 200, 200, 200, 1000, 1000]),
        ("single-step", [200, 200, 200, 200, 1000, 1000]),
        # (e^2.5 - 1)/(e^10 - 1) = 0.000508, (e^5 - 1)/.. = 0.006693, (e^7.5 - 1)/.. = 0.082043
        ("exponential", [200, 200, 205, 265, 1000, 1000]),
        # 1 + ln(1/4)/10 = 0.861371, 1 + ln(1/2)/10 = 0.930685, 1 + ln(3/4)/10 = 0.971232
        ("logarithmic", [200, 889, 944, 976, 1000, 1000]),
    ],
)
def test_pool_sizes_by_hand(pacing: str, sizes_by_hand: list[int]) -> None:
    assert [pool_size(pacing, t, 8, 1000, 0.5, 0.2) for t in range(6)] == sizes_by_hand


def test_share_of_growth_runs_from_0_to_1() -> None:
    for name, share in PACING.items():
        assert share(0) == pytest.approx(0, abs=1e-12), name
        assert share(1) == pytest.approx(1, abs=5e-6), name


def test_decimal_fractions_are_meant_exactly() -> None:
    assert floor(0.29 * 100) == 28
    assert pool_size("linear", 0, 10, 100, 0.5, 0.29) == 29
    assert 0.28 * 100 > 28
    assert pool_size("step", 27, 100, 50, 0.28, 0.1) == 5
    assert pool_size("step", 28, 100, 50, 0.28, 0.1) == 50


@quick
@given(pacings, sizes, st.integers(1, 60), st.floats(0, 3), shares)
def test_pools_grow_from_at_least_one_to_everything(
    pacing: str, n: int, total: int, grow: float, start: float
) -> None:
    pools = [pool_size(pacing, t, total, n, grow, start) for t in range(4 * total)]
    assert pools == sorted(pools)
    assert pools[0] >= 1
    assert pools[-1] == n
    assert all(pool == n for t, pool in enumerate(pools) if t >= grow * total)


def test_grow_0_and_start_1_are_the_whole_set_and_start_0_one_example() -> None:
    assert pool_size("linear", 0, 10, 77, 0, 0.1) == 77
    assert pool_size("linear", 0, 10, 77, 0.8, 1) == 77
    assert pool_size("linear", 0, 10, 77, 0.8, 0) == 1
    assert pool_size("linear", 10, 10, 77, 1.6, 0) == floor(77 / 1.6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pacing": "cubic"}, f"unknown pacing 'cubic': choose one of {', '.join(PACING)}"),
        ({"start": 1.5}, "start must lie between 0 and 1 (a share of the examples), got 1.5"),
        ({"start": float("nan")}, "start must .* got nan"),
        ({"grow": -0.1}, "grow must be at least 0 (a share of the training), got -0.1"),
        ({"grow": float("inf")}, "grow must .* got inf"),
        ({"t": -1}, "time must be at least 0, got -1"),
        ({"total": 0}, "the length of training must be positive, got 0"),
        ({"n": 0}, "the number of examples must be at least 1, got 0"),
    ],
)
def test_pacing_refuses_what_it_cannot_do(change: dict[str, object], message: str) -> None:
    valid = {"pacing": "linear", "t": 0, "total": 10, "n": 5, "grow": 0.8, "start": 0.2}
    with pytest.raises(UsageError, match=message.replace("(", r"\(").replace(")", r"\)")):
        pool_size(**(valid | change))


@pytest.mark.parametrize("order", ORDERS)
@quick
@given(sizes, seeds, st.integers(0, 1000), st.data())
def test_rankings_and_epochs_are_permutations(
    order: str, n: int, seed: int, epoch: int, data: st.DataObject
) -> None:
    pool = data.draw(st.integers(1, n))
    scores = np.random.default_rng(seed).integers(0, 5, n) / 5
    ranking = rank_examples(order, scores, seed)
    assert np.array_equal(np.sort(ranking), np.arange(n))
    indices = epoch_indices(ranking, pool, seed, epoch)
    assert indices.dtype == np.int64
    assert np.array_equal(np.sort(indices), np.sort(ranking[:pool]))
    assert np.array_equal(ranking, rank_examples(order, scores, seed))
    assert np.array_equal(indices, epoch_indices(ranking, pool, seed, epoch))


@quick
@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan]), min_size=1, max_size=200), seeds)
def test_order_follows_scores_with_missing_ones_last(scores: list[float], seed: int) -> None:
    values = np.array(scores)
    present = np.sort(values[~np.isnan(values)])
    missing = [np.nan] * int(np.isnan(values).sum())
    easy, hard = (
        rank_examples("easy-first", values, seed),
        rank_examples("hard-first", values, seed),
    )
    assert np.array_equal(values[easy], [*present[::-1], *missing], equal_nan=True)
    assert np.array_equal(values[hard], [*present, *missing], equal_nan=True)
    # A score of which less is easier: the same orders, exchanged.
    assert np.array_equal(easy, rank_examples("hard-first", values, seed, "low"))
    assert np.array_equal(hard, rank_examples("easy-first", values, seed, "low"))


@quick
@given(st.integers(1, 500), seeds, shares)
def test_easy_first_pool_holds_the_highest_scores(n: int, seed: int, share: float) -> None:
    scores = np.random.default_rng(seed).integers(0, 20, n)
    pool = max(1, int(share * n))
    ranking = rank_examples("easy-first", scores, seed)
    assert scores[ranking[:pool]].min() >= scores[ranking[pool:]].max(initial=0)
    ranking = rank_examples("hard-first", scores, seed)
    assert scores[ranking[:pool]].max() <= scores[ranking[pool:]].min(initial=20)


def test_infinite_scores_are_scores() -> None:
    scores = [0.0, np.inf, np.nan, -np.inf]
    assert rank_examples("easy-first", scores, 0).tolist() == [1, 0, 3, 2]
    assert rank_examples("hard-first", scores, 0).tolist() == [3, 0, 1, 2]


def test_distinct_scores_leave_nothing_to_the_seed() -> None:
    scores = np.random.default_rng(5).permutation(1000)
    one, other = (rank_examples("easy-first", scores, seed) for seed in (0, 1))
    assert np.array_equal(one, other)
    assert np.array_equal(one, np.argsort(-scores))
    assert np.array_equal(rank_examples("hard-first", scores, 0), one[::-1])


@pytest.mark.parametrize("order", ORDERS)
def test_ties_favour_no_position(order: str) -> None:
    n, trials = 40, 2000
    places = np.empty((trials, n))
    for seed in range(trials):
        places[seed, rank_examples(order, np.ones(n), seed)] = np.arange(n)
    # A uniform place has mean (n - 1)/2 and variance (n^2 - 1)/12; 5 standard errors.
    error = np.sqrt((n**2 - 1) / 12 / trials)
    assert np.abs(places.mean(axis=0) - (n - 1) / 2).max() < 5 * error
    assert len(np.unique(places, axis=0)) == trials


def test_random_and_shuffled_are_blind_to_scores() -> None:
    rng = np.random.default_rng(0)
    for order in ("random", "shuffled"):
        one, other = (rank_examples(order, rng.random(300), 7) for _ in range(2))
        assert np.array_equal(one, other)
        assert not np.array_equal(one, rank_examples(order, rng.random(300), 8))


def test_seeds_and_epochs_are_not_added() -> None:
    ranking = np.arange(1000)
    orders = {
        (seed, epoch): tuple(epoch_indices(ranking, 1000, seed, epoch))
        for seed in range(8)
        for epoch in range(8)
    }
    assert orders[0, 1] != orders[1, 0]
    assert len(set(orders.values())) == len(orders)


def test_ranking_has_a_stream_of_its_own() -> None:
    for seed in range(4):
        ties = tuple(rank_examples("random", np.zeros(1000), seed))
        epochs = {tuple(epoch_indices(np.arange(1000), 1000, seed, epoch)) for epoch in range(50)}
        assert ties not in epochs
    assert RANKING_STREAM[-1] != 0


def test_the_recorded_order_never_changes() -> None:
    """An experiment is repeated from its seed: a NumPy that shuffles otherwise must be noticed."""
    scores = [0.5, 0.5, 1.0, 0.0, 0.5, 1.0]
    assert rank_examples("easy-first", scores, 3).tolist() == [2, 5, 1, 4, 0, 3]
    assert epoch_indices(np.arange(6), 6, 3, 2).tolist() == [4, 0, 1, 2, 3, 5]


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_seeds_out_of_range_are_refused(seed: int) -> None:
    with pytest.raises(UsageError, match=f"seed must lie between 0 and 2147483647, got {seed}"):
        rank_examples("random", [1.0], seed)
    with pytest.raises(UsageError, match="seed must lie"):
        epoch_indices(np.arange(1), 1, seed, 0)


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(UsageError, match="unknown order 'anti': choose one of easy-first, hard-fi"):
        rank_examples("anti", [1.0], 0)
    with pytest.raises(UsageError, match="unknown easy 'ease': choose one of high, low"):
        rank_examples("random", [1.0], 0, easy="ease")  # type: ignore[arg-type]


def test_only_the_sampler_imports_torch() -> None:
    code = (
        "import sys, tracker, tracker.curriculum\n"
        "import tracker.curriculum.identity, tracker.curriculum.order\n"
        "import tracker.curriculum.plan, tracker.curriculum.options, tracker.curriculum.snapshot\n"
        "assert 'torch' not in sys.modules\n"
        "assert not hasattr(tracker, 'sampler') and not hasattr(tracker.curriculum, 'nothing')\n"
        "from tracker import CurriculumSampler as one\n"
        "from tracker.curriculum import CurriculumSampler as other\n"
        "assert one is other and 'torch' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        ("accessibility.accessibility", "accessibility"),
        ("example_difficulty.accessibility", "example_difficulty.accessibility"),
        ("confidence", "confidence"),
        ("own scores", "own scores"),
    ],
)
def test_a_score_is_named_once(score: str, shown: str) -> None:
    assert shown_score(score) == shown
