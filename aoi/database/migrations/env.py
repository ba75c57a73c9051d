"""Alembic's entry: runs migrations on the connection that `aoi.database.engine` holds, in its transaction."""

from alembic import context

from aoi.database.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
