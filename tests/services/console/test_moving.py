"""``lastgood move-database``: everything arrives, nothing is lost, nobody is in between."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, insert, select

from tests import factories
from webapp import clock
from webapp.extensions import db
from webapp.models import INSTALLATION_CHAIN, AuditEntry, ProcessSign, Run, Source, Tenant
from webapp.models.columns import new_id
from webapp.services import audit_chain, captures, moving, table_copies

_numbers = itertools.count(1)
pytestmark = pytest.mark.sqlite_only  # the old database; the new one is the server's


@pytest.fixture
def target(server):
    """The address of a new database, without a driver's name: as a person types it."""
    name = f"moved{next(_numbers)}"
    yield server.create(name).replace("+psycopg", "")
    server.drop(name)


@pytest.fixture
def filled(app, enter, website, work_off):
    """Two tenants with one of everything, a real capture, and what the audit log says of it."""
    captures.start(enter("olga"), website.id)
    work_off()
    for slug in ("acme", "globex"):
        factories.world(slug)
    first = factories.run(website)
    factories.run(website, parent_run_id=first.id, id=new_id())
    db.session.commit()


def counted() -> dict[str, int]:
    """How many rows each table of the open context has."""
    with db.engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in table_copies.tables()
        }


def links_of_runs() -> dict[object, object]:
    return {one.id: one.parent_run_id for one in db.session.scalars(select(Run))}


def test_everything_arrives(filled, lastgood, target, entered, settings):
    before = counted()
    links = links_of_runs()
    db.session.rollback()

    ended = lastgood("move-database", target, "--json")

    assert ended.code == 0, ended.err
    assert ended.data["rows"] == sum(before.values())
    assert ended.data["audit_problems"] == []
    with entered(settings.home, target.replace("://", "+psycopg://")):
        after = counted()
        for table in ("audit_logs", "audit_heads"):  # that it was moved, and a chain for that
            assert after.pop(table) == before.pop(table) + 1
        assert after == before
        assert (
            dict(tuple(row) for row in db.session.execute(select(Run.id, Run.parent_run_id)))
            == links
        )
        acme = db.session.scalars(select(Tenant).where(Tenant.slug == "acme")).one()
        assert audit_chain.verify(acme.id).ok
        assert audit_chain.verify(INSTALLATION_CHAIN).ok


def test_work_goes_on_in_the_new_database(filled, lastgood, target, entered, settings, website):
    source_id = website.id
    db.session.rollback()
    assert lastgood("move-database", target).code == 0

    with entered(settings.home, target.replace("://", "+psycopg://")):
        source = db.session.get_one(Source, source_id)
        factories.backup_set(factories.run(source))
        db.session.commit()


def test_the_old_database_stays_as_it_was(filled, lastgood, target, settings):
    with db.engine.connect() as connection:
        before = [table_copies.measured(table, connection) for table in table_copies.tables()]

    ended = lastgood("move-database", target)

    assert str(settings.home / "lastgood.db") in ended.out
    assert "LASTGOOD_DATABASE_URL" in ended.out
    with db.engine.connect() as connection:
        after = [table_copies.measured(table, connection) for table in table_copies.tables()]
    assert after == before


def test_a_database_that_holds_something_is_refused(filled, lastgood, target):
    assert lastgood("move-database", target).code == 0

    ended = lastgood("move-database", target)

    assert ended.code == 4
    assert "not empty" in ended.err


def test_another_programs_tables_of_our_names_are_refused(filled, lastgood, target, server):
    server.execute("CREATE TABLE users (id int)", name=target.partition("@/")[2].partition("?")[0])

    ended = lastgood("move-database", target)

    assert ended.code == 4
    assert "users" in ended.err


def test_a_move_that_failed_leaves_no_rows_and_is_repeated(filled, lastgood, target, monkeypatch):
    real = table_copies.measured

    def other(table, connection):
        found = real(table, connection)
        return found if table.name != "runs" else table_copies.Copied("runs", found.rows, "0")

    with monkeypatch.context() as patch:
        patch.setattr(table_copies, "measured", other)
        ended = lastgood("move-database", target)
    assert ended.code == 4
    assert "The copy of runs differs" in ended.err

    assert lastgood("move-database", target).code == 0


def sign(kind: str, **facts: object) -> None:
    now = clock.now()
    row = {"id": new_id(), "kind": kind, "host": "elsewhere", "pid": 1, "started_at": now}
    with db.engine.begin() as connection:
        connection.execute(delete(ProcessSign))
        connection.execute(
            insert(ProcessSign).values({**row, "seen_at": now, "queue_problem": "", **facts})
        )


def test_nothing_is_moved_while_somebody_works(app, context, people):
    now, url = clock.now(), f"sqlite:///{app.extensions['settings'].home / 'lastgood.db'}"
    here = {"host": socket.gethostname(), "pid": os.getpid()}
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    for kind, facts in (("worker", {}), ("scheduler", here | {"seen_at": now})):
        sign(kind, **facts)
        with pytest.raises(moving.Refused, match=kind):
            moving.require_still(url, at=now)
    for facts in ({"seen_at": now - timedelta(minutes=4)}, here | {"pid": ended.pid}):
        sign("worker", **facts)
        moving.require_still(url, at=now)


def test_nothing_is_moved_while_somebody_has_the_file_open(app, context, settings):
    program = (
        "import sqlite3, sys; held = sqlite3.connect(sys.argv[1]);"
        "held.execute('SELECT 1 FROM users'); print(flush=True); input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(settings.home / "lastgood.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        other.stdout.readline()
        with pytest.raises(moving.Refused, match=str(other.pid)):
            moving.require_still(settings.database_url, at=clock.now())
    finally:
        other.communicate(b"\n")

    moving.require_still(settings.database_url, at=clock.now())


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("sqlite:////tmp/other.db", 4, "must be postgresql"),
        ("postgresql://somebody@host", 1, "names no database"),
        ("postgresql://somebody:secret@host/db", 2, "--url-file"),
        ("", 4, "must be postgresql"),
    ],
)
def test_a_wrong_address_is_told(context, lastgood, url, code, words):
    ended = lastgood("move-database", url)

    assert ended.code == code
    assert words in ended.err
    assert "secret" not in ended.err


def test_an_address_with_a_password_comes_by_file(filled, lastgood, target, entered, settings):
    url = target.replace("postgres@", "postgres:long-secret@")

    ended = lastgood("move-database", "--url-file", "-", stdin=f"{url}\n")

    assert ended.code == 0, ended.err
    assert "long-secret" not in ended.out + ended.err


def test_a_server_that_does_not_answer_is_told_in_one_sentence(context, lastgood, tmp_path):
    ended = lastgood("move-database", f"postgresql://postgres@/db?host={tmp_path}")

    assert ended.code == 1
    assert "does not answer" in ended.err
    assert ended.err.count("\n") == 1


def test_a_chain_that_was_broken_before_is_told(filled, lastgood, target):
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.chain != INSTALLATION_CHAIN).limit(1)
    ).one()
    chain = entry.chain
    db.session.rollback()
    with db.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_logs_no_update")
        connection.exec_driver_sql(
            "UPDATE audit_logs SET actor = 'nobody' WHERE chain = ?", (chain.hex,)
        )

    ended = lastgood("move-database", target)

    assert ended.code == 3
    assert "is not as it was written. It was so before the move." in ended.out
