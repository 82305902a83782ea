"""Runs migrations on the connection that `tracker.db.migrate` hands over."""

from alembic import context
from sqlalchemy import text

from tracker.db.models import Base

connection = context.config.attributes["connection"]
# Waiting longer than this would block every worker behind the migration's queued lock.
connection.execute(text("SET LOCAL lock_timeout = '10s'"))
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
