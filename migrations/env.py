"""How Alembic reaches the database: through the connection it is handed, or the one in the settings."""

import os
from typing import Any

from alembic import context
from sqlalchemy import Connection

from survey_service.settings import Settings
from survey_service.store.session import open_engine
from survey_service.store.tables.metadata import metadata


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed: Any = context.config.attributes.get("connection")
if handed is not None:
    run(handed)
else:
    engine = open_engine(Settings.from_env(os.environ).database_url)
    with engine.connect() as fresh:
        run(fresh)
        fresh.commit()
    engine.dispose()
