"""Readers never wait for the one writer, on either database, and writers queue up politely."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from webapp.database import by_row_locks, for_writing
from webapp.extensions import db, insert_if_new, write_transaction
from webapp.models import AuditHead

CHAIN = UUID(int=7)
IMPATIENT = {"sqlite": "PRAGMA busy_timeout=50", "postgresql": "SET lock_timeout = '50ms'"}


@pytest.fixture
def writing(app):
    """Somebody is the writer for as long as the test runs."""
    with app.app_context():
        connection = db.engine.connect()
        connection.execute(text("UPDATE installation SET id = 1"))
        yield
        connection.rollback()
        connection.close()


@pytest.fixture
def impatient(app, writing):
    """Connections with a patience that a test can afford."""
    with app.app_context(), db.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        raw.rollback()
        raw.execute(IMPATIENT[db.engine.dialect.name])
        raw.commit()
        yield connection


def test_a_page_is_read_while_somebody_writes(app, writing):
    with app.test_request_context("/", method="GET"):
        assert db.session.execute(text("SELECT count(*) FROM installation")).scalar() == 1


def test_a_page_sees_one_moment(app):
    with app.test_request_context("/", method="GET"):
        before = db.session.execute(text("SELECT count(*) FROM sign_in_failures")).scalar()
        with app.app_context(), db.engine.connect() as other:
            _let_write(other)

        after = db.session.execute(text("SELECT count(*) FROM sign_in_failures")).scalar()

    assert (before, after) == (0, 0)


def _let_write(connection) -> None:
    token = for_writing.set(True)
    try:
        connection.execute(
            text("INSERT INTO sign_in_failures (id, subject, at) VALUES (:id, 'x', :at)"),
            {"id": CHAIN.hex, "at": "2030-01-01 00:00:00"},
        )
        connection.commit()
    finally:
        for_writing.reset(token)


def test_a_form_waits_for_the_writer_from_its_first_statement_on(app, impatient):
    with app.test_request_context("/", method="POST"), pytest.raises(OperationalError):
        impatient.execute(text("SELECT 1"))


def test_a_page_may_write_its_audit_row_in_a_transaction_of_its_own(app):
    with app.test_request_context("/", method="GET"):
        db.session.execute(text("SELECT count(*) FROM installation"))
        with write_transaction():
            db.session.execute(text("UPDATE installation SET id = 1"))

        assert db.session.execute(text("SELECT id FROM installation")).scalar() == 1


@pytest.mark.postgresql_only
def test_a_page_that_is_only_looked_at_cannot_write(app):
    with app.test_request_context("/", method="GET"), pytest.raises(DBAPIError, match="read-only"):
        db.session.execute(text("UPDATE installation SET id = 1"))


@pytest.mark.postgresql_only
def test_a_sign_of_life_passes_the_writer(impatient):

    with by_row_locks():
        impatient.execute(text("UPDATE vaults SET stored_bytes = 0"))
        impatient.rollback()


def test_many_writers_at_once_all_get_their_turn(app):
    def bump():
        with app.app_context():
            for _ in range(20):
                seq = db.session.execute(text("SELECT seq FROM audit_heads")).scalar()
                db.session.execute(text("UPDATE audit_heads SET seq = :seq"), {"seq": seq + 1})
                db.session.commit()
            db.session.remove()

    with app.app_context():
        first = {"chain": CHAIN, "seq": 0, "hash": "", "seal": ""}
        for _ in range(2):  # once more does no harm
            db.session.execute(insert_if_new(AuditHead).values(first))
        db.session.commit()
    threads = [threading.Thread(target=bump) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with app.app_context():
        assert db.session.execute(text("SELECT seq FROM audit_heads")).scalar() == 80


def test_sums_of_whole_numbers_are_whole_numbers(app):
    query = text("SELECT sum(size) FROM run_items")
    with app.app_context():
        added = db.session.execute(text("SELECT sum(seq + 3000000000) FROM audit_heads")).scalar()
        assert (db.session.execute(query).scalar(), added) == (None, None)
        db.session.execute(insert_if_new(AuditHead).values(chain=CHAIN, seq=5, hash="", seal=""))
        added = db.session.execute(text("SELECT sum(seq + 3000000000) FROM audit_heads")).scalar()

    assert (added, type(added)) == (3000000005, int)
