"""What becomes of files that are odd, young, moving, gone or forbidden."""

from __future__ import annotations

import errno
import io
import os
from dataclasses import replace

import pytest
from blake3 import blake3

from tests.vault.sources import LONG_AGO, FolderSource, MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import BadSource, CountedReport, Vault
from webapp.vault.matching import Match


def backup(vault: Vault, source, notes: Notes | None = None, **options):
    return vault.backup(source, name="site", report=notes or Notes(), **options)


def fail_with(number: int):
    def opening():
        raise OSError(number, os.strerror(number))

    return opening


class BreaksWhileRead(io.BytesIO):
    def read(self, size=-1):
        raise OSError(errno.EIO, "Input/output error")

    readinto = read


class Moving(io.FileIO):
    """A file that somebody else writes to whenever it has been read."""

    def __init__(self, path, times):
        super().__init__(path)
        self._path, self._times = path, times

    def read(self, size=-1):
        data = super().read(size)
        if self._times:
            self._times.pop()
            with open(self._path, "ab") as other:
                other.write(b"+")
        return data


@pytest.mark.parametrize(
    ("opening", "failures", "skips"),
    [
        (fail_with(errno.ENOENT), [], [("tree:b", "vanished")]),
        (fail_with(errno.EACCES), [("tree:b", "not_allowed")], []),
        (fail_with(errno.EIO), [("tree:b", "read_error")], []),
        (fail_with(errno.ESTALE), [("tree:b", "read_error")], []),
        (lambda: BreaksWhileRead(b"x"), [("tree:b", "read_error")], []),
    ],
    ids=["vanished", "forbidden", "broken", "stale", "breaks while read"],
)
def test_a_file_that_cannot_be_read_is_reported_and_the_rest_is_kept(
    vault, notes, opening, failures, skips
):
    source = MemorySource(
        (file(b"tree/a"), b"1"), (file(b"tree/b"), opening), (file(b"tree/c"), b"3")
    )

    result = backup(vault, source, notes)

    assert contents(vault, result.snapshot) == {b"tree/a": b"1", b"tree/c": b"3"}
    assert (notes.failures, notes.skips) == (failures, skips)
    assert (result.tally.failed, result.tally.skipped) == (len(failures), len(skips))
    assert result.snapshot.counts["failed"] == len(failures)


def test_what_a_source_reports_itself_counts_in_the_snapshot_and_once(vault, notes):
    report = CountedReport(notes)
    source = MemorySource((file(b"tree/a"), b"1"), (file(b"tree/b"), fail_with(errno.EACCES)))
    entries = source.entries

    def reporting():
        report.failed("tree:closed", "not_allowed", "")
        yield from entries()
        report.skipped("tree:socket", "is_socket", "")

    source.entries = reporting
    report.failed("tree:before", "not_found", "")

    counts = backup(vault, source, report).snapshot.counts

    assert (counts["failed"], counts["skipped"]) == (3, 1)
    assert (len(notes.failures), len(notes.skips)) == (3, 1)


def moving_source(path, times):
    source = FolderSource(path.parent)
    source.open = lambda entry: Moving(path, times)
    return source


def test_a_file_that_changes_once_is_read_again(vault, notes, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"line")

    result = backup(vault, moving_source(path, [1]), notes)

    assert contents(vault, result.snapshot) == {b"tree/log": b"line+"}
    assert vault.find(result.snapshot, b"tree/log").size == 5
    assert notes.failures == []


def test_a_file_that_never_holds_still_is_reported_and_its_copy_kept_as_unsure(
    vault, notes, tmp_path
):
    path = tmp_path / "log"
    path.write_bytes(b"line")

    result = backup(vault, moving_source(path, [1] * 99), notes)

    assert notes.failures == [("tree:log", "changed_while_read")]
    entry = vault.find(result.snapshot, b"tree/log")
    assert entry.unsure
    assert entry.size == len(contents(vault, result.snapshot)[b"tree/log"])


def test_a_young_file_is_unsure_and_read_again_next_time(vault):
    young = file(b"tree/a", mtime_ns=LONG_AGO * 2, ctime_ns=LONG_AGO * 2)
    first = backup(vault, MemorySource((young, b"1")))
    second = MemorySource((young, b"2"))

    result = backup(vault, second)

    assert vault.find(first.snapshot, b"tree/a").unsure
    assert second.opened == [b"tree/a"]
    assert contents(vault, result.snapshot) == {b"tree/a": b"2"}


FACTS = {"mtime_ns": LONG_AGO + 1, "ctime_ns": LONG_AGO + 1, "inode": 8}


