"""What the tables share: names of constraints, types, defaults."""

from sqlalchemy import DDL, MetaData, event, text
from sqlalchemy.dialects.postgresql import BIT, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase

VARBIT = BIT(varying=True)
TIMESTAMPTZ = TIMESTAMP(timezone=True)
NOW = text("now()")
SIGNAL_NAMES = "confidence, margin, loss, el2n, output_margin or input_margin."


class Base(DeclarativeBase):
    """Base of the models; names every constraint by one rule."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "ix": "%(table_name)s_%(column_0_name)s_idx",
        }
    )


def raw_numbers(model: type[Base], *columns: str) -> None:
    """Take arrays of measured numbers as they are: trying to compress them costs time, and ANALYZE
    would count their elements, some milliseconds a row, for a planner that is never asked for one.
    """
    settings = ", ".join(
        f"ALTER COLUMN {column} SET {setting}"
        for column in columns
        for setting in ("STORAGE EXTERNAL", "STATISTICS 0")
    )
    command = DDL(f"ALTER TABLE {model.__tablename__} {settings}")  # type: ignore[no-untyped-call]
    event.listen(model.__table__, "after_create", command)
