"""Which blocks hold the examples that conditions name: a view asked for them reads no others.

Views make the rows of a block all at once, so that PostgreSQL cannot tell by itself which blocks a
condition on `example_id` or `position` leaves.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from tracker.exports.conditions import OPERATORS, Condition

if TYPE_CHECKING:
    from psycopg.sql import Composable

FIRST = {"example_id": "block.first_example", "position": "block.first_position"}
"""Columns that number examples, and the number of a block's first one."""

OWNERS = {"split": "block.split", "ensemble": "ensemble.name", "ensemble_id": "ensemble.id"}
"""Columns that are the same for a whole block."""

REACHED = {
    "=": "{first} <= {value} AND {first} + block.size > {value}",
    "<": "{first} < {value}",
    "<=": "{first} <= {value}",
    ">": "{first} + block.size - 1 > {value}",
    ">=": "{first} + block.size > {value}",
}
"""Which blocks have an example of whose number a comparison holds; the other operators hold of
some in nearly every block."""


def block_condition(
    connection: Connection, conditions: Iterable[tuple[Condition, "Composable"]]
) -> "Composable | None":
    """The condition on `block` that the others imply; None if none of them numbers examples.

    Parameters
    ----------
    conditions
        Each with the SQL of its value, which the transaction knows.
    """
    from psycopg import sql

    parts, numbered = [], False
    for condition, value in conditions:
        column, operator = condition.column, condition.operator
        if column in FIRST and operator in REACHED:
            numbered = True
            reached = REACHED[operator]
            parts.append(sql.SQL(reached).format(first=sql.SQL(FIRST[column]), value=value))
        elif column in OWNERS:
            parts.append(sql.SQL(f"{OWNERS[column]} {OPERATORS[operator]} ") + value)
    if not numbered:
        return None
    asked = sql.SQL(
        "SELECT DISTINCT block.block FROM block "
        "INNER JOIN ensemble ON block.dataset_id = ensemble.dataset_id WHERE {} ORDER BY 1"
    ).format(sql.SQL(" AND ").join(parts))
    found = [row[0] for row in connection.connection.cursor().execute(asked).fetchall()]
    if len(found) == 1:
        # Equality holds of all that is joined by the block; of a list, each side is told apart.
        return sql.SQL("block = {}").format(sql.Literal(found[0]))
    return sql.SQL("block = ANY({}::integer[])").format(sql.Literal(found))