@pytest.mark.parametrize("fact", FACTS)
def test_any_changed_fact_leads_to_another_reading(vault, fact):
    backup(vault, MemorySource((file(b"tree/a"), b"1")))
    second = MemorySource((file(b"tree/a", **{fact: FACTS[fact]}), b"1"))

    result = backup(vault, second)

    assert second.opened == [b"tree/a"]
    assert result.tally.changed == 1


@pytest.mark.parametrize(
    ("match", "facts", "opened"),
    [
        ("no-inode", {"inode": 8}, []),
        ("no-inode", {"ctime_ns": LONG_AGO + 1}, [b"tree/a"]),
        ("no-ctime", {"ctime_ns": LONG_AGO + 1}, []),
        ("no-ctime", {"inode": 8}, [b"tree/a"]),
    ],
)
def test_a_source_may_leave_one_fact_out_of_account(vault, match, facts, opened):
    backup(vault, MemorySource((file(b"tree/a"), b"1")))
    second = MemorySource((file(b"tree/a", **facts), b"1"))

    backup(vault, second, match=Match(match))

    assert second.opened == opened


@pytest.mark.parametrize("absent", ["mtime_ns", "ctime_ns"])
def test_a_time_that_a_source_does_not_have_proves_nothing(vault, absent):
    entry = file(b"db/shop", **{absent: 0})
    backup(vault, MemorySource((entry, b"1")))
    second = MemorySource((entry, b"2"))

    result = backup(vault, second)

    assert contents(vault, result.snapshot) == {b"db/shop": b"2"}


def test_a_changed_mode_alone_needs_no_reading(vault):
    backup(vault, MemorySource((file(b"tree/a"), b"1")))
    second = MemorySource((file(b"tree/a", mode=0o600), b"1"))

    result = backup(vault, second)

    assert second.opened == []
    assert vault.find(result.snapshot, b"tree/a").mode == 0o600
    assert result.tally.changed == 1


def test_without_a_parent_everything_is_read(vault):
    backup(vault, MemorySource((file(b"tree/a"), b"1")))
    second = MemorySource((file(b"tree/a"), b"1"))

    result = backup(vault, second, parent=None)

    assert second.opened == [b"tree/a"]
    assert result.snapshot.parent == ""


def test_a_stream_has_the_size_that_came(vault):
    source = MemorySource((file(b"db/shop", mtime_ns=0), lambda: io.BytesIO(b"x" * 200_000)))

    result = backup(vault, source)

    entry = vault.find(result.snapshot, b"db/shop")
    assert (entry.size, entry.digest) == (200_000, blake3(b"x" * 200_000).digest())


@pytest.mark.parametrize("with_inode", [True, False])
def test_a_database_read_from_a_scratch_copy_keeps_its_own_facts(vault, tmp_path, with_inode):
    copy = tmp_path / "copy"
    copy.write_bytes(b"sqlite")
    inode = copy.stat().st_ino if with_inode else 0
    source = MemorySource((file(b"db/shop", inode=inode), lambda: io.FileIO(copy)))

    entry = vault.find(backup(vault, source).snapshot, b"db/shop")

    assert (entry.mtime_ns, entry.size, entry.unsure) == (LONG_AGO, 6, False)


