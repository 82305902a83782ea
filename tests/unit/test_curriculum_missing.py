"""What is said of examples without a score, which would else pass for the hardest ones."""

from dataclasses import replace

import numpy as np
import pytest

from tracker.curriculum import CurriculumSampler
from tracker.curriculum.description import Curriculum
from tracker.curriculum.missing import missing_words
from tracker.curriculum.order import MISSING
from tracker.curriculum.plan import Examples, make_ranking

SCORES = np.array([0.5, np.nan, 1, np.inf, np.nan, 0, np.nan])
LABELS = np.array([0, 0, 0, 1, 1, 1, 1])
EASY_FIRST = Curriculum(epochs=3)


@pytest.mark.parametrize(
    ("changes", "fate"),
    [
        ({}, "they go last"),
        ({"order": "hard-first"}, "they go last"),
        ({"missing": "first"}, "they go first"),
        ({"missing": "drop"}, "they are left out"),
        ({"missing": "drop", "band": (0.2, 1.0)}, "they are left out"),
        ({"balance": True}, "they go last of their class"),
        ({"order": "random", "missing": "drop"}, "they are left out"),
    ],
)
def test_it_says_how_many_there_are_and_where_they_go(
    changes: dict[str, object], fate: str
) -> None:
    curriculum = replace(EASY_FIRST, **changes)  # type: ignore[arg-type]
    examples = Examples(SCORES, LABELS)
    assert missing_words(curriculum, examples) == f"3 of 7 examples have no score: {fate}"
    # And there they are.
    absent = np.isnan(SCORES[make_ranking(curriculum, examples).indices])
    if "left out" in fate:
        assert not absent.any()
    elif "class" not in fate:
        assert absent[:3].all() == ("first" in fate)
        assert absent[-3:].all() == ("last" in fate)


def test_one_is_counted_as_one_and_those_of_weight_0_not_at_all() -> None:
    weights = np.array([1, 0, 1, 1, 0, 1, 1.0])
    examples = Examples(SCORES, LABELS, weights)
    words = "1 of 5 examples has no score: it goes last"
    assert missing_words(EASY_FIRST, examples) == words
    balanced = replace(EASY_FIRST, balance=True)
    assert missing_words(balanced, examples) == f"{words} of its class"


@pytest.mark.parametrize("order", ["random", "shuffled"])
def test_orders_that_do_not_look_at_scores_say_nothing(order: str) -> None:
    curriculum = replace(EASY_FIRST, order=order, pacing=None if order == "shuffled" else
                         EASY_FIRST.pacing)  # fmt: skip
    assert missing_words(curriculum, Examples(SCORES)) is None


@pytest.mark.parametrize("missing", MISSING)
def test_nothing_is_said_where_all_have_a_score(missing: str) -> None:
    examples = Examples(np.array([0, np.inf, 1]))
    assert missing_words(replace(EASY_FIRST, missing=missing), examples) is None


def test_the_sampler_tells_it() -> None:
    sampler = CurriculumSampler(range(7), scores=SCORES, easy="high", epochs=3)
    assert repr(sampler).endswith("of 7, 3 of 7 examples have no score: they go last>")
