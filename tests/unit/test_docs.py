"""docs/views.md is what the files of the views say."""

import re

import pytest

from docs.generate_views import PAGE, comments, page, section
from tracker.db.schema import VIEWS, sql_text


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "make docs, and look at what it changed"


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_and_comment_is_on_it(view: str) -> None:
    sql = sql_text("views", view)
    assert f"\n## {view}\n" in page()
    assert len(comments(sql)) == sql.count("COMMENT ON COLUMN")
    assert "*Grain:* one row per" in section(view)


def test_comments_are_read_whole() -> None:
    sql = (
        "COMMENT ON COLUMN v.a IS 'The run''s; with a | bar.';\n"
        "COMMENT ON COLUMN v.b IS\n'In two '\n'parts.';\n"
    )
    assert comments(sql) == [("a", "The run's; with a | bar."), ("b", "In two parts.")]


def test_links_lead_somewhere() -> None:
    text = page()
    for view in re.findall(r"\]\(#(\w+)\)", text):
        assert f"\n## {view}\n" in text
