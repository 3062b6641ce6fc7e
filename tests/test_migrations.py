"""The database's own guards, and the way up and down."""

from __future__ import annotations

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from webapp.domain.actors import SYSTEM
from webapp.extensions import db
from webapp.services import audit


def test_the_tables_are_those_of_the_models(context):
    with db.engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), db.metadata)

    assert difference == []


def test_the_way_down_leaves_nothing_behind(context):
    flask_migrate.downgrade(revision="base")

    assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_logs SET actor = 'nobody'",
        "DELETE FROM audit_logs",
        "INSERT OR REPLACE INTO audit_logs SELECT * FROM audit_logs",
    ],
    ids=["update", "delete", "replace"],
)
def test_the_audit_log_refuses_to_be_changed(context, statement):
    audit.record(SYSTEM, "test.happened", tenant=None)
    db.session.commit()

    with pytest.raises(IntegrityError, match="append-only"):
        db.session.execute(text(statement))
