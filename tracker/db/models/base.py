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


def uncompressed(model: type[Base], *columns: str) -> None:
    """Store numbers that nothing would compress as they are: trying to costs time."""
    settings = ", ".join(f"ALTER COLUMN {column} SET STORAGE EXTERNAL" for column in columns)
    command = DDL(f"ALTER TABLE {model.__tablename__} {settings}")  # type: ignore[no-untyped-call]
    event.listen(model.__table__, "after_create", command)
