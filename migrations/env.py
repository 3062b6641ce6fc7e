"""Runs migrations on the application's database."""

from __future__ import annotations

from alembic import context
from flask import current_app


def run() -> None:
    database = current_app.extensions["migrate"].db
    # No BEGIN of SQLite's may be open while batch operations copy tables with foreign keys on.
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_as_batch=True,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
