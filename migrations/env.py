"""Runs migrations on the connection that `tracker.db.migrate` hands over."""

from alembic import context

from tracker.db.migrate import limit_waiting
from tracker.db.models import Base

connection = context.config.attributes["connection"]
limit_waiting(connection)
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
