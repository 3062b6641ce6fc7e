"""The ``sqlite`` kind: copies that are never torn, and comparisons that leave no trace."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest

from tests.connectors.fakes import Memory, around
from webapp.connectors import registry, sqlite_copy
from webapp.connectors.base import Action, Desired
from webapp.connectors.sqlite import SqliteConnector
from webapp.errors import ConnectorError

WRITER = """
import random, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
print("ready", flush=True)
while True:
    a, b, amount = random.randrange(200), random.randrange(200), random.randrange(50)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE accounts SET balance = balance - ? WHERE id = ?", (amount, a))
    db.execute("UPDATE accounts SET balance = balance + ? WHERE id = ?", (amount, b))
    db.execute("COMMIT")
    time.sleep(0.001)
"""

LOCKER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("ready", flush=True)
sys.stdin.read()
"""


def make(path, *, mode="delete", rows=5):
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT, data BLOB)")
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO orders (what, data) VALUES (?, ?)",
            [(f"thing {number}", bytes([number % 256]) * 50) for number in range(rows)],
        )
        database.execute("COMMIT")
    return path


def change(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


@pytest.fixture(params=["delete", "wal"])
def shop(request, tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    return make(folder / "shop.db", mode=request.param)


@pytest.fixture
def connector(shop, tmp_path):
    return SqliteConnector({"path": str(shop)}, around(tmp_path, tmp_path), wait_seconds=0.3)


def plan(connector, snapshot):
    (row,) = connector.plan(snapshot.desired(), stored=snapshot, delete=False, scope=())
    return row


def test_a_capture_is_one_sound_database(connector, report, tmp_path):
    snapshot = Memory(connector.source("full", report))

    assert snapshot.paths() == [b"db", b"db/shop"]
    assert snapshot.facts["db:shop"]["tables"] == {"orders": 5}
    (tmp_path / "out.db").write_bytes(snapshot.content[b"db/shop"])
    with closing(sqlite3.connect(tmp_path / "out.db")) as database:
        assert database.execute("SELECT count(*) FROM orders").fetchone() == (5,)


def test_a_capture_leaves_nothing_beside_a_database_that_nobody_has_open(connector, shop, report):
    before = seen(shop.parent)

    Memory(connector.source("full", report))

    assert seen(shop.parent) == before


def test_no_later_capture_takes_it_for_unchanged(connector, report):
    first, second = (Memory(connector.source("full", report)) for _ in range(2))

    marks = [(entry.inode, entry.ctime_ns) for entry in (first.entries[1], second.entries[1])]
    assert marks[0] != marks[1]


def test_copies_leave_nothing_in_scratch(connector, report, tmp_path):
    snapshot = Memory(connector.source("full", report))
    plan(connector, snapshot)
    connector.state("db:shop")

    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "change_", "action"),
    [
        ((), {"orders": "same"}, Action.UNCHANGED),
        (("DELETE FROM orders WHERE id = 2",), {"orders": "rows"}, Action.REPLACE),
        (("UPDATE orders SET what = 'x' WHERE id = 2",), {"orders": "rows"}, Action.REPLACE),
        (("ALTER TABLE orders ADD COLUMN hacked",), {"orders": "schema"}, Action.REPLACE),
        (("DROP TABLE orders",), {"orders": "only_after"}, Action.REPLACE),
        (("CREATE TABLE evil (x)",), {"evil": "only_now", "orders": "same"}, Action.REPLACE),
        (("VACUUM",), {"orders": "same"}, Action.UNCHANGED),
    ],
    ids=["nothing", "a row less", "a row changed", "a column", "a table less", "a table more",
         "vacuum"],
)  # fmt: skip
def test_tables_are_compared(connector, shop, report, damage, change_, action):
    snapshot = Memory(connector.source("full", report))
    change(shop, *damage)

    row = plan(connector, snapshot)

    assert row.action is action
    assert {table["name"]: table["change"] for table in row.details["tables"]} == change_
    assert (row.before == row.after) is (action is Action.UNCHANGED)
    assert connector.state("db:shop") == row.before


def test_text_and_blob_of_the_same_bytes_differ(connector, shop, report):
    change(shop, "UPDATE orders SET what = CAST('x' AS TEXT)")
    snapshot = Memory(connector.source("full", report))
    change(shop, "UPDATE orders SET what = CAST('x' AS BLOB)")

    assert plan(connector, snapshot).action is Action.REPLACE


def test_what_is_still_in_the_log_is_compared_too(connector, shop, report):
    snapshot = Memory(connector.source("full", report))
    with closing(sqlite3.connect(shop, isolation_level=None)) as busy:
        busy.execute("DELETE FROM orders")
        row = plan(connector, snapshot)

    assert row.details["tables"][0]["rows_now"] == 0


@pytest.mark.parametrize(
    "content", [b"", b"no database at all" * 500], ids=["empty", "other bytes"]
)
def test_a_damaged_live_database_is_planned_to_be_replaced(connector, shop, report, content):
    snapshot = Memory(connector.source("full", report))
    for side in ("-wal", "-shm"):
        shop.with_name(shop.name + side).unlink(missing_ok=True)
    shop.write_bytes(content)

    row = plan(connector, snapshot)

    assert row.action is Action.REPLACE
    assert row.before.startswith("raw:")
    assert "damaged" in row.reason


