"""What an unprivileged backup user meets."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.connectors.children import NOBODY, as_nobody, needs_root
from tests.connectors.fakes import Memory, Recorder, actions, around, restore
from tests.connectors.test_sqlite import make
from webapp.connectors import registry
from webapp.errors import ConnectorError

pytestmark = needs_root


@pytest.fixture
def place():
    folder = Path(tempfile.mkdtemp(prefix="lastgood-test-"))
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def theirs(place):
    """A site of root's that others may read, and some they may not."""
    root = place / "site"
    (root / "closed").mkdir(parents=True)
    (root / "closed" / "x").touch()
    (root / "closed").chmod(0o700)
    (root / "index.html").write_text("shop")
    (root / "secret").write_text("secret")
    (root / "secret").chmod(0o600)
    return root


def files(place, root):
    return registry.connect("files", {"path": str(root)}, around(place))


def test_what_may_not_be_read_is_reported(place, theirs):
    def capture():
        report = Recorder()
        snapshot = Memory(files(place, theirs).source("full", report), report)
        return report.failures, snapshot.paths()

    failures, paths = as_nobody(capture)

    assert failures == {"tree:closed": "not_allowed", "tree:secret": "read_error"}
    assert {b"tree/index.html", b"tree/closed"} <= set(paths)


def test_a_folder_that_cannot_be_listed_blocks_its_own_removal_only(place, theirs):
    snapshot = Memory(files(place, theirs).source("full", Recorder()))
    snapshot.entries = [e for e in snapshot.entries if not e.path.startswith(b"tree/closed")]
    (theirs / "new").touch()

    found = as_nobody(lambda: actions(files(place, theirs), snapshot, delete=True))

    assert (found["tree:closed"], found["tree:new"]) == ("blocked", "delete")


def test_a_closed_folder_is_refused(place, theirs):
    def open_it():
        connector = files(place, theirs / "closed")
        with pytest.raises(ConnectorError) as caught:
            connector.source("full", Recorder())
        return caught.value.code, [finding.code for finding in connector.check()]

    assert as_nobody(open_it) == ("not_allowed", ["not_allowed"])


def test_a_database_that_may_only_be_read_is_captured(place):
    folder = place / "shop"
    folder.mkdir()
    make(folder / "shop.db", mode="wal")
    folder.chmod(0o555)
    connector = registry.connect("sqlite", {"path": str(folder / "shop.db")}, around(place))
    (place / "scratch").chmod(0o777)

    def capture():
        return Memory(connector.source("full", Recorder())).facts["db:shop"]["tables"]

    assert as_nobody(capture) == {"orders": 5}


def test_owners_that_cannot_be_given_are_said_and_then_left_in_peace(place, theirs):
    os.chown(theirs / "index.html", 1234, 4321)
    shutil.rmtree(theirs / "closed")
    (theirs / "secret").unlink()
    snapshot = Memory(files(place, theirs).source("full", Recorder()))
    shutil.rmtree(theirs)

    def restored():
        connector = files(place, theirs)
        rows, problems = restore(connector, snapshot)
        return [row.reason for row in rows], problems, actions(connector, snapshot)

    reasons, problems, left = as_nobody(restored)

    assert problems == {}
    assert "Only root can give it to 1234:4321" in reasons[1]
    assert left == {}


def test_a_target_that_may_not_be_written_is_said_to_be(place, theirs):
    shutil.rmtree(theirs / "closed")
    (theirs / "secret").unlink()
    snapshot = Memory(files(place, theirs).source("full", Recorder()))
    (theirs / "index.html").write_text("damage")

    def restored():
        return restore(files(place, theirs), snapshot)[1]

    assert as_nobody(restored) == {"tree:index.html": "not_allowed"}
    assert (theirs / "index.html").read_text() == "damage"


def test_folders_that_are_closed_in_the_backup_can_be_filled(place):
    root = place / "site"
    (root / "sealed").mkdir(parents=True)
    (root / "sealed" / "x").touch()
    (root / "sealed").chmod(0o500)
    snapshot = Memory(files(place, root).source("full", Recorder()))

    def restored():
        target = files(place, place / "new")
        _, problems = restore(target, snapshot)
        return problems, actions(target, snapshot), (place / "new" / "sealed").stat().st_mode

    assert as_nobody(restored) == ({}, {}, 0o40500)
