"""Functions that take the name of an ensemble say so where there is none, in place of no rows."""

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests.support.ensembles import record, story_of

UNKNOWN = (
    "cross_consistency_of('nobody', 0, 'known', 0)",
    "cross_consistency_of('known', 0, 'nobody', 0)",
    "cross_consistency_of('nobody', 0, 'no-one', 0)",
    "dichotomy_summary_at('nobody', 1)",
    "error_consistency_between('nobody', 'known')",
    "error_consistency_between('known', 'nobody')",
    "error_consistency_between('nobody', 'no-one')",
    "example_block('nobody', 0)",
    "first_correct_last_mistake_by('nobody', 'train', '{1}')",
    "forgetting_ranking('nobody')",
    "induced_class_at('nobody', 0)",
)


def name_of(call: str) -> str:
    return call.partition("(")[0]


@pytest.mark.parametrize("call", UNKNOWN)
def test_an_unknown_ensemble_is_one_clear_line(connection: Connection, call: str) -> None:
    record(connection, story_of([[[1]]], name="known"))
    with pytest.raises(DBAPIError) as caught:
        connection.execute(text(f"SELECT * FROM {call}"))
    message = str(caught.value.orig).splitlines()[0]
    assert message == f"{name_of(call)}: there is no ensemble named 'nobody'"


def test_these_are_all_functions_of_ensembles(connection: Connection) -> None:
    query = """
        SELECT DISTINCT proname FROM pg_proc
        CROSS JOIN unnest(proargnames) WITH ORDINALITY AS argument (name, place)
        WHERE pronamespace = 'public'::regnamespace AND place <= pronargs
            AND argument.name IN ('ensemble', 'ensemble_a', 'ensemble_b')
    """
    assert set(connection.scalars(text(query))) == {name_of(call) for call in UNKNOWN}


@pytest.mark.parametrize(
    "call",
    [
        "cross_consistency_of('empty', 0, 'empty', 0)",
        "dichotomy_summary_at('empty', 0)",
        "first_correct_last_mistake_by('empty', 'train', '{1}')",
        "forgetting_ranking('empty')",
        "induced_class_at('empty', 0)",
    ],
)
def test_an_ensemble_without_outcomes_has_no_rows(connection: Connection, call: str) -> None:
    """It is known: that is no error."""
    record(connection, story_of([[[1]]], recorded=[[]], states=["queued"], name="empty"))
    assert connection.execute(text(f"SELECT * FROM {call}")).all() == []
