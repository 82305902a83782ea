"""docs/views.md and docs/functions.md are what the files of the views and functions say."""

import re
from types import ModuleType

import pytest

from docs import generate_functions, generate_views
from docs.generate_functions import QUESTIONS, WORKERS, routines
from docs.generate_views import comments, section
from tracker.db.schema import FUNCTIONS, VIEWS, sql_text


@pytest.mark.parametrize("of", [generate_views, generate_functions])
def test_the_page_is_current(of: ModuleType) -> None:
    told = of.PAGE.read_text("utf-8")
    assert told == of.page(), "make docs, and look at what it changed"


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_and_comment_is_on_it(view: str) -> None:
    sql = sql_text("views", view)
    assert f"\n## {view}\n" in generate_views.page()
    assert len(comments(sql)) == sql.count("COMMENT ON COLUMN")
    assert "*Grain:* one row per" in section(view)


def test_comments_are_read_whole() -> None:
    sql = (
        "COMMENT ON COLUMN v.a IS 'The run''s; with a | bar.';\n"
        "COMMENT ON COLUMN v.b IS\n'In two '\n'parts.';\n"
    )
    assert comments(sql) == [("a", "The run's; with a | bar."), ("b", "In two parts.")]


@pytest.mark.parametrize("of", [generate_views, generate_functions])
def test_links_lead_somewhere(of: ModuleType) -> None:
    text = of.page()
    for name in re.findall(r"\]\(#(\w+)\)", text):
        assert f"\n## {name}\n" in text
    for page, heading in re.findall(r"\]\((\w+\.md)#?([\w-]*)\)", text):
        lines = generate_views.PAGE.with_name(page).read_text("utf-8").splitlines()
        headings = {
            line.lstrip("# ").lower().replace(" ", "-") for line in lines if line[:1] == "#"
        }
        assert not heading or heading in headings


# --- functions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - set(WORKERS)))
def test_every_function_is_on_the_page_with_its_comment(name: str) -> None:
    sql = sql_text("functions", name)
    told = routines(sql)
    assert f"\n## {name}\n" in generate_functions.page()
    assert len(told) == len(re.findall(r"^COMMENT ON ", sql, re.MULTILINE))
    assert name in {routine.name for routine in told}
    for routine in told:
        assert routine.comment.endswith((".", "?")), routine.comment
        assert routine.signature in generate_functions.section(name)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_argument_and_column_of_a_question_is_explained(name: str) -> None:
    (routine,) = routines(sql_text("functions", name))
    assert routine.arguments
    for item in [*routine.arguments, *routine.columns]:
        assert item.told.endswith((".", "?")), item
        assert f"| `{item.name}` | {item.told} |" in generate_functions.section(name)
    assert bool(routine.columns) == ("RETURNS TABLE" in routine.signature)


def test_a_function_is_read_whole() -> None:
    sql = """
CREATE FUNCTION f(
    a TEXT, -- The (first; one.
    b INTEGER[] DEFAULT '{}'
    -- In two
    -- lines.
)
RETURNS TABLE (
    "position" INTEGER, -- A place. -- noqa: RF06
    label INTEGER -- noqa: RF06, reserved
)
LANGUAGE sql
AS $$ SELECT 1, 2 $$;

CREATE FUNCTION f(a TEXT)
RETURNS TEXT
LANGUAGE sql
AS $$ SELECT a $$;

CREATE AGGREGATE g (VARBIT [], INTEGER)(
    SFUNC = f
);

COMMENT ON FUNCTION f(TEXT, INTEGER[]) IS
'The one''s '
'words.';
COMMENT ON AGGREGATE g (VARBIT [], INTEGER) IS 'A sum.';
"""
    one, other = routines(sql)
    assert one.comment == "The one's words."
    assert one.signature == (
        "f(\n    a TEXT,\n    b INTEGER[] DEFAULT '{}'\n)\n"
        'RETURNS TABLE (\n    "position" INTEGER,\n    label INTEGER\n)'
    )
    assert [(item.name, item.told) for item in one.arguments] == [
        ("a", "The (first; one."),
        ("b", "In two lines."),
    ]
    assert [(item.name, item.told) for item in one.columns] == [
        ("position", "A place."),
        ("label", ""),
    ]
    assert (other.signature, other.comment) == ("AGGREGATE g(VARBIT [], INTEGER)", "A sum.")
