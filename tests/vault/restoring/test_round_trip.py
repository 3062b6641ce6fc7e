"""What was captured comes back, whatever it is."""

from __future__ import annotations

import os
import random
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from tests.connectors.children import NOBODY, as_nobody, needs_root
from tests.hosts.conftest import holdings
from tests.vault.conftest import KEY
from tests.vault.restoring.conftest import (
    LONG_AGO,
    capture,
    fill,
    leftovers,
    reopened,
    restore,
)
from tests.vault.sources import MemorySource, Notes, file, folder
from webapp.vault import LocalStorage, Vault, rows


def test_everything_a_tree_can_hold_comes_back(vault, site, snapshot, target):
    result, steps = restore(vault, snapshot, target)

    assert holdings(target) == holdings(site)
    assert leftovers(target) == []
    assert (result.blocked, result.failed, result.problems) == (0, 0, ())
    assert (
        result.created
        == len(steps)
        == snapshot.counts["files"] + snapshot.counts["folders"] + snapshot.counts["others"]
    )
    assert result.bytes_written == snapshot.counts["logical_bytes"]


def test_holes_are_holes_again(vault, site, snapshot, target):
    restore(vault, snapshot, target)

    def holes(path):
        file = os.open(path, os.O_RDONLY)
        try:
            first = os.lseek(file, 0, os.SEEK_HOLE)
            return first, os.lseek(file, first, os.SEEK_DATA)
        finally:
            os.close(file)

    assert holes(target / "sparse") == holes(site / "sparse")
    assert (target / "all-hole").stat().st_blocks == 0


@needs_root
def test_somebody_who_is_not_root_gets_back_what_is_his():
    place = Path(tempfile.mkdtemp(prefix="lastgood-test-"))
    os.chown(place, NOBODY, NOBODY)

    def there_and_back():
        site = place / "site"
        site.mkdir()
        fill(site)
        vault = Vault.create(LocalStorage(place / "vault"), wrap=KEY)
        result, _ = restore(vault, capture(vault, site), place / "target")
        return result.problems, holdings(place / "target") == holdings(site)

    try:
        problems, same = as_nobody(there_and_back)
    finally:
        shutil.rmtree(place)

    assert problems == ()
    assert same


@needs_root
def test_what_only_root_can_do_is_listed_and_the_rest_goes_on(tmp_path, storage, vault, site):
    (site / "theirs").chmod(0o6755)
    snapshot = capture(vault, site)
    place = Path(tempfile.mkdtemp(prefix="lastgood-test-"))
    os.chown(place, NOBODY, NOBODY)

    def restored():
        result, _ = restore(reopened(storage), snapshot, place / "target")
        status = (place / "target" / "theirs").stat()
        content = (place / "target" / "a" / "small-5").read_bytes()
        again, _ = restore(reopened(storage), snapshot, place / "target")
        return result, stat.S_IMODE(status.st_mode), content, again

    try:
        result, mode, content, again = as_nobody(restored)
    finally:
        shutil.rmtree(place)

    blocked = {one.path: one.code for one in result.problems if one.outcome == "blocked"}
    assert blocked == {b"tree/null": "not_supported", b"tree/disk": "not_supported"}
    failed = {one.path: one.message for one in result.problems if one.outcome == "failed"}
    assert failed[b"tree/theirs"] == "Restored, but: Only root can give it to 1234:5678."
    assert mode == 0o755  # nobody runs as somebody else by a program that is not theirs
    assert content == (site / "a" / "small-5").read_bytes()
    assert again.failed >= result.failed - 1  # all but the target, which was made then
    assert again.bytes_written == 0
    assert again.created == 0


@needs_root
def test_owners_are_found_by_name_if_asked_for(vault, target):
    entries = [
        file(b"tree/known", uid=4711, gid=4712, user="daemon", group="daemon"),
        file(b"tree/unknown", uid=4711, gid=4712, user="no-such", group="no-such"),
    ]
    snapshot = vault.backup(MemorySource(*entries), name="site", report=Notes()).snapshot

    restore(vault, snapshot, target, by_name=True)

    known, unknown = (target / "known").stat(), (target / "unknown").stat()
    assert (known.st_uid, known.st_gid) == (1, 1)  # daemon's ids, everywhere
    assert (unknown.st_uid, unknown.st_gid) == (4711, 4712)


