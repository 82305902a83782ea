"""How messages put numbers in words."""

import pytest

from tracker.errors import LISTED_RANGES, ranges, suggestion


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([], "none"),
        ([7], "7"),
        ([3, 0, 1, 2, 4, 7], "0 to 4, 7"),
        ({-1: "", 0: "", 2: ""}, "-1 to 0, 2"),
        ([5, 5, 6], "5 to 6"),
        (range(0, 2 * LISTED_RANGES, 2), "0, 2, 4, 6, 8, 10, 12, 14, 16, 18"),
        (range(0, 2000, 2), "0, 2, 4, 6, 8, 10, 12, 14, 16, 18, ... 1998"),
    ],
)
def test_numbers_in_few_words(numbers: list[int], words: str) -> None:
    assert ranges(numbers) == words


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("lerning_order", "did you mean 'learning_order'?"),
        ("LEARNING_ORDER", "did you mean 'learning_order'?"),
        ("run", "did you mean 'run_accuracy', 'run_progress'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_the_closest_choices(value: str, hint: str) -> None:
    known = ["learning_order", "run_accuracy", "outcome", "run_progress"]
    assert suggestion(value, known) == hint


def test_no_more_suggestions_than_asked_for() -> None:
    assert suggestion("runs", ["run_a", "run_b"], 1).count("run_") == 1
