"""Questions to any view: which rows, which columns, in which order, how many.

    with snapshot(engine) as connection:
        rows = query_rows(connection, Query("learning_order", where=("accessibility<0.2",)))

Names of views and columns are looked up in the database's catalog. Values are bound to the
transaction as settings of their column's type, which the query reads: COPY, which streams a
result of any size, takes no parameters.
"""

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from tracker import __version__
from tracker.db.schema import VIEWS
from tracker.ensembles import get_ensemble_id
from tracker.errors import UsageError, close_choice_error
from tracker.exports.blocks import block_condition
from tracker.exports.choices import choices_of
from tracker.exports.conditions import OPERATORS, Condition, parse_condition
from tracker.exports.tables import Columns, arrow_schema, copy_batches, find_view, is_plain
from tracker.exports.tables import list_views as read_views

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg.sql import Composable

ENSEMBLES = ("ensemble", "ensemble_a", "ensemble_b")
"""Columns that name ensembles."""

MAX_ROWS = (1 << 63) - 1
"""The highest limit that the database takes."""


@dataclass(frozen=True)
class Query:
    """What is asked of a view.

    Attributes
    ----------
    where
        Conditions that all hold, as `parse_condition` reads them.
    ensemble
        The same as the condition that the column `ensemble` is this name.
    columns
        Those wanted, in this order; all if empty.
    order_by
        Columns to order by, from the first to the last value; with a minus sign in front from the
        last to the first. NULL comes at the end either way.
    limit
        Rows at most.
    """

    view: str
    where: tuple[str, ...] = ()
    ensemble: str | None = None
    columns: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int | None = None


def narrowing(query: Query) -> tuple[tuple[str, ...], bool]:
    """The ensembles that a query names, and whether it has other conditions too."""
    conditions = [parse_condition(clause) for clause in query.where]
    named = [each.value for each in conditions if each.column in ENSEMBLES and each.operator == "="]
    own = () if query.ensemble is None else (query.ensemble,)
    found = (*own, *(name for name in named if name is not None))
    return found, len(named) < len(conditions)


def list_views(connection: Connection) -> dict[str, Columns]:
    """The views that can be asked: those without bitmaps."""
    views = read_views(connection)
    return {view: columns for view, columns in views.items() if is_plain(columns)}


