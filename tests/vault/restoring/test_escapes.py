"""Nothing escapes the target: neither by what lies in it, nor by what the snapshot says."""

from __future__ import annotations

import os

import pytest
from blake3 import blake3

from tests.hosts.conftest import holdings
from tests.vault.restoring.conftest import capture, restore
from tests.vault.sources import LONG_AGO, MemorySource, Notes, file, folder
from webapp.hosts.restoring.target import FolderTarget
from webapp.items import Entry, EntryKind
from webapp.vault import rows
from webapp.vault.restoring.orders import RestoreOrder
from webapp.vault.restoring.restore import Restore


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "passwd").write_text("root")
    return folder


@pytest.fixture
def plain(vault, tmp_path):
    """A snapshot of two folders with a file each."""
    site = tmp_path / "plain"
    for name in ("a", "b"):
        (site / name).mkdir(parents=True)
        (site / name / "passwd").write_text(f"new {name}")
    return capture(vault, site)


def test_a_link_in_place_of_a_folder_is_not_followed(vault, plain, target, outside):
    target.mkdir()
    (target / "a").symlink_to(outside)

    result, _ = restore(vault, plain, target)

    assert holdings(outside)[b"passwd"][-1] == b"root"
    assert [(one.path, one.code) for one in result.problems] == [
        (b"tree/a", "type_differs"),
        (b"tree/a/passwd", "type_differs"),
    ]
    assert (target / "b" / "passwd").read_text() == "new b"


def test_a_link_in_place_of_a_file_gives_way_and_is_not_followed(vault, plain, target, outside):
    (target / "a").mkdir(parents=True)
    (target / "a" / "passwd").symlink_to(outside / "passwd")

    restore(vault, plain, target)

    assert (outside / "passwd").read_text() == "root"
    assert not (target / "a" / "passwd").is_symlink()
    assert (target / "a" / "passwd").read_text() == "new a"


def test_a_link_that_takes_a_folders_place_meanwhile_is_not_followed(vault, plain, target, outside):
    def plant(path, step, why):
        if path == b"tree/b":  # a is made, and what is in it not yet written
            (target / "a").rmdir()
            (target / "a").symlink_to(outside)

    with FolderTarget(target, section=b"tree") as opened:
        result = vault.restore(plain, opened, on_item=plant)

    assert sorted(os.listdir(outside)) == ["passwd"]
    assert (outside / "passwd").read_text() == "root"
    codes = {one.path: one.code for one in result.problems}
    assert codes == {b"tree/a/passwd": "escapes_target", b"tree/a": "escapes_target"}
    assert (target / "b" / "passwd").exists()


def test_a_way_to_an_included_path_is_not_walked_through_a_link(vault, plain, target, outside):
    target.mkdir()
    (target / "a").symlink_to(outside)

    result, _ = restore(vault, plain, target, include=(b"tree/a/passwd",))

    assert (outside / "passwd").read_text() == "root"
    assert result.blocked == 2


class Forged:
    """A manifest with whatever rows somebody who holds the key has written."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = entries

    def rows(self):
        for entry in self.entries:
            is_file = entry.kind is EntryKind.FILE
            content = rows.Content(blake3().digest(), 0, (), ()).pack() if is_file else b""
            yield rows.make_row(rows.pack_facts(entry), content)


def forged(vault, plain, target, *entries):
    with FolderTarget(target, section=b"tree") as opened:
        order = RestoreOrder(snapshot=plain, target=opened)
        result = Restore(vault._engine, Forged(*entries), order=order).run()
        opened.finish(whole=True)
    return result


def link(path: bytes, to: bytes) -> Entry:
    return Entry(path=path, kind=EntryKind.SYMLINK, mode=0o777, link_target=to, mtime_ns=LONG_AGO)


@pytest.mark.parametrize(
    "path",
    [
        b"tree/../../evil",
        b"tree/a/../../../evil",
        b"/etc/evil",
        b"tree//evil",
        b"tree/./evil",
        b"tree/evil/",
        b"../evil",
        b"tree/ev\x00il",
        b"",
        b"other/evil",
    ],
)
def test_a_path_that_would_lead_out_is_refused_alone(vault, plain, target, path):
    result = forged(vault, plain, target, folder(b"tree"), file(path), file(b"tree/z"))

    assert [(one.path, one.code) for one in result.problems] == [(path, "escapes_target")]
    assert [path.name for path in target.rglob("*")] == ["z"]
    assert list(target.parent.rglob("evil")) == []


def test_what_the_snapshot_has_below_a_link_of_its_own_is_refused(vault, plain, target, outside):
    result = forged(
        vault,
        plain,
        target,
        folder(b"tree"),
        link(b"tree/a", os.fsencode(outside)),
        file(b"tree/a/passwd"),
        folder(b"tree/a/sub"),
    )

    refused = {one.path: one.code for one in result.problems if one.outcome == "blocked"}
    assert refused == {b"tree/a/passwd": "escapes_target", b"tree/a/sub": "escapes_target"}
    assert os.listdir(outside) == ["passwd"]


def test_a_second_name_of_something_outside_is_written_as_a_file_of_its_own(
    vault, plain, target, outside
):
    entry = file(b"tree/stolen", hardlink=b"tree/../outside/passwd")

    forged(vault, plain, target, folder(b"tree"), entry)

    assert (outside / "passwd").stat().st_nlink == 1


def test_a_snapshot_out_of_order_ends_the_restore(vault, plain, target):
    with pytest.raises(Exception, match="out of order"):
        forged(vault, plain, target, file(b"tree/b"), file(b"tree/a"))


def test_a_snapshot_without_the_folders_above_is_restored_all_the_same(vault, target):
    source = MemorySource((file(b"tree/deep/down/file"), b"content"))
    snapshot = vault.backup(source, name="safety", report=Notes()).snapshot

    result, _ = restore(vault, snapshot, target)

    assert (target / "deep" / "down" / "file").read_text() == "content"
    assert (result.created, result.problems) == (1, ())


def test_sections_get_folders_of_their_own_where_there_are_several(vault, target):
    source = MemorySource(
        (file(b"config/app.ini"), b"ini"), (file(b"db/shop"), b"rows"), (file(b"tree/x"), b"x")
    )
    snapshot = vault.backup(source, name="site", report=Notes()).snapshot

    restore(vault, snapshot, target, section=b"")

    found = {path: what[-1] for path, what in holdings(target).items() if b"/" in path}
    assert found == {b"config/app.ini": b"ini", b"db/shop": b"rows", b"tree/x": b"x"}
