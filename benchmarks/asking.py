"""Asking every engine the same question: equal answers first, then the time that they take."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Protocol

from benchmarks.queries import Form, Query
from benchmarks.timing import Figure, Missing, Unanswered, repeated, seconds_of

_TOLERANCE = 1e-9
"""Engines add up floating-point numbers in another order."""

SLOW_SECONDS = 10.0
"""What takes longer is measured once, without a warm-up."""

Answer = tuple[object, ...]


class Disagreement(Exception):  # noqa: N818 (the figures are void)
    """Two engines answer the same question differently."""


class Session(Protocol):
    """A connection of any engine."""

    def answer(self, sql: str) -> Answer:
        """The one row that `sql` gives."""


@dataclass
class Asked:
    """What one engine made of one question.

    Attributes
    ----------
    figure
        Seconds, of the fastest form where there are several; or why there are none.
    form
        Name of the fastest form.
    forms
        Seconds of every form by name, where there are several.
    answers
        Sums that stand for the answer: plain, and weighted where they were asked for.
    peak_bytes
        Memory of the server's processes; ours only.
    """

    figure: Figure | Missing
    form: str = ""
    forms: dict[str, Figure] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    peak_bytes: int | None = None


def fill(sql: str, fields: Mapping[str, object]) -> str:
    """`sql` with its fields filled in."""
    return sql.format(**fields)


def ask(
    session: Session,
    query: Query,
    sql: str,
    fields: Mapping[str, object],
    repeats: int,
    examples: Sequence[int],
) -> Asked:
    """Ask one engine: once to warm up, once for the check, `repeats` times against the clock."""
    if query.lookup:
        return _look_up(session, query, sql, fields, examples)
    timed = query.timed(fill(sql, fields))
    try:
        first, answer = seconds_of(lambda: session.answer(timed))
        answers = {"timed": answer}
        if first > SLOW_SECONDS:
            return Asked(Figure.of([first]), answers=answers)
        answers["checked"] = session.answer(query.checked(fill(sql, fields)))
        return Asked(repeated(lambda: session.answer(timed), repeats), answers=answers)
    except Unanswered as reason:
        return Asked(Missing(str(reason)))


def _look_up(
    session: Session,
    query: Query,
    sql: str,
    fields: Mapping[str, object],
    examples: Sequence[int],
) -> Asked:
    """Each of `examples` once, after one that does not count."""
    seconds, answers = [], {}
    try:
        for example in (examples[0], *examples):
            filled = fill(sql, {**fields, "example": example})
            took, _ = seconds_of(partial(session.answer, query.timed(filled)))
            seconds.append(took)
        for example in examples[:5]:
            filled = fill(sql, {**fields, "example": example})
            answers[f"example {example}"] = session.answer(query.checked(filled))
    except Unanswered as reason:
        return Asked(Missing(str(reason)))
    return Asked(Figure.of(seconds[1:]), answers=answers)


def ask_forms(forms: Sequence[Form], ask_form: Callable[[str], Asked]) -> Asked:
    """Ask in each form; the fastest stands for the engine, and all have to agree."""
    asked = {form.name: ask_form(form.sql) for form in forms}
    first = next(iter(asked.values()))
    figures = {}
    for name, one in asked.items():
        agree(f"form {name!r}", first, one)
        if isinstance(one.figure, Figure):
            figures[name] = one.figure
    if not figures:
        return first
    best = min(figures, key=lambda name: figures[name].median)
    return Asked(figures[best], best, figures if len(forms) > 1 else {}, asked[best].answers)


def agree(what: str, one: Asked, other: Asked) -> None:
    """Raise `Disagreement` unless both gave the same sums, as far as both gave any."""
    for kind in one.answers.keys() & other.answers.keys():
        mine, theirs = one.answers[kind], other.answers[kind]
        if len(mine) != len(theirs) or not all(map(_close, mine, theirs)):
            raise Disagreement(f"{what}: {kind} sums differ: {mine} and {theirs}")


def _close(one: object, other: object) -> bool:
    if one is None or other is None:
        return one is other
    if not isinstance(one, int | float | Decimal) or not isinstance(other, int | float | Decimal):
        return False
    return math.isclose(float(one), float(other), rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
