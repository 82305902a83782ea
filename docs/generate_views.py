"""Writes docs/views.md from the files of tracker/sql/views: `make docs`.

    python -m docs.generate_views

A view's header (title, grain, source, meaning of NULL) and the comments on its columns are the
text; this only sets it.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tracker.db.schema import VIEWS, sql_text

PAGE = Path(__file__).with_name("views.md")

INTRODUCTION = """\
# The views

Made by `make docs` from the headers and comments in `tracker/sql/views`: change those.
`\\d+ NAME` in `tracker psql` shows the same comments, and `tracker query NAME` asks a view without
SQL. [functions.md](functions.md) has the functions, [papers.md](papers.md) the papers.

Columns that most views share: `ensemble` and `ensemble_id`, `split`, `example_id` (number of the
example in its dataset: the splits follow each other), `position` (in its split, from 0), `label`
(index of the class), `run_id`, `seed`, `evaluation` (its ordinal; 0 is the untrained network), and
`block` (the block that the example is stored in, or the block of examples).

A view makes its rows block by block, of some thousand examples. Asked for one example and its
block,

    SELECT * FROM forgetting
    WHERE ensemble = 'a' AND example_id = 7 AND block = example_block('a', 7)

it reads no other, but for what is over all examples, such as a rank. `outcome` and `signal` find
the block by themselves, and so does `tracker query`.
"""

SHARED = {
    *("ensemble", "ensemble_id", "dataset_id", "split", "example_id", "position", "label"),
    *("run_id", "seed", "evaluation", "block"),
}
"""Columns that the introduction explains."""

BLOCKS = """\
## Building blocks

What the views above are made of: bitmaps and slices (see [functions.md](functions.md)), or numbers
in arrays, by block of examples. For queries of your own that must not expand millions of rows.
"""

_COMMENT = re.compile(r"^COMMENT ON COLUMN \w+\.(\w+) IS\s+((?:'(?:[^']|'')*'\s*)+);", re.MULTILINE)
_STRING = re.compile(r"'((?:[^']|'')*)'")


def page() -> str:
    """The whole page."""
    answers = [view for view in VIEWS if not is_building_block(view)]
    blocks = [view for view in VIEWS if is_building_block(view)]
    contents = " · ".join(f"[{view}](#{view})" for view in answers)
    parts = [INTRODUCTION, f"{contents}\n", *map(section, answers), BLOCKS, *map(section, blocks)]
    return "\n".join(parts)


def is_building_block(view: str) -> bool:
    """Is the view there for other views?"""
    header = sql_text("views", view).partition("CREATE VIEW")[0]
    return bool(re.search(r"^-- (A|The) building block|is made of\b", header, re.MULTILINE)) or (
        view == "counted_run"
    )


def section(view: str) -> str:
    """What the page says of one view."""
    sql = sql_text("views", view)
    title, *others = paragraphs(sql.partition("CREATE VIEW")[0])
    lines = [f"## {view}\n", f"{title}\n", *(f"{paragraph}\n" for paragraph in others)]
    columns = [(name, text) for name, text in comments(sql) if name not in SHARED]
    if columns:
        lines.append(table("column", columns))
    return "\n".join(lines)


def table(heading: str, rows: Iterable[tuple[str, str]]) -> str:
    """Names and what they are, as a table with a blank line after it."""
    cells = [f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in rows]
    return "\n".join([f"| {heading} | is |\n|---|---|", *cells, ""])


def comments(sql: str) -> list[tuple[str, str]]:
    """The columns that a file explains, in its order, and what it says of them."""
    return [(name, string(strings)) for name, strings in _COMMENT.findall(sql)]


def string(strings: str) -> str:
    """What SQL's strings, one after the other, say."""
    return "".join(_STRING.findall(strings)).replace("''", "'")


def paragraphs(header: str) -> Iterator[str]:
    """A header's title, grain and source, then its other paragraphs; code keeps its lines."""
    lines = [line.removeprefix("--").removeprefix(" ") for line in header.strip().splitlines()]
    yield _capital(lines[0].partition(": ")[2])
    held: list[str] = []
    for line in [*lines[1:], ""]:
        starts = re.match(r"(Grain|Source): ", line)
        if held and (starts or not line or line.startswith("  ") != held[-1].startswith("  ")):
            yield _paragraph(held)
            held = []
        if line:
            held.append(f"{starts[1]}: {line[starts.end() :]}" if starts else line)


def _paragraph(lines: list[str]) -> str:
    if lines[0].startswith("  "):
        language = "sql" if re.match(r" *[A-Z]{2}", lines[0]) else "text"
        return f"```{language}\n" + "\n".join(line.strip() for line in lines) + "\n```"
    return re.sub(r"^(Grain|Source): ", r"*\1:* ", "\n".join(lines))


def _capital(title: str) -> str:
    """A header's title as a sentence."""
    return f"{title[:1].upper()}{title[1:]}{'' if title[-1:] in '?.' else '.'}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
