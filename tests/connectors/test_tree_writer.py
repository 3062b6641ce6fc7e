"""Restoring into a folder: whole, exact, refused when it must be, and safe to repeat."""

from __future__ import annotations

import errno
import os
import shutil
import stat

import pytest

from tests.connectors.fakes import PERMIT, Authority, Memory, Recorder, actions, around, restore
from webapp.connectors import registry, tree_writer
from webapp.connectors.base import Action, Desired
from webapp.connectors.writing import PermitRefused, open_for_writing
from webapp.errors import ConnectorError
from webapp.hosts import changing
from webapp.items import path_of, sort_key


@pytest.fixture
def zoo(site):
    """The site with one of everything."""
    (site / "setuid").write_bytes(b"#!/bin/sh\n")
    os.chown(site / "setuid", 1234, 4321)
    (site / "setuid").chmod(0o6755)
    os.mkfifo(site / "pipe", 0o640)
    os.mknod(site / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.link(site / "index.html", site / "images" / "same.html")
    with (site / "sparse").open("wb") as file:
        file.truncate(10 << 20)
        file.seek(4 << 20)
        file.write(b"island")
    (site / os.fsdecode(b"caf\xe9\n")).write_bytes(b"\x00")
    os.setxattr(site / "index.html", "user.note", b"hello")
    os.utime(site / "images", ns=(1, 1_111_111_111_111_111_111))
    (site / "images-old").chmod(0o1777)
    os.symlink(b"nowhere\xff", os.fsencode(site / "dangling"))
    return site


@pytest.fixture
def connector(site, surroundings):
    return registry.connect("files", {"path": str(site)}, surroundings)


def capture(connector):
    return Memory(connector.source("full", Recorder()))


def test_everything_comes_back_into_an_empty_place(zoo, connector, surroundings, tmp_path):
    snapshot = capture(connector)
    target = registry.connect("files", {"path": str(tmp_path / "new" / "place")}, surroundings)

    rows, problems = restore(target, snapshot)

    assert problems == {}
    assert {row.action for row in rows} == {Action.CREATE}
    assert actions(target, snapshot, delete=True) == {}
    place = tmp_path / "new" / "place"
    assert (place / "setuid").stat().st_mode & 0o7777 == 0o6755
    assert (place / "index.html").stat().st_ino == (place / "images" / "same.html").stat().st_ino
    assert (place / "sparse").stat().st_blocks * 512 < 1 << 20
    assert (place / "images").stat().st_mtime_ns == 1_111_111_111_111_111_111


def test_all_damage_is_undone_in_place(zoo, connector):
    snapshot = capture(connector)
    damage(zoo)

    _, problems = restore(connector, snapshot, delete=True)

    assert problems == {}
    assert actions(connector, snapshot, delete=True) == {}
    assert not (zoo / "evil").exists()


def damage(root):
    (root / "index.html").write_text("<h1>Hacked</h1>")
    shutil.rmtree(root / "images")
    (root / "images").write_text("a file now")
    (root / "setuid").chmod(0o777)
    (root / "pipe").unlink()
    (root / "pipe").touch()
    (root / "null").unlink()
    (root / "empty").write_text("not empty")
    (root / "link").unlink()
    (root / "link").symlink_to("elsewhere")
    (root / "evil" / "deep").mkdir(parents=True)
    (root / "evil" / "deep" / "shell.php").touch()
    os.removexattr(root / "index.html", "user.note")
    os.setxattr(root / "empty", "user.evil", b"x")


def test_a_restore_can_be_undone_and_redone(zoo, connector):
    snapshot = capture(connector)
    damage(zoo)
    damaged = capture(connector)
    rows, _ = restore(connector, snapshot, delete=True)

    undone, problems = restore(connector, damaged, types=True, desired=undo_of(rows, damaged))
    assert problems == {}
    assert not [row for row in undone if row.action is Action.BLOCKED]
    assert actions(connector, damaged, delete=True) == {}

    restore(connector, snapshot, delete=True)
    assert actions(connector, snapshot, delete=True) == {}


def undo_of(rows, before):
    """What was changed, as it was; what was created, absent."""
    changed = (row for row in rows if row.action not in {Action.UNCHANGED, Action.BLOCKED})
    keys = sorted((row.key for row in changed), key=lambda key: sort_key(path_of(key)))
    return [Desired(key=key, entry=before.find(key)) for key in keys]


def test_what_was_created_is_removed_by_its_undo(zoo, connector, surroundings, tmp_path):
    snapshot = capture(connector)
    place = tmp_path / "new"
    target = registry.connect("files", {"path": str(place)}, surroundings)
    rows, _ = restore(target, snapshot)
    absent = [Desired(key=row.key, entry=None) for row in rows]

    _, problems = restore(target, snapshot, desired=absent)

    assert problems == {}
    assert not place.exists()


def test_another_link_to_a_replaced_file_is_left_alone(site, connector, tmp_path):
    snapshot = capture(connector)
    os.link(site / "empty", tmp_path / "outside")
    (site / "empty").chmod(0o600)

    restore(connector, snapshot)

    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o600
    assert (site / "empty").stat().st_mode & 0o777 == 0o644


def test_an_item_that_moved_since_the_preview_is_refused(site, connector):
    snapshot = capture(connector)
    (site / "index.html").write_text("damage")
    rows = list(connector.plan(snapshot.desired(), stored=snapshot, delete=False, scope=()))
    (site / "index.html").write_text("somebody else was here")
    row = next(row for row in rows if row.action is Action.REPLACE)
    writer = open_for_writing(connector, PERMIT, Authority())

    with pytest.raises(ConnectorError) as caught:
        writer.apply(row, snapshot.find(row.key), snapshot)
    writer.close()

    assert caught.value.code == "target_changed"
    assert (site / "index.html").read_text() == "somebody else was here"


def test_a_file_that_appeared_is_not_overwritten(site, connector):
    snapshot = capture(connector)
    (site / "index.html").unlink()
    (row,) = [
        row
        for row in connector.plan(snapshot.desired(), stored=snapshot, delete=False, scope=())
        if row.action is Action.CREATE
    ]
    (site / "index.html").write_text("new")
    writer = open_for_writing(connector, PERMIT, Authority())

    with pytest.raises(ConnectorError) as caught:
        writer.apply(row, snapshot.find(row.key), snapshot)
    writer.close()

    assert caught.value.code == "target_changed"


def test_each_row_may_be_applied_twice(zoo, connector):
    snapshot = capture(connector)
    damage(zoo)
    rows = list(connector.plan(snapshot.desired(), stored=snapshot, delete=True, scope=()))
    writer = open_for_writing(connector, PERMIT, Authority())

    for row in rows:
        if row.action not in {Action.UNCHANGED, Action.BLOCKED}:
            reached = [writer.apply(row, snapshot.find(row.key), snapshot) for _ in range(2)]
            assert reached == [row.after, row.after]
    writer.finish()
    writer.close()

    assert actions(connector, snapshot, delete=True) == {}


@pytest.mark.parametrize("yeses", [0, 1, 2, 5, 9])
def test_without_a_permit_nothing_is_written(site, connector, yeses):
    snapshot = capture(connector)
    (site / "index.html").write_text("damage")
    (site / "empty").unlink()
    before = {path: path.read_bytes() for path in site.iterdir() if path.is_file()}
    authority = Authority(yeses)

    with pytest.raises(PermitRefused):
        restore(connector, snapshot, authority=authority)

    assert not list(site.glob(".lastgood-*"))
    if yeses < 3:
        assert {path: path.read_bytes() for path in site.iterdir() if path.is_file()} == before


def test_a_full_disk_leaves_the_old_file(site, connector, monkeypatch):
    snapshot = capture(connector)
    (site / "index.html").write_text("damage")

    def full(*arguments, **named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tree_writer, "write_content", full)
    _, problems = restore(connector, snapshot)

    assert problems == {"tree:index.html": "disk_full"}
    assert (site / "index.html").read_text() == "damage"
    assert not list(site.glob(".lastgood-*"))


def test_nothing_is_written_through_a_link(site, connector, tmp_path):
    snapshot = capture(connector)
    (site / "images" / "a.png").unlink()
    rows = list(connector.plan(snapshot.desired(), stored=snapshot, delete=False, scope=()))
    (tmp_path / "victim").mkdir()
    shutil.rmtree(site / "images")
    (site / "images").symlink_to(tmp_path / "victim")
    row = next(row for row in rows if row.action is Action.CREATE)
    writer = open_for_writing(connector, PERMIT, Authority())

    with pytest.raises(ConnectorError) as caught:
        writer.apply(row, snapshot.find(row.key), snapshot)
    writer.close()

    assert caught.value.code == "escapes_target"
    assert list((tmp_path / "victim").iterdir()) == []


def test_the_next_writer_of_a_run_removes_what_was_left_unfinished(site, connector):
    snapshot = capture(connector)
    left = site / "images" / f".lastgood-{PERMIT.run_id.hex}-7.part"
    left.write_bytes(b"half")
    other = site / f".lastgood-{'f' * 32}-7.part"
    other.write_bytes(b"of another run")

    assert "tree:images/" + left.name not in actions(connector, snapshot, delete=True)
    open_for_writing(connector, PERMIT, Authority()).close()

    assert not left.exists()
    assert other.exists()


def test_a_killed_writer_is_followed_by_one_that_ends_the_work(zoo, connector, monkeypatch):
    snapshot = capture(connector)
    damage(zoo)
    rows = list(connector.plan(snapshot.desired(), stored=snapshot, delete=True, scope=()))
    rows = [row for row in rows if row.action not in {Action.UNCHANGED, Action.BLOCKED}]

    for dies_at in range(0, 60, 3):
        child = os.fork()
        if child == 0:
            _write_until_killed(connector, snapshot, rows, dies_at)
        os.waitpid(child, 0)
    writer = open_for_writing(connector, PERMIT, Authority())
    for row in rows:
        assert writer.apply(row, snapshot.find(row.key), snapshot) == row.after
    writer.finish()
    writer.close()

    left = {key for key in actions(connector, snapshot, delete=True)}
    assert all(connector.state(key) == find(rows, key).after for key in left)
    assert not list(zoo.rglob(".lastgood-*"))


def find(rows, key):
    return next(row for row in rows if row.key == key)


def _write_until_killed(connector, snapshot, rows, dies_at):
    class Deadly(Authority):
        def confirm(self, permit):
            super().confirm(permit)
            if self.asked > dies_at:
                os.kill(os.getpid(), 9)

    try:
        writer = open_for_writing(connector, PERMIT, Deadly())
        for row in rows:
            writer.apply(row, snapshot.find(row.key), snapshot)
    finally:
        os._exit(0)


def test_without_the_newer_rename_nothing_is_lost(zoo, connector, monkeypatch):
    monkeypatch.setattr(changing, "_renameat2", lambda *arguments: False)
    snapshot = capture(connector)
    damage(zoo)

    _, problems = restore(connector, snapshot, delete=True)

    assert problems == {}
    assert actions(connector, snapshot, delete=True) == {}


def test_access_lists_come_back(site, connector):
    access = bytes.fromhex("02000000 01000600ffffffff 0200040001000000 04000400ffffffff"
                           "10000400ffffffff 20000400ffffffff")  # fmt: skip
    try:
        os.setxattr(site / "index.html", "system.posix_acl_access", access)
    except OSError:
        pytest.skip("this file system has no access lists")
    snapshot = capture(connector)
    (site / "index.html").unlink()

    restore(connector, snapshot)

    assert os.getxattr(site / "index.html", "system.posix_acl_access") == access
    assert actions(connector, snapshot) == {}


def test_our_own_data_is_never_a_target(site, tmp_path, connector):
    snapshot = capture(connector)
    surroundings = around(tmp_path, tmp_path, own_data=[tmp_path / "t" / "images"])
    (tmp_path / "t").mkdir()
    target = registry.connect("files", {"path": str(tmp_path / "t")}, surroundings)

    rows, _ = restore(target, snapshot)

    blocked = {row.key: row.reason_code for row in rows if row.action is Action.BLOCKED}
    assert blocked == {"tree:images": "inside_own_data", "tree:images/a.png": "type_differs"} or (
        blocked == {"tree:images": "inside_own_data", "tree:images/a.png": "inside_own_data"}
    )
    assert not (tmp_path / "t" / "images").exists()
