"""Writes docs/functions.md from the files of tracker/sql/functions: `make docs`.

    python -m docs.generate_functions

A function's header, the comments beside its arguments and result columns, and those on it (which
`\\df+` in psql shows) are the text; this only sets it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from docs.generate_views import paragraphs, string, table
from tracker.db.schema import FUNCTIONS, sql_text

PAGE = Path(__file__).with_name("functions.md")

QUESTIONS = (
    "dichotomy_summary_at",
    "dichotomous_difficulty",
    "first_correct_last_mistake_by",
    "induced_class_at",
    "forgetting_ranking",
    "cross_consistency_of",
    "accuracies_match",
    "error_consistency_between",
    "cohen_kappa",
    "label_error_score",
    "example_block",
)
"""Functions that answer a question, or make the choice that a paper leaves."""

WORKERS = ("forget_evaluations", "forget_held_out", "forget_summaries")
"""Functions that delete for workers: see operations.md."""

INTRODUCTION = """\
# The functions

Made by `make docs` from the headers and comments in `tracker/sql/functions`: change those.
Functions are asked in `tracker psql`; `\\df+ NAME` there shows what each is. Those of the first
part answer questions about ensembles, beside the [views](views.md): `SELECT * FROM` those that
return a table. The others are what the views are made of. [papers.md](papers.md) has the papers.
"""

BLOCKS = """\
## Building blocks

What the views are made of. A *bitmap* has a bit for each example of a block, in slot order;
*slices* (`BIT VARYING[]`) hold a whole number for each, one bitmap a binary digit, the lowest
first. So are classes held, as *bit planes*. The building blocks among the
[views](views.md#building-blocks) hold them.
"""


@dataclass(frozen=True)
class Item:
    """An argument or a column of the result."""

    name: str
    type: str
    told: str
    """What it is; empty where its file does not say."""


@dataclass(frozen=True)
class Routine:
    """A function or aggregate with a comment."""

    name: str
    comment: str
    """The one that psql shows."""
    signature: str
    arguments: list[Item]
    columns: list[Item]
    """Of the table that it returns, if it does."""


def page() -> str:
    """The whole page."""
    blocks = sorted(set(FUNCTIONS) - {*QUESTIONS, *WORKERS})
    contents = " · ".join(f"[{name}](#{name})" for name in QUESTIONS)
    others = " · ".join(f"[{name}](#{name})" for name in blocks)
    parts = [INTRODUCTION, f"{contents}\n", *map(section, QUESTIONS)]
    return "\n".join([*parts, BLOCKS, f"{others}\n", *map(section, blocks)])


def section(name: str) -> str:
    """What the page says of one file: its header, and each routine in it that has a comment."""
    sql = sql_text("functions", name)
    title, *others = paragraphs(_header(sql))
    told = routines(sql)
    lines = [f"## {name}\n", f"{title}\n"]
    for routine in told:
        if len(told) > 1:
            lines.append(f"{routine.comment}\n")
        lines.append(f"```sql\n{routine.signature}\n```\n")
    lines += [f"{paragraph}\n" for paragraph in others]
    for routine in told:
        for heading, listed in (("argument", routine.arguments), ("column", routine.columns)):
            if any(item.told for item in listed):
                lines.append(table(heading, [(item.name, item.told) for item in listed]))
    return "\n".join(lines)


def routines(sql: str) -> list[Routine]:
    """The functions and aggregates of a file that have a comment, in its order."""
    found = []
    for kind, name, types, strings in _COMMENT.findall(sql):
        for start in re.finditer(rf"^CREATE {kind} {name} ?(?=\()", sql, re.MULTILINE):
            arguments = _parenthesized(sql, start.end())
            if _types(kind, arguments) == _compact(types):
                found.append(_routine(kind, name, string(strings), sql[start.end() :], arguments))
    return found


_COMMENT = re.compile(
    r"^COMMENT ON (FUNCTION|AGGREGATE) (\w+) ?\(([^)]*)\) IS\s+((?:'(?:[^']|'')*'\s*)+);",
    re.MULTILINE,
)


def _routine(kind: str, name: str, comment: str, sql: str, arguments: str) -> Routine:
    signature, columns = f"{name}({arguments})", ""
    if kind == "FUNCTION":
        result = sql[len(arguments) + 2 :].partition("\nLANGUAGE")[0]
        if result.startswith("\nRETURNS TABLE "):
            columns = _parenthesized(result, result.index("("))
        signature += result
    else:
        signature = f"AGGREGATE {signature}"
    return Routine(name, comment, _without_comments(signature), _items(arguments), _items(columns))


def _parenthesized(sql: str, start: int) -> str:
    """What stands between the parenthesis at `start` and the one that closes it."""
    code = re.sub(r"--.*", lambda comment: " " * len(comment[0]), sql[start:])
    depth = 0
    for place, character in enumerate(code):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return sql[start + 1 : start + place]
    raise ValueError(f"no end of {sql[start : start + 40]!r}")


def _items(sql: str) -> list[Item]:
    """Arguments or columns, with the comments beside or below them."""
    items: list[Item] = []
    for line in sql.splitlines():
        code, _, comment = line.partition("--")
        told = comment.partition("-- noqa")[0].strip()
        for part in filter(None, (part.strip() for part in code.split(","))):
            name, _, of = part.partition(" ")
            items.append(Item(name.strip('"'), of, ""))
        if told and not told.startswith("noqa"):
            last = items[-1]
            items[-1] = Item(last.name, last.type, f"{last.told} {told}".strip())
    return items


def _types(kind: str, arguments: str) -> str:
    """The types of the arguments that a call has, as a comment on the routine names them."""
    if kind == "AGGREGATE":
        return _compact(arguments)
    listed = [item for item in _items(arguments) if "OUT" not in (item.name, item.type[:3])]
    return _compact(", ".join(item.type.partition(" DEFAULT ")[0] for item in listed))


def _compact(types: str) -> str:
    return re.sub(r"\s+(?=\[)|\n *", "", types)


def _without_comments(sql: str) -> str:
    lines = [line.partition("--")[0].rstrip() for line in sql.splitlines()]
    return "\n".join(filter(None, lines))


def _header(sql: str) -> str:
    """What a file begins with, its title in one line."""
    title, *rest = sql.partition("\n\n")[0].splitlines()
    while rest and re.match(r"-- (?! |Source: )", rest[0]):
        title += rest.pop(0).removeprefix("--")
    return "\n".join([title, *rest])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
