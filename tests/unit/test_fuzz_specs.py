"""Specs, names and lengths with anything in them are read, and can be stored, or refused."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import JSON
from tracker.datasets.names import parse_name
from tracker.datasets.noise import LabelNoise
from tracker.ensembles import check_name
from tracker.errors import TrackerError, UsageError
from tracker.holdout import parse_holdout
from tracker.schedule import MAX_EVALUATIONS, MAX_STEPS, Schedule
from tracker.spans import Span
from tracker.specs import EnsembleSpec


@given(st.dictionaries(st.sampled_from([*EnsembleSpec.model_fields, "other"]), JSON))
def test_a_stored_spec_that_is_none_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises((ValueError, TrackerError)):
        EnsembleSpec.model_validate(stored)


WHOLE_SPEC: dict[str, object] = {
    "version": 1, "dataset": "mnist5k", "examples": 50, "label_noise": "noise0.4", "arch": "mlp",
    "split": "90:10", "probe": {"every": 2, "votes": True},
    "recipe": {
        "length": "3epochs", "batch_size": 10, "optimizer": "sgd", "lr": 0.1, "momentum": 0.9,
        "weight_decay": 0.0, "decay": {"divisor": 10.0, "at": ["1epoch", "5steps"], "every": None},
    },
    "curriculum": {"parameters": {}, "source": {}, "snapshot": "00"},
    "recording": {"every": "1epoch", "initial": True, "signals": ["loss"], "outputs": False},
}  # fmt: skip

HOSTILE_LEAVES = JSON | st.sampled_from(
    ["9" * 300 + "epochs", "1steps", "noise1e400", "parts:0", "99:1:2", "\0", "\udcff", 2**70, -1,
     float("inf"), float("nan"), 1e308, "-1epoch", "٣epochs", "../..", "'; DROP TABLE run"]
)  # fmt: skip


def places(part: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every value of a nested object, by the object that has it and its key."""
    for key, value in part.items():
        if key not in ("parameters", "source"):  # made by ourselves, of checked options
            yield part, key
        if isinstance(value, dict):
            yield from places(value)


@given(st.data())
def test_a_spec_with_anything_in_it_is_read_or_refused(data: st.DataObject) -> None:
    """And what is read can be stored, named, told from another, and laid out in steps."""
    changed = json.loads(json.dumps(WHOLE_SPEC))
    for _ in range(data.draw(st.integers(0, 3))):
        part, key = data.draw(st.sampled_from(list(places(changed))))
        part[key] = data.draw(HOSTILE_LEAVES)
    try:
        spec = EnsembleSpec.model_validate(changed)
    except ValueError:
        return
    stored = json.dumps(spec.model_dump(mode="json"), allow_nan=False)
    assert EnsembleSpec.model_validate_json(stored) == spec
    assert len(spec.digest) == 64
    assert isinstance(spec.dataset_name, str)
    try:
        schedule = Schedule.of(spec, 4000)
    except UsageError:
        return
    assert schedule.evaluations <= MAX_EVALUATIONS + 1
    assert schedule.total_steps <= MAX_STEPS


@given(st.text())
def test_a_name_is_letters_or_refused(name: str) -> None:
    """Names become those of files: none leads out of a folder."""
    try:
        accepted = check_name(name)
    except UsageError:
        return
    assert re.fullmatch(r"[\w.+:=@-]+", accepted)
    assert "/" not in accepted
    assert accepted not in (".", "..")


MANY = "9" * 5000
"""Digits of which Python makes no number."""


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (Span.parse, f"{MANY}epochs"),
        (parse_holdout, f"{MANY}:1"),
        (parse_holdout, f"parts:{MANY}"),
        (parse_holdout, f"part:1/{MANY}"),
        (LabelNoise.parse, f"noise0.4-seed{MANY}"),
    ],
)
def test_numbers_without_end_are_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(UsageError):
        read(text)


def test_a_datasets_name_with_a_number_without_end_is_no_known_ones() -> None:
    assert parse_name(f"digits-{MANY}") is None


@given(st.text())
def test_a_span_is_read_or_refused(text: str) -> None:
    try:
        span = Span.parse(text)
    except UsageError:
        return
    assert span.count > 0
