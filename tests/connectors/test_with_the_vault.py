"""The whole way with the real vault: capture, damage, plan, restore, nothing left to do."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import closing

import pytest

from tests.connectors.fakes import Recorder, actions, around, restore
from tests.connectors.test_sqlite import change, make
from webapp.connectors import registry
from webapp.connectors.base import Desired
from webapp.items import key_of, path_of
from webapp.vault import Passphrase, Vault
from webapp.vault.storage.local import LocalStorage


class Snapshot:
    """A snapshot of a vault, by the face of ``fakes.Memory``."""

    def __init__(self, vault, source):
        self.report = Recorder()
        with closing(source):
            result = vault.backup(source, name="source:x", report=self.report)
        self._vault, self._snapshot, self._content = vault, result.snapshot, vault.content()
        self.tally = result.tally

    def desired(self):
        for entry in self._vault.entries(self._snapshot):
            yield Desired(key=key_of(entry.path), entry=entry)

    def find(self, key):
        return self._vault.find(self._snapshot, path_of(key))

    def open(self, entry):
        return self._content.open(entry)


@pytest.fixture
def vault(tmp_path):
    (tmp_path / "vault").mkdir()
    with closing(Vault.create(LocalStorage(tmp_path / "vault"), wrap=Passphrase("x" * 20))) as made:
        yield made


@pytest.fixture
def shop(site):
    (site / "data" / "deep").mkdir(parents=True)
    make(site / "data" / "deep" / "shop.db", mode="wal", rows=300)
    (site / "shop.ini").write_text("name = shop\n")
    os.link(site / "index.html", site / "images" / "same.html")
    os.mkfifo(site / "pipe")
    with (site / "sparse").open("wb") as file:
        file.truncate(3 << 20)
        file.seek(1 << 20)
        file.write(os.urandom(300_000))
    (site / "large").write_bytes(os.urandom(5 << 20))
    (site / os.fsdecode(b"caf\xe9\n")).write_bytes(b"\x00")
    os.setxattr(site / "index.html", "user.note", b"hello")
    return site


@pytest.fixture
def connector(shop, tmp_path):
    return connect(shop, tmp_path)


def connect(root, tmp_path):
    config = {
        "path": str(root), "config": f"{root}/shop.ini", "db": f"sqlite:///{root}/data/deep/shop.db",
    }  # fmt: skip
    return registry.connect("site", config, around(tmp_path))


def test_a_damaged_site_comes_back(connector, shop, vault):
    snapshot = Snapshot(vault, connector.source("full", Recorder()))
    change(shop / "data" / "deep" / "shop.db", "DELETE FROM orders WHERE id > 10")
    shutil.rmtree(shop / "images")
    (shop / "index.html").write_text("hacked")
    (shop / "shop.ini").unlink()
    (shop / "large").write_bytes(b"")
    (shop / "evil.php").touch()

    _, problems = restore(connector, snapshot, delete=True)

    assert problems == {}
    assert actions(connector, snapshot, delete=True) == {}
    assert os.getxattr(shop / "index.html", "user.note") == b"hello"


def test_a_site_comes_back_into_a_new_place(connector, vault, tmp_path):
    snapshot = Snapshot(vault, connector.source("full", Recorder()))
    place = tmp_path / "new"

    _, problems = restore(connect(place, tmp_path), snapshot)

    assert problems == {}
    assert actions(connect(place, tmp_path), snapshot, delete=True) == {}
    assert (place / "sparse").stat().st_blocks * 512 < 1 << 20
    assert stat.S_ISFIFO((place / "pipe").stat().st_mode)
    assert (place / "index.html").stat().st_ino == (place / "images" / "same.html").stat().st_ino


def test_a_restore_into_a_new_place_is_undone_without_a_trace(connector, vault, tmp_path):
    snapshot = Snapshot(vault, connector.source("full", Recorder()))
    target = connect(tmp_path / "new", tmp_path)
    rows, _ = restore(target, snapshot)
    absent = [Desired(key=row.key, entry=None) for row in rows]

    _, problems = restore(target, snapshot, desired=absent, types=True)

    assert problems == {}
    assert not (tmp_path / "new").exists()


def test_a_file_that_vanishes_is_reported_and_the_rest_is_kept(connector, shop, vault):
    source = connector.source("full", Recorder())
    original = source.open

    def open_(entry):
        if entry.path == b"tree/large":
            (shop / "large").unlink()
        return original(entry)

    source.open = open_
    snapshot = Snapshot(vault, source)

    assert snapshot.report.failures == {}
    assert snapshot.report.skips == {"tree:large": "vanished"}
    assert snapshot.find("tree:index.html") is not None


def test_what_did_not_change_is_not_read_again_but_the_database_is(connector, shop, vault):
    os.utime(shop / "large", ns=(0, 0))
    Snapshot(vault, connector.source("full", Recorder()))
    change(shop / "data" / "deep" / "shop.db", "UPDATE orders SET what = 'other' WHERE id = 1")

    second = Snapshot(vault, connector.source("full", Recorder()))

    database = second.open(second.find("db:shop")).read()
    assert b"other" in database