def test_paths_beyond_what_the_kernel_takes_at_once_come_back(vault, tmp_path, target):
    site = tmp_path / "site"
    site.mkdir()
    folder = os.open(site, os.O_RDONLY)
    for _ in range(45):
        os.mkdir("n" * 120, dir_fd=folder)
        inner = os.open("n" * 120, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    file = os.open("end", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=folder)
    os.write(file, b"deep")
    os.close(file)
    os.close(folder)
    snapshot = capture(vault, site)

    result, _ = restore(vault, snapshot, target)
    again, _ = restore(vault, snapshot, target)

    assert (result.created, result.problems) == (47, ())
    assert (again.unchanged, again.bytes_written) == (47, 0)
    shutil.rmtree(site)


def test_a_part_comes_back_alone_with_the_folders_that_it_lies_in(vault, site, snapshot, target):
    result, _ = restore(vault, snapshot, target, include=(b"tree/a/deep", b"tree/empty"))

    found = holdings(target)
    whole = holdings(site)
    assert set(found) == {b"", b"a", b"a/deep", b"a/deep/deeper", b"empty"}
    assert found == {path: whole[path] for path in found}
    assert result.created == 5


def test_a_second_name_comes_back_where_the_first_was_not_asked_for(vault, site, target):
    os.link(site / "second-name", site / "third-name")
    snapshot = capture(vault, site)

    include = (b"tree/second-name", b"tree/third-name")
    restore(vault, snapshot, target, include=include)

    assert (target / "second-name").read_bytes() == (site / "a" / "small-2").read_bytes()
    assert (target / "second-name").samefile(target / "third-name")


def test_a_folder_on_the_way_that_is_there_is_left_as_it_is(vault, snapshot, target):
    (target / "a").mkdir(parents=True)
    (target / "a").chmod(0o711)

    restore(vault, snapshot, target, include=(b"tree/a/small-1",))

    assert stat.S_IMODE((target / "a").stat().st_mode) == 0o711
    assert (target / "a" / "small-1").exists()


def test_a_target_that_was_there_keeps_its_own_facts(vault, snapshot, target):
    target.mkdir()
    target.chmod(0o751)

    restore(vault, snapshot, target)

    assert stat.S_IMODE(target.stat().st_mode) == 0o751


def test_files_in_windows_of_a_few_come_back_as_well(vault, site, snapshot, target, monkeypatch):
    monkeypatch.setattr("webapp.vault.restoring.windows.MOST_ENTRIES", 7)

    restore(vault, snapshot, target)

    assert holdings(target) == holdings(site)


def test_a_file_of_very_many_chunks_comes_back_through_small_windows(
    vault, tmp_path, target, monkeypatch
):
    monkeypatch.setattr("webapp.vault.capturing.MOST_REFS", 16)
    monkeypatch.setattr("webapp.vault.restoring.windows.MOST_ENTRIES", 5)
    monkeypatch.setattr("webapp.vault.restoring.restore._AT_ONCE", 3)
    site = tmp_path / "site"
    site.mkdir()
    (site / "big").write_bytes(random.Random(2).randbytes(40_000_000))
    (site / "z").write_bytes(b"after")
    os.link(site / "big", site / "zz")
    os.utime(site / "big", ns=(LONG_AGO, LONG_AGO))

    restore(vault, capture(vault, site), target)

    assert holdings(target) == holdings(site)


@pytest.mark.parametrize(
    ("content", "paranoid"),
    [(b"one chunk", True), (random.Random(6).randbytes(6_000_000), False)],
    ids=["one chunk", "in pieces"],
)
def test_content_that_the_digest_denies_never_gets_its_name(
    vault, target, monkeypatch, *, content, paranoid
):
    source = MemorySource(folder(b"tree"), (file(b"tree/wrong"), content))
    pack = rows.Content.pack
    monkeypatch.setattr(rows.Content, "pack", lambda one: pack(one._replace(digest=bytes(32))))
    snapshot = vault.backup(source, name="site", report=Notes()).snapshot

    result, _ = restore(vault, snapshot, target, paranoid=paranoid)

    assert os.listdir(target) == []
    assert [(one.path, one.code) for one in result.problems] == [(b"tree/wrong", "damaged")]