@dataclass(frozen=True)
class Answer:
    """The rows that a query asks for, as the formats of exports write them."""

    connection: Connection
    query: Query
    asked: "Composable"
    schema: "pa.Schema"

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What was asked, and by which version."""
        asked = asdict(self.query)
        return {"table": asked.pop("view"), **asked, "tracker_version": __version__}

    def stream(self) -> "closing[Generator[pa.RecordBatch]]":
        """The batches, as a context: left early, it frees the connection."""
        return closing(copy_batches(self.connection, self.asked, self.schema))


def query_rows(connection: Connection, query: Query) -> Answer:
    """The rows that a query asks for, streamed.

    Raises
    ------
    UsageError
        If there is no such view, column, operator or value, listing those that there are.
    """
    from psycopg import sql

    columns = _find_columns(connection, query)
    chosen = _chosen(query, columns)
    asked = sql.SQL("SELECT {} FROM {}{}{}{}").format(
        sql.SQL(", ").join(map(sql.Identifier, chosen)),
        sql.Identifier(query.view),
        _where(connection, query, columns),
        _order(query, columns),
        sql.SQL("" if query.limit is None else f" LIMIT {min(query.limit, MAX_ROWS):d}"),
    )
    schema = arrow_schema({name: columns[name] for name in chosen})
    return Answer(connection, query, asked, schema)


def count_rows(connection: Connection, query: Query, seconds: float) -> int | None:
    """How many rows there are without the limit; None if counting takes longer than `seconds`."""
    from psycopg import sql
    from psycopg.errors import QueryCanceled

    counting = sql.SQL("SELECT count(*) FROM {}{}").format(
        sql.Identifier(query.view), _where(connection, query, _find_columns(connection, query))
    )
    try:
        with connection.begin_nested():
            cursor = connection.connection.cursor()
            cursor.execute(f"SET LOCAL statement_timeout = {round(1000 * seconds):d}")
            [[count]] = cursor.execute(counting).fetchall()
            return int(count)
    except QueryCanceled:
        return None


def _find_columns(connection: Connection, query: Query) -> Columns:
    if query.limit is not None and query.limit < 1:
        raise UsageError(f"--limit must be at least 1, got {query.limit}")
    return find_view(read_views(connection), query.view, list_views(connection), "view")


def _chosen(query: Query, columns: Columns) -> tuple[str, ...]:
    """Names of the columns of the result."""
    for name in query.columns:
        _check_column(query, name, columns)
        if query.columns.count(name) > 1:
            raise UsageError(f"--columns names {name!r} twice")
    return query.columns or tuple(columns)


def _check_column(query: Query, name: str, columns: Columns) -> None:
    if name not in columns:
        raise close_choice_error(f"column of {query.view}", name, columns)


def _order(query: Query, columns: Columns) -> "Composable":
    from psycopg import sql

    if not query.order_by:
        return sql.SQL("")
    terms = []
    for term in query.order_by:
        name = term.removeprefix("-")
        _check_column(query, name, columns)
        direction = sql.SQL(" DESC" if term.startswith("-") else "")
        terms.append(sql.Identifier(name) + direction + sql.SQL(" NULLS LAST"))
    return sql.SQL(" ORDER BY ") + sql.SQL(", ").join(terms)


def _where(connection: Connection, query: Query, columns: Columns) -> "Composable":
    """The query's conditions, after binding their values to the transaction."""
    from psycopg import sql

    conditions = [parse_condition(clause) for clause in query.where]
    if query.ensemble is not None:
        if "ensemble" not in columns and "ensemble_a" in columns:
            raise UsageError(
                f"{query.view} is a view of two ensembles: in place of --ensemble, say "
                f"--where ensemble_a={query.ensemble} --where ensemble_b=ANOTHER"
            )
        conditions.append(Condition("ensemble", "=", query.ensemble))
    if not conditions:
        return sql.SQL("")
    connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    bound = []
    for number, condition in enumerate(conditions):
        _check_column(query, condition.column, columns)
        value = sql.SQL("")
        if condition.value is not None:
            kind = columns[condition.column]
            setting = f"tracker.value_{number}"
            _bind(connection, setting, condition, kind)
            _check_value(connection, query, condition, condition.value)
            value = sql.SQL(f"CAST(current_setting('{setting}') AS {kind})")
        bound.append((condition, value))
    parts: list[Composable] = [
        sql.Identifier(condition.column) + sql.SQL(f" {OPERATORS[condition.operator]} ") + value
        for condition, value in bound
    ]
    if query.view in VIEWS and "block" in columns:
        blocks = block_condition(connection, bound)
        parts += [] if blocks is None else [blocks]
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(parts)


def _bind(connection: Connection, setting: str, condition: Condition, kind: str) -> None:
    """Keep a value for the rest of the transaction, as the column's type writes it."""
    from psycopg import DataError, sql

    binding = sql.SQL("SELECT set_config({}, CAST(CAST(%s AS text) AS {})::text, true)").format(
        sql.Literal(setting), sql.SQL(kind)
    )
    try:
        connection.connection.cursor().execute(binding, (condition.value,))
    except (DataError, UnicodeEncodeError) as error:
        choices = ": choose one of true, false" if kind == "boolean" else ""
        raise UsageError(
            f"{condition.column} is of type {kind}, which {condition.value!r} is not{choices}"
        ) from error


def _check_value(connection: Connection, query: Query, condition: Condition, value: str) -> None:
    """Raise `UsageError` for a value that a column of few values never has."""
    if query.view not in VIEWS or condition.operator not in ("=", "!="):
        return
    if condition.column in ENSEMBLES:
        get_ensemble_id(connection, value)
    choices = choices_of(connection, condition.column)
    if choices is not None and value not in choices:
        raise close_choice_error(condition.column, value, choices)