@pytest.mark.parametrize("size", [100_000, 30_000_000])
def test_a_sparse_file_keeps_its_holes(vault, tmp_path, size):
    with (tmp_path / "disk").open("wb") as disk:
        disk.truncate(size)
        disk.seek(size // 2 // 4096 * 4096)
        disk.write(b"middle")

    result = backup(vault, FolderSource(tmp_path))

    entry = vault.find(result.snapshot, b"tree/disk")
    plain = (tmp_path / "disk").read_bytes()
    assert sum(length for _, length in entry.holes) >= size - 8192
    assert entry.digest == blake3(plain).digest()
    with vault.open_content(entry) as stored:
        assert stored.read() == plain
        stored.seek(size // 2 // 4096 * 4096 - 3)
        assert stored.read(12) == b"\0\0\0middle\0\0\0"
    assert result.tally.stored_bytes < 300_000


def test_a_sparse_file_that_shrinks_each_time_is_still_readable(vault, notes, tmp_path):
    path = tmp_path / "disk"

    class Shrinking(io.FileIO):
        def readinto(self, buffer):
            os.truncate(path, 1_000_000)
            return super().readinto(buffer)

    def opening(entry):
        with path.open("wb") as disk:
            disk.write(b"x" * 2_000_000)
            disk.truncate(9_000_000)
        return Shrinking(path)

    opening(None).close()
    source = FolderSource(tmp_path)
    source.open = opening

    result = backup(vault, source, notes)

    assert notes.failures == [("tree:disk", "changed_while_read")]
    assert contents(vault, result.snapshot) == {b"tree/disk": b"x" * 1_000_000}


def test_hard_links_share_one_content(vault, tmp_path):
    (tmp_path / "a").write_bytes(os.urandom(500_000))
    os.link(tmp_path / "a", tmp_path / "b")

    result = backup(vault, FolderSource(tmp_path))

    first, second = (vault.find(result.snapshot, path) for path in (b"tree/a", b"tree/b"))
    assert second.hardlink == b"tree/a"
    assert second.digest == first.digest
    assert vault.open_content(second).read() == (tmp_path / "a").read_bytes()
    assert (result.tally.read_bytes, result.tally.logical_bytes) == (500_000, 500_000)


def test_a_hard_link_to_what_could_not_be_read_stands_alone(vault, notes):
    source = MemorySource(
        (file(b"tree/a"), fail_with(errno.EACCES)),
        (file(b"tree/b", hardlink=b"tree/a"), b"same"),
    )

    result = backup(vault, source, notes)

    assert vault.find(result.snapshot, b"tree/b").hardlink == b""
    assert contents(vault, result.snapshot) == {b"tree/b": b"same"}


@pytest.mark.parametrize(
    "paths",
    [(b"tree/b", b"tree/a"), (b"tree/a", b"tree/a"), (b"tree/../x",), (b"tree//x",)],
    ids=["out of order", "twice", "dot dot", "empty part"],
)
def test_a_source_that_breaks_the_rules_is_refused(vault, paths):
    source = MemorySource()
    source.pairs = [(file(path), b"") for path in paths]

    with pytest.raises(BadSource):
        backup(vault, source)

    assert vault.snapshots() == []


@pytest.mark.parametrize("facts", [{"uid": -1}, {"mode": 1 << 16}, {"user": "\ud800"}], ids=str)
def test_facts_that_no_file_system_has_are_refused(vault, facts):
    with pytest.raises(BadSource):
        backup(vault, MemorySource((file(b"tree/a", **facts), b"")))


def test_a_file_with_very_many_chunks_is_kept_through_lists(vault, monkeypatch):
    monkeypatch.setattr("webapp.vault.capturing.MOST_REFS", 16)
    data = os.urandom(1_000_000)
    source = MemorySource((file(b"db/shop"), data))

    result = backup(vault, source)
    again = MemorySource((file(b"db/shop"), data))
    backup(vault, again)

    entry = vault.find(result.snapshot, b"db/shop")
    assert entry.chunks[0] == b"list"
    assert contents(vault, result.snapshot) == {b"db/shop": data}
    assert again.opened == []
    assert vault.verify(read_data=1.0).ok


def test_one_changed_row_stores_little_of_a_database_again(vault):
    data = bytearray(os.urandom(8_000_000))
    backup(vault, MemorySource((file(b"db/shop"), bytes(data))))
    data[4_000_000:4_000_100] = b"x" * 100

    result = backup(vault, MemorySource((file(b"db/shop", inode=8), bytes(data))))

    assert result.tally.stored_bytes < 400_000


def test_facts_of_databases_become_metadata(vault):
    source = MemorySource((folder(b"db")), (file(b"db/shop"), b"x"))
    source.known = {"db:shop": {"tables": {"orders": 3}}}

    result = backup(vault, source, metadata={"type": "full"}, reason="nightly")

    snapshot = vault.snapshot(result.snapshot.id)
    assert snapshot.metadata == {"type": "full", "facts": {"db:shop": {"tables": {"orders": 3}}}}
    assert snapshot.reason == "nightly"


def test_every_fact_of_an_entry_comes_back(vault):
    entry = file(
        b"tree/a\xff\n", mode=0o4755, uid=4_000_000_000, gid=7, user="ann", group="staff\udcff",
        mtime_ns=-5, ctime_ns=253_402_300_800_000_000_001, inode=2**64 - 1,
        xattrs=((b"user.a", b""), (b"user.b", b"x" * 65_536)),
    )  # fmt: skip

    result = backup(vault, MemorySource((entry, b"1")))

    found = vault.find(result.snapshot, entry.path)
    facts = {name: getattr(found, name) for name in entry.__slots__}
    assert facts == {name: getattr(replace(entry), name) for name in entry.__slots__}
