"""The database's own guards, and the way up and down."""

from __future__ import annotations

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from webapp import create_app
from webapp.domain.actors import SYSTEM
from webapp.errors import ConfigError
from webapp.extensions import db
from webapp.services import audit


def test_the_tables_are_those_of_the_models(context):
    with db.engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), db.metadata)

    assert difference == []


@pytest.mark.parametrize(
    ("view", "columns"),
    [
        (
            "restore_runs_v",
            "id tenant_id backup_set_id requested_by is_dry_run status requested_items preview"
            " results failure_reason started_at completed_at metadata",
        ),
        (
            "bulk_operation_runs_v",
            "id tenant_id user_id resource action status total_items processed_items succeeded"
            " failed skipped item_ids failures audit_log_id idempotency_key started_at finished_at"
            " error_code error_context",
        ),
    ],
)
def test_the_views_have_the_columns_of_the_original_document(context, view, columns):
    assert [one["name"] for one in inspect(db.engine).get_columns(view)] == columns.split()


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


@pytest.mark.parametrize(
    ("version", "advice"),
    [("0000", "later release"), (None, "lastgood init")],
    ids=["unknown", "none"],
)
def test_a_database_of_another_version_is_refused_at_the_start(settings, version, advice):
    app = create_app(settings, unlock=False)
    with app.app_context():
        db.session.execute(text("DELETE FROM alembic_version"))
        if version:
            db.session.execute(text(f"INSERT INTO alembic_version VALUES ('{version}')"))
        db.session.commit()

    with pytest.raises(ConfigError, match=advice):
        create_app(settings)
