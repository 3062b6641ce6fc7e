"""A real file system that is full: what was there stays, whole."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from tests.connectors.children import needs_root, on_small_disk
from tests.connectors.fakes import Memory, Recorder, around, restore
from tests.connectors.test_sqlite import change, make
from webapp.connectors import registry

pytestmark = needs_root


@pytest.fixture
def small(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    return folder


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path, site, small):
    (site / "index.html").write_bytes(os.urandom(2 << 20))
    sound = registry.connect("files", {"path": str(site)}, around(tmp_path))
    snapshot = Memory(sound.source("full", Recorder()))

    def restored():
        (small / "index.html").write_text("old")
        target = registry.connect("files", {"path": str(small)}, around(tmp_path))
        _, problems = restore(target, snapshot)
        return problems, (small / "index.html").read_text(), sorted(os.listdir(small))

    problems, content, names = on_small_disk(restored, small, size="1m")

    assert problems == {"tree:index.html": "disk_full"}
    assert content == "old"
    assert not [name for name in names if name.startswith(".lastgood")]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_database_that_does_not_fit_keeps_its_rows(tmp_path, small, mode):
    make(tmp_path / "shop.db", mode=mode, rows=30_000)
    sound = registry.connect("sqlite", {"path": str(tmp_path / "shop.db")}, around(tmp_path))
    snapshot = Memory(sound.source("full", Recorder()))

    def restored():
        live = make(small / "shop.db", mode=mode, rows=7)
        change(live, "INSERT INTO orders (what) VALUES ('precious')")
        target = registry.connect("sqlite", {"path": str(live)}, around(tmp_path))
        _, problems = restore(target, snapshot)
        with closing(sqlite3.connect(live)) as database:
            count = database.execute("SELECT count(*) FROM orders").fetchone()[0]
            return problems, count, database.execute("PRAGMA integrity_check").fetchone()[0]

    assert on_small_disk(restored, small, size="1m") == ({"db:shop": "disk_full"}, 8, "ok")
