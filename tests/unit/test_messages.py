"""What lies in the queue is one of our messages or refused, without a word of it repeated."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import JSON
from tracker.messages import LARGEST_ID, LONGEST_NAME, MessageError, read_analysis, read_train_run
from workers.transport import EnvelopeError, check_envelope


@given(st.integers(1, LARGEST_ID))
def test_a_runs_id_is_read(run: int) -> None:
    assert read_train_run([run], {}).run_id == run
    assert read_train_run([], {"run_id": run}).run_id == run


@given(
    st.lists(JSON, max_size=3),
    st.dictionaries(st.sampled_from(["run_id", "run"]) | st.text(), JSON, max_size=3),
)
def test_anything_else_is_refused_without_repeating_it(
    arguments: list[object], named: dict[str, object]
) -> None:
    alone = [*arguments, *named.values()]
    fits = len(alone) == 1 and type(alone[0]) is int and 1 <= alone[0] <= LARGEST_ID
    if fits and (arguments or "run_id" in named):
        assert read_train_run(arguments, named).run_id == alone[0]
        return
    with pytest.raises(MessageError, match=r"^refused a message: ") as refused:
        read_train_run(arguments, named)
    assert len(str(refused.value)) < 120
    assert "\n" not in str(refused.value)


ENVELOPE = {
    "body": "W10=",
    "content-type": "application/json",
    "content-encoding": "utf-8",
    "headers": {},
    "properties": {"delivery_tag": "t", "delivery_info": {"exchange": "", "routing_key": "q"}},
}


def test_an_envelope_is_known() -> None:
    check_envelope(ENVELOPE)


@given(JSON)
def test_whatever_else_is_refused_as_an_envelope(text: object) -> None:
    with pytest.raises(EnvelopeError):
        check_envelope(text)


@given(st.data())
def test_an_envelope_with_a_wrong_part_is_refused(data: st.DataObject) -> None:
    changed = json.loads(json.dumps(ENVELOPE))
    place, key = data.draw(
        st.sampled_from(
            [(changed, key) for key in changed]
            + [(changed["properties"], key) for key in changed["properties"]]
            + [(changed["properties"]["delivery_info"], key) for key in ("exchange", "routing_key")]
        )
    )
    kind = type(place[key])
    place[key] = data.draw(JSON.filter(lambda value: not isinstance(value, kind)))
    with pytest.raises(EnvelopeError):
        check_envelope(changed)


NAMES = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=9)


@given(NAMES, NAMES)
def test_a_score_to_compute_is_read(ensemble: str, score: str) -> None:
    for asked in (
        read_analysis([ensemble, score], {}),
        read_analysis([ensemble], {"score": score}),
        read_analysis([], {"score": score, "ensemble": ensemble}),
    ):
        assert (asked.ensemble, asked.score) == (ensemble, score)


@given(st.lists(JSON, max_size=3), st.dictionaries(st.sampled_from(["score", "other"]), JSON))
def test_other_requests_for_a_score_are_refused(
    arguments: list[object], named: dict[str, object]
) -> None:
    given = [*arguments, *named.values()]
    if len(given) == 2 and all(isinstance(one, str) for one in given):
        return
    with pytest.raises(MessageError, match=r"^refused a message: ") as refused:
        read_analysis(arguments, named)
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize("name", ["", "a\x00b", "a\nb", "x" * (LONGEST_NAME + 1), "\ud800"])
def test_names_in_messages_are_names(name: str) -> None:
    with pytest.raises(MessageError, match=r"^refused a message: "):
        read_analysis([name, "ensemble-agreement"], {})
    with pytest.raises(MessageError, match=r"^refused a message: "):
        read_analysis(["one", name], {})
