"""The database's own guards, and the way up and down."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, func, inspect, select, text
from sqlalchemy.exc import IntegrityError

from tests.filling import fill
from webapp import create_app, schema
from webapp.domain.actors import SYSTEM
from webapp.errors import ConfigError
from webapp.extensions import db
from webapp.models import Notification
from webapp.services import audit

REPLACE = {
    "sqlite": "INSERT OR REPLACE INTO audit_logs SELECT * FROM audit_logs",
    "postgresql": "INSERT INTO audit_logs SELECT * FROM audit_logs"
    " ON CONFLICT (id) DO UPDATE SET actor = 'nobody'",
}


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
    assert inspect(db.engine).get_view_names() == []


def test_the_way_down_can_be_gone_up_again(context):
    flask_migrate.downgrade(revision="base")
    flask_migrate.upgrade()

    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []


@pytest.fixture
def filled(settings, empty_database):
    """An installation of the first release with a row in every table; what the rows say."""
    app = create_app(replace(settings, database_url=empty_database), unlock=False)
    with app.app_context():
        flask_migrate.upgrade(revision="0001")
        with db.engine.begin() as connection:
            before = fill(connection)
        yield before
        db.session.remove()
        db.engine.dispose()


def test_a_filled_database_of_the_first_release_becomes_one_of_this(filled):
    flask_migrate.upgrade()

    tables = MetaData()
    tables.reflect(db.engine)
    with db.engine.connect() as connection:
        for name, row in filled.items():
            found = connection.execute(select(tables.tables[name])).mappings().one()
            assert {column: found[column] for column in row} == row
    for mapper in db.Model.registry.mappers:
        rows = db.session.scalar(select(func.count()).select_from(mapper.class_))
        assert len(db.session.scalars(select(mapper.class_)).all()) == rows
        assert rows == int(mapper.class_.__tablename__ in filled)


def test_a_filled_database_can_be_used_at_once(filled):
    flask_migrate.upgrade()

    db.session.execute(text("UPDATE runs SET retries = retries + 1, waits_for = 'the night'"))
    db.session.execute(text("UPDATE backup_sets SET on_hold = 'a lawsuit'"))
    db.session.commit()

    assert db.session.execute(text("SELECT retries, waits_for FROM runs")).one() == (1, "the night")


@pytest.mark.parametrize("act", ["update", "delete", "replace"])
def test_the_audit_log_refuses_to_be_changed(context, act):
    audit.record(SYSTEM, "test.happened", tenant=None)
    db.session.commit()
    statement = {
        "update": "UPDATE audit_logs SET actor = 'nobody'",
        "delete": "DELETE FROM audit_logs",
        "replace": REPLACE[db.engine.dialect.name],
    }[act]

    with pytest.raises(IntegrityError, match="append-only"):
        db.session.execute(text(statement))


@pytest.mark.postgresql_only
def test_the_audit_log_refuses_to_be_emptied(context):
    with pytest.raises(IntegrityError, match="append-only"):
        db.session.execute(text("TRUNCATE audit_logs CASCADE"))


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
        db.engine.dispose()

    with pytest.raises(ConfigError, match=advice):
        create_app(settings)


@pytest.mark.postgresql_only
def test_a_database_that_cannot_store_every_letter_is_refused(cluster, settings):
    cluster.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    app = create_app(replace(settings, database_url=cluster.url("latin")), unlock=False)

    with app.app_context(), pytest.raises(ConfigError, match="UTF8"):
        schema.require_usable()
    cluster.drop("latin")


def test_what_was_told_of_a_run_before_names_it_afterwards(settings, empty_database):
    app = create_app(replace(settings, database_url=empty_database), unlock=False)
    with app.app_context():
        flask_migrate.upgrade(revision="0004")
        with db.engine.begin() as connection:
            fill(connection)
            told = {"payload": f'{{"run_id": "{UUID(int=7)}"}}', "type": "run_status"}
            connection.execute(
                text("UPDATE notifications SET payload = :payload, type = :type"), told
            )
        flask_migrate.upgrade()

        assert db.session.scalars(select(Notification.run_id)).all() == [UUID(int=7)]
        db.session.remove()
        db.engine.dispose()
