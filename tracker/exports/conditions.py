"""What `--where` says: a column, an operator, and a value that stays a value."""

import re
from dataclasses import dataclass

from tracker.errors import UsageError, choice_error, suggestion

OPERATORS = {
    "=": "=",
    "!=": "<>",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "is null": "IS NULL",
    "is not null": "IS NOT NULL",
}
"""Operators as they are typed, and in SQL. Comparisons with NULL hold for no row, as in SQL."""

NULL_TESTS = ("is null", "is not null")

_COLUMN = re.compile(r"\s*([^\s=!<>]+)\s*", re.DOTALL)
_NULL_TEST = re.compile(r"is\s+(not\s+)?null\s*", re.IGNORECASE)
_SYMBOLS = re.compile(r"[=!<>]+")


@dataclass(frozen=True)
class Condition:
    """One condition on a column.

    Attributes
    ----------
    operator
        One of OPERATORS.
    value
        The text to compare with, read as the column's type; None for NULL_TESTS.
    """

    column: str
    operator: str
    value: str | None

    def __str__(self) -> str:
        words = (self.column, self.operator, self.value)
        return " ".join(word for word in words if word is not None)


def parse_condition(clause: str) -> Condition:
    """A condition from `column op value`, such as `accessibility<0.2` or `label is null`.

    Blanks around the value are dropped; quotes and all else belong to it.

    Raises
    ------
    UsageError
        If there is no column or no operator, or an unknown one.
    """
    start = _COLUMN.match(clause)
    rest = clause[start.end() :] if start else ""
    if start is None or not rest:
        raise UsageError(
            f"--where {clause!r} must be a column, one of {', '.join(OPERATORS)}, and a value"
        )
    column = start[1]
    if test := _NULL_TEST.fullmatch(rest):
        return Condition(column, NULL_TESTS[test[1] is not None], None)
    symbols = _SYMBOLS.match(rest)
    operator = symbols[0] if symbols else rest.split()[0]
    if operator not in OPERATORS:
        error = choice_error("operator", operator, OPERATORS)
        meant = suggestion(rest.strip().lower().replace("none", "null"), NULL_TESTS, 1)
        raise UsageError(f"{error}; {meant}") if meant else error
    return Condition(column, operator, rest[len(operator) :].strip())
