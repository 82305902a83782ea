"""What --where says, and what it must not be able to say."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracker.errors import UsageError
from tracker.exports.conditions import NULL_TESTS, OPERATORS, Condition, parse_condition

COMPARISONS = [operator for operator in OPERATORS if operator not in NULL_TESTS]


@pytest.mark.parametrize(
    ("clause", "condition"),
    [
        ("accessibility<0.2", Condition("accessibility", "<", "0.2")),
        ("accessibility <= 0.2 ", Condition("accessibility", "<=", "0.2")),
        ("split=train", Condition("split", "=", "train")),
        ("label!=-3", Condition("label", "!=", "-3")),
        ("error = a b = c", Condition("error", "=", "a b = c")),
        ("error=", Condition("error", "=", "")),
        ("error='x'", Condition("error", "=", "'x'")),
        ("error = =x", Condition("error", "=", "=x")),
        ("error = is null", Condition("error", "=", "is null")),
        ("median_learned is null", Condition("median_learned", "is null", None)),
        (" median_learned  IS  NOT NULL ", Condition("median_learned", "is not null", None)),
    ],
)
def test_reads(clause: str, condition: Condition) -> None:
    assert parse_condition(clause) == condition


@pytest.mark.parametrize(
    "clause", ["", "  ", "label", "label ", "<3", "label==3", "label<>3", "label=>3", "label is 3"]
)
def test_refuses(clause: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_condition(clause)
    assert ", ".join(OPERATORS) in str(error.value)


@pytest.mark.parametrize(
    ("clause", "meant"),
    [
        ("label is nul", "is null"),
        ("label isnull", "is null"),
        ("label is None", "is null"),
        ("label is not nul", "is not null"),
        ("label IS NOTNULL", "is not null"),
        ("label is 3", None),
        ("label == 3", None),
    ],
)
def test_a_misspelled_null_test_is_named(clause: str, meant: str | None) -> None:
    with pytest.raises(UsageError) as error:
        parse_condition(clause)
    _, found, hint = str(error.value).partition("; did you mean ")
    assert (hint if found else None) == (meant and f"{meant!r}?")


@given(value=st.text(), operator=st.sampled_from(COMPARISONS), blank=st.sampled_from(["", " "]))
@example(value="'; DROP TABLE run; --", operator="=", blank="")
@example(value="%s {} $1 :name \\", operator="!=", blank=" ")
def test_whatever_follows_the_operator_is_the_value(value: str, operator: str, blank: str) -> None:
    if not blank and value[:1] in "=!<>":
        value = f"x{value}"
    condition = parse_condition(f"label{blank}{operator}{blank}{value}")
    assert condition == Condition("label", operator, value.strip())


@given(st.text())
def test_any_text_is_a_condition_or_an_error(clause: str) -> None:
    try:
        condition = parse_condition(clause)
    except UsageError:
        return
    assert condition.operator in OPERATORS
    assert (condition.value is None) == (condition.operator in NULL_TESTS)
    assert parse_condition(str(condition)) == condition