def test_a_damaged_source_is_refused(connector, shop, report):
    data = bytearray(shop.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    shop.write_bytes(data)

    with pytest.raises(ConnectorError) as caught:
        connector.source("full", report)
    assert caught.value.code == "damaged"


def test_a_damaged_target_is_kept_byte_by_byte_before_it_is_replaced(connector, shop, report):
    shop.write_bytes(b"rubbish")

    snapshot = Memory(connector.select(["db:shop"], report))

    assert snapshot.content == {b"db/shop": b"rubbish"}
    assert report.failures == {}
    assert plan(connector, snapshot).action is Action.UNCHANGED


def test_a_missing_target_is_created_and_not_selected(connector, shop, report):
    snapshot = Memory(connector.source("full", report))
    shop.unlink()

    assert plan(connector, snapshot).action is Action.CREATE
    assert Memory(connector.select(["db:shop"], report)).entries == []
    assert connector.state("db:shop") == ""


def test_an_absent_item_removes_the_database(connector):
    (row,) = connector.plan(
        [Desired(key="db:shop", entry=None)], stored=None, delete=False, scope=()
    )

    assert row.action is Action.DELETE


def test_a_database_locked_by_somebody_is_said_to_be(tmp_path, report):
    shop = make(tmp_path / "shop.db")
    connector = SqliteConnector({"path": str(shop)}, around(tmp_path), wait_seconds=0.2)
    snapshot = Memory(connector.source("full", report))

    with beside(LOCKER, shop):
        with pytest.raises(ConnectorError) as caught:
            connector.source("full", report)
        row = plan(connector, snapshot)
        connector.select(["db:shop"], report)

    assert caught.value.code == "locked"
    assert (row.action, row.reason_code) == (Action.BLOCKED, "locked")
    assert report.failures == {"db:shop": "locked"}


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("way", ["capture", "preview"])
def test_a_copy_is_whole_while_a_writer_is_busy(tmp_path, monkeypatch, mode, way):
    monkeypatch.setattr(sqlite_copy, "_PAGES_AT_ONCE", 50)
    bank = tmp_path / "bank.db"
    change(
        bank, f"PRAGMA journal_mode = {mode}",
        "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER, filler TEXT)",
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999) "
        "INSERT INTO accounts SELECT i, 100, hex(randomblob(400)) FROM n",
    )  # fmt: skip
    connector = SqliteConnector({"path": str(bank)}, around(tmp_path), wait_seconds=20)
    with beside(WRITER, bank):
        sums = [total(connector, way) for _ in range(8)]

    assert sums == [200_000] * 8


@contextmanager
def beside(program, path):
    """Run another program on the database until the block ends."""
    command = [sys.executable, "-c", program, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def total(connector, way):
    time.sleep(0.02)
    copy = connector.database.captured()[1] if way == "capture" else connector.database.as_it_is()
    assert copy.contents is not None, copy.problem
    with closing(sqlite3.connect(copy.path)) as database:
        (found,) = database.execute("SELECT sum(balance) FROM accounts").fetchone()
    connector.database.drop(copy)
    return found


def test_a_preview_leaves_no_trace_beside_a_live_writer(connector, shop, report):
    with closing(sqlite3.connect(shop, isolation_level=None)) as busy:
        busy.execute("UPDATE orders SET what = 'y' WHERE id = 1")
        snapshot = Memory(connector.source("full", report))
        before = seen(shop.parent)

        plan(connector, snapshot)
        connector.check()
        connector.state("db:shop")

        assert seen(shop.parent) == before


def seen(folder):
    paths = [folder, *sorted(folder.iterdir())]
    content = {path: path.is_file() and path.read_bytes() for path in paths}
    return {str(path): (content[path], os.stat(path)) for path in paths}


def test_a_name_that_is_no_text_works(tmp_path, report):
    path = make(tmp_path / os.fsdecode(b"caf\xe9 100%?.db"))
    connector = SqliteConnector({"path": str(path)}, around(tmp_path))

    snapshot = Memory(connector.source("full", report))

    assert snapshot.paths()[1] == b"db/caf\xe9 100%?"
    assert plan(connector, snapshot).action is Action.UNCHANGED


def test_a_key_of_another_name_means_the_one_database(connector, report):
    snapshot = Memory(connector.source("full", report))
    wanted = Desired(key="db:store", entry=snapshot.find("db:shop"))

    (row,) = connector.plan([wanted], stored=snapshot, delete=False, scope=())

    assert (row.key, row.action) == ("db:store", Action.UNCHANGED)


def test_a_folder_is_no_database(tmp_path, report):
    connector = registry.connect("sqlite", {"path": str(tmp_path / "scratch")}, around(tmp_path))

    with pytest.raises(ConnectorError) as caught:
        connector.source("full", report)
    assert caught.value.code == "not_a_file"
    assert [finding.code for finding in connector.check()] == ["not_a_file"]
