"""Restoring a database: whole or not at all, also while other programs have it open."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from tests.connectors.fakes import PERMIT, Authority, Memory, Recorder, actions, around, restore
from tests.connectors.test_sqlite import LOCKER, beside, change, make
from webapp.connectors.base import Action, Desired
from webapp.connectors.sqlite import SqliteConnector
from webapp.connectors.sqlite_restore import LiveDatabase
from webapp.connectors.writing import PermitRefused, open_for_writing
from webapp.errors import ConnectorError

HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
db.execute("SELECT count(*) FROM sqlite_master").fetchone()
print("ready", flush=True)
sys.stdin.readline()
print(db.execute("SELECT count(*) FROM orders").fetchone()[0], flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["delete", "wal"])
def shop(request, tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    path = make(folder / "shop.db", mode=request.param, rows=500)
    path.chmod(0o640)
    os.chown(path, 1234, 4321)
    return path


@pytest.fixture
def connector(shop, tmp_path):
    return SqliteConnector({"path": str(shop)}, around(tmp_path), wait_seconds=0.5)


def capture(connector):
    return Memory(connector.source("full", Recorder()))


def mode_of(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("PRAGMA journal_mode").fetchone()[0]


def owner_of(path):
    status = path.stat()
    return status.st_uid, status.st_gid, status.st_mode & 0o777


DAMAGE = {
    "rows": ["DELETE FROM orders WHERE id > 3"],
    "schema": ["DROP TABLE orders", "CREATE TABLE evil (x)"],
    "page size": ["PRAGMA journal_mode = delete", "PRAGMA page_size = 8192", "DELETE FROM orders",
                  "VACUUM"],
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_changed_database_comes_back(connector, shop, damage):
    snapshot, mode = capture(connector), mode_of(shop)
    change(shop, *damage)

    rows, problems = restore(connector, snapshot)

    assert problems == {}
    assert [row.action for row in rows] == [Action.REPLACE]
    assert actions(connector, snapshot) == {}
    assert mode_of(shop) == mode
    assert owner_of(shop) == (1234, 4321, 0o640)


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000], ids=["empty", "rubbish"])
def test_a_damaged_database_is_replaced(connector, shop, content):
    snapshot = capture(connector)
    shop.with_name("shop.db-wal").write_bytes(b"stale log of another life")
    shop.write_bytes(content)

    _, problems = restore(connector, snapshot)

    assert problems == {}
    assert actions(connector, snapshot) == {}
    assert owner_of(shop) == (1234, 4321, 0o640)
    assert not shop.with_name("shop.db-wal").exists()


def test_a_missing_database_is_made_as_it_was(connector, shop):
    snapshot = capture(connector)
    for path in shop.parent.iterdir():
        path.unlink()
    shop.with_name("shop.db-journal").write_bytes(b"stale")

    rows, problems = restore(connector, snapshot)

    assert (problems, [row.action for row in rows]) == ({}, [Action.CREATE])
    assert actions(connector, snapshot) == {}
    assert owner_of(shop) == (1234, 4321, 0o640)


def test_its_folder_is_made_too(connector, tmp_path):
    snapshot = capture(connector)
    target = SqliteConnector({"path": str(tmp_path / "a" / "b" / "c.db")}, around(tmp_path))

    _, problems = restore(target, snapshot)

    assert problems == {}
    assert actions(target, snapshot) == {}


def test_it_is_undone_also_where_it_was_created(connector, tmp_path):
    snapshot = capture(connector)
    target = SqliteConnector({"path": str(tmp_path / "new.db")}, around(tmp_path))
    restore(target, snapshot)

    _, problems = restore(target, snapshot, desired=[Desired(key="db:shop", entry=None)])

    assert problems == {}
    assert [path.name for path in tmp_path.glob("new*")] == []


def test_a_damaged_file_can_be_brought_back_by_undo(connector, shop):
    good = capture(connector)
    shop.write_bytes(b"rubbish")
    safety = Memory(connector.select(["db:shop"], Recorder()))
    restore(connector, good)

    _, problems = restore(connector, safety)

    assert problems == {}
    assert shop.read_bytes() == b"rubbish"


def test_programs_that_have_it_open_see_the_restored_rows(connector, shop):
    snapshot = capture(connector)
    change(shop, "DELETE FROM orders WHERE id > 3")
    with beside(HOLDER, shop) as holder:
        _, problems = restore(connector, snapshot)
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        seen = holder.stdout.readline()

    assert problems == {}
    assert seen == b"500\n"


def test_a_lock_of_another_program_is_not_broken(connector, shop):
    snapshot = capture(connector)
    change(shop, "DELETE FROM orders WHERE id > 3")
    rows = list(connector.plan(snapshot.desired(), stored=snapshot, delete=False, scope=()))
    writer = open_for_writing(connector, PERMIT, Authority())
    with beside(LOCKER, shop), pytest.raises(ConnectorError) as caught:
        writer.apply(rows[0], snapshot.find("db:shop"), snapshot)
    writer.close()

    assert caught.value.code == "locked"
    assert connector.state("db:shop") == rows[0].before


def test_rows_that_came_after_the_preview_are_not_lost(connector, shop):
    snapshot = capture(connector)
    change(shop, "DELETE FROM orders WHERE id > 3")
    rows = list(connector.plan(snapshot.desired(), stored=snapshot, delete=False, scope=()))
    change(shop, "INSERT INTO orders (what) VALUES ('after the preview')")
    writer = open_for_writing(connector, PERMIT, Authority())

    with pytest.raises(ConnectorError) as caught:
        writer.apply(rows[0], snapshot.find("db:shop"), snapshot)
    writer.close()

    assert caught.value.code == "target_changed"


def test_rows_that_come_while_it_is_opened_are_not_lost(connector, shop, monkeypatch):
    snapshot = capture(connector)
    change(shop, "DELETE FROM orders WHERE id > 3")
    is_log = mode_of(shop) == "wal"
    original = LiveDatabase._digest

    def and_then_somebody_writes(self, live):
        digest = original(self, live)
        with closing(sqlite3.connect(shop, isolation_level=None, timeout=0)) as other:
            other.execute("INSERT INTO orders (what) VALUES ('just now')")
        return digest

    monkeypatch.setattr(LiveDatabase, "_digest", and_then_somebody_writes)
    _, problems = restore(connector, snapshot)

    # Without a log the other one could not write at all: the lock was held.
    assert problems == {"db:shop": "target_changed" if is_log else "locked"}
    monkeypatch.undo()
    with closing(sqlite3.connect(shop)) as database:
        assert database.execute("SELECT count(*) FROM orders").fetchone() == (3 + is_log,)


def test_without_a_permit_nothing_is_written(connector, shop):
    snapshot = capture(connector)
    change(shop, "DELETE FROM orders WHERE id > 3")
    before = connector.state("db:shop")
    for yeses in range(3):
        with pytest.raises(PermitRefused):
            restore(connector, snapshot, authority=Authority(yeses))

    assert connector.state("db:shop") == before


def test_a_run_that_may_no_longer_write_stops_in_the_middle_of_a_database(
    connector, shop, monkeypatch
):
    snapshot = capture(connector)
    change(shop, "DELETE FROM orders WHERE id > 3")
    before = connector.state("db:shop")
    monkeypatch.setattr("webapp.connectors.sqlite_restore._CONFIRM_SECONDS", 0)
    monkeypatch.setattr("webapp.connectors.sqlite_restore._MOST_PAGES_AT_ONCE", 1)
    # One yes each: on opening, before the row, before the transaction, and for its first pages.
    authority = Authority(6)

    with pytest.raises(PermitRefused):
        restore(connector, snapshot, authority=authority)

    assert authority.asked == 7
    assert connector.state("db:shop") == before


def test_without_a_permit_a_database_keeps_its_mode(connector, shop):
    snapshot, mode = capture(connector), mode_of(shop)
    change(shop, *DAMAGE["page size"], f"PRAGMA journal_mode = {mode}")

    with pytest.raises(PermitRefused):  # after a yes on opening and one before the row
        restore(connector, snapshot, authority=Authority(2))

    assert mode_of(shop) == mode


def test_a_row_may_be_applied_twice(connector, shop):
    snapshot = capture(connector)
    change(shop, "DELETE FROM orders WHERE id > 3")
    (row,) = connector.plan(snapshot.desired(), stored=snapshot, delete=False, scope=())
    writer = open_for_writing(connector, PERMIT, Authority())

    reached = [writer.apply(row, snapshot.find("db:shop"), snapshot) for _ in range(2)]
    writer.close()

    assert reached == [row.after] * 2


def test_a_log_that_is_a_link_is_not_followed(connector, shop, tmp_path):
    snapshot = capture(connector)
    change(shop, "DELETE FROM orders WHERE id > 3")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    side = shop.with_name("shop.db-journal")
    side.symlink_to(victim)

    _, problems = restore(connector, snapshot)

    assert list(problems) in ([], ["db:shop"])
    assert victim.read_text() == "precious"


def test_a_database_with_a_name_elsewhere_is_not_written_through_it(connector, shop, tmp_path):
    snapshot = capture(connector)
    change(shop, "DELETE FROM orders WHERE id > 3")
    elsewhere = tmp_path / "elsewhere.db"
    os.link(shop, elsewhere)
    before = elsewhere.read_bytes()

    _, problems = restore(connector, snapshot)

    assert problems == {"db:shop": "escapes_target"}
    assert elsewhere.read_bytes() == before


def test_a_killed_restore_leaves_the_old_rows_or_the_new(connector, shop, monkeypatch):
    snapshot = capture(connector)
    change(shop, "UPDATE orders SET what = 'damaged'")
    (row,) = connector.plan(snapshot.desired(), stored=snapshot, delete=False, scope=())
    for dies_at in range(2, 5):
        if (child := os.fork()) == 0:
            _die_in_step(connector, snapshot, row, dies_at)
        os.waitpid(child, 0)
        assert connector.state("db:shop") in {row.before, row.after}

    _, problems = restore(connector, snapshot)

    assert problems == {}
    assert actions(connector, snapshot) == {}


def _die_in_step(connector, snapshot, row, dies_at):
    """Die in the transaction that overwrites the live database, at its first steps."""
    from webapp.connectors import sqlite_restore

    steps = []

    class Deadly(sqlite_restore._Watch):
        def __call__(self, status, remaining, total):
            steps.append(remaining)
            if len(steps) >= dies_at - 1:
                os.kill(os.getpid(), 9)

    sqlite_restore._Watch = Deadly
    sqlite_restore._MOST_PAGES_AT_ONCE = 1
    try:
        writer = open_for_writing(connector, PERMIT, Authority())
        writer.apply(row, snapshot.find("db:shop"), snapshot)
    finally:
        os._exit(0)
