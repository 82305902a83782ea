"""What is stored, for comparing: all that a run has recorded, to the bit; rows of every table."""

from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

IGNORED = {"run_id", "recorded_at"}


def everything_recorded(connection: Connection, run_id: int) -> dict[str, list[Any]]:
    """Rows of every table that has a run's evaluations or summaries, by table, sorted.

    Without the run's number and the time of day.
    """
    found = {}
    inspector = inspect(connection)
    for table in inspector.get_table_names():
        columns = [column["name"] for column in inspector.get_columns(table)]
        if "run_id" not in columns or table in ("run_event",):
            continue
        kept = ", ".join(f"CAST({name} AS text)" for name in columns if name not in IGNORED)
        query = text(f"SELECT {kept} FROM {table} WHERE run_id = :id")
        found[table] = sorted(map(tuple, connection.execute(query, {"id": run_id})))
    return found


def row_counts(engine: Engine) -> dict[str, int]:
    """How many rows every table has."""
    with engine.connect() as connection:
        counts = " UNION ALL ".join(
            f"SELECT '{name}', count(*) FROM {name}"
            for name in inspect(connection).get_table_names()
        )
        return dict(map(tuple, connection.execute(text(counts))))
