"""Every function that people call explains itself in psql (`\\df+`), as the page has it."""

from sqlalchemy import Connection, text

from docs.generate_functions import routines
from tracker.db.schema import FUNCTIONS, sql_text

COMMENTS = """
    SELECT proname, obj_description(oid, 'pg_proc') AS comment FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
"""


def test_every_function_of_a_file_has_the_comment_that_the_page_has(
    connection: Connection,
) -> None:
    found = [tuple(row) for row in connection.execute(text(COMMENTS))]
    told = [
        (routine.name, routine.comment)
        for name in FUNCTIONS
        for routine in routines(sql_text("functions", name))
    ]
    assert {name for name, _ in told} >= set(FUNCTIONS)
    assert sorted(row for row in found if row[1]) == sorted(told)


def test_a_function_without_a_comment_is_a_part_of_another(connection: Connection) -> None:
    """Whoever reads a file by its name finds the one that the file is about explained."""
    rows = connection.execute(text(COMMENTS)).all()
    silent = {name for name, comment in rows if comment is None}
    assert silent & {"bitslice_claim", "unslice_digits"}
    assert silent.isdisjoint(FUNCTIONS)
