"""Alembic migrations. Each runs SQL frozen at its time, never the current files."""
