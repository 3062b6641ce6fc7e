"""Readers never wait for the one writer that SQLite allows, and writers queue up politely."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from webapp.extensions import db, write_transaction


@pytest.fixture
def writing(app):
    """Somebody holds the write lock for as long as the test runs."""
    with app.app_context():
        connection = db.engine.connect()
        connection.execute(text("UPDATE installation SET id = 1"))
        yield
        connection.rollback()
        connection.close()


def test_a_page_is_read_while_somebody_writes(app, writing):
    with app.test_request_context("/", method="GET"):
        assert db.session.execute(text("SELECT count(*) FROM installation")).scalar() == 1


def test_a_form_waits_for_the_writer_from_its_first_statement_on(app, writing):
    with app.test_request_context("/", method="POST"):
        db.engine.dispose()  # a fresh connection, with a patience that a test can afford
        with db.engine.connect() as connection:
            connection.rollback()
            connection.connection.dbapi_connection.execute("PRAGMA busy_timeout=50")
            with pytest.raises(OperationalError, match="locked"):
                connection.execute(text("SELECT 1"))


def test_a_page_may_write_its_audit_row_in_a_transaction_of_its_own(app):
    with app.test_request_context("/", method="GET"):
        db.session.execute(text("SELECT count(*) FROM installation"))
        with write_transaction():
            db.session.execute(text("UPDATE installation SET id = 1"))

        assert db.session.execute(text("SELECT id FROM installation")).scalar() == 1


def test_many_writers_at_once_all_get_their_turn(app):
    def bump():
        with app.app_context():
            for _ in range(20):
                seq = db.session.execute(text("SELECT seq FROM audit_heads")).scalar()
                db.session.execute(text("UPDATE audit_heads SET seq = :seq"), {"seq": seq + 1})
                db.session.commit()
            db.session.remove()

    with app.app_context():
        db.session.execute(text("INSERT INTO audit_heads VALUES ('c', 0, '', '')"))
        db.session.commit()
    threads = [threading.Thread(target=bump) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with app.app_context():
        assert db.session.execute(text("SELECT seq FROM audit_heads")).scalar() == 80
