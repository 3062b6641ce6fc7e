"""Two names of one file share its content only as long as it is the same file, unchanged."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import pytest

from tests.vault.sources import LONG_AGO, FolderSource, MemorySource, file
from tests.vault.trees import contents
from webapp.vault.chunk_store import ChunkStore


def backup(vault, source, notes, **options):
    return vault.backup(source, name="site", report=notes, **options)


def sizes_fit(vault, snapshot):
    return all(
        entry.size == len(content)
        for path, content in contents(vault, snapshot).items()
        if (entry := vault.find(snapshot, path)) is not None
    )


@pytest.mark.parametrize(
    "fact", [{"inode": 8}, {"mtime_ns": LONG_AGO + 1}, {"ctime_ns": LONG_AGO + 1}], ids=str
)
def test_a_link_that_is_not_as_its_other_name_was_is_read_as_a_file_of_its_own(vault, notes, fact):
    source = MemorySource(
        (file(b"tree/a"), b"first"), (file(b"tree/b", hardlink=b"tree/a", **fact), b"other")
    )

    result = backup(vault, source, notes)

    assert contents(vault, result.snapshot) == {b"tree/a": b"first", b"tree/b": b"other"}
    assert vault.find(result.snapshot, b"tree/b").hardlink == b""


class Acting(FolderSource):
    """Something happens after one path was taken, or before it is opened."""

    def __init__(self, root, *, after=b"", opening=b"", act):
        super().__init__(root)
        self._after, self._opening, self._act = after, opening, act

    def entries(self):
        for entry in super().entries():
            yield entry
            if entry.path == self._after:
                self._act()

    def open(self, entry):
        if entry.path == self._opening:
            self._act()
        return super().open(entry)


def linked_log(root):
    (root / "a").write_bytes(b"one\n" * 100)
    os.link(root / "a", root / "z")

    def grow():
        with (root / "a").open("ab") as log:
            log.write(b"two\n")

    return grow


@pytest.mark.parametrize("when", [{"after": b"tree/a"}, {"opening": b"tree/a"}], ids=str)
def test_a_log_that_grows_between_its_two_names_is_kept_whole(vault, notes, tmp_path, when):
    result = backup(vault, Acting(tmp_path, act=linked_log(tmp_path), **when), notes)

    kept = contents(vault, result.snapshot)
    assert kept[b"tree/z"] == b"one\n" * 100 + b"two\n"
    assert sizes_fit(vault, result.snapshot)
    assert vault.verify(snapshot=result.snapshot.id, read_data=1.0).ok
    assert notes.failures == []


def test_no_link_leads_to_what_took_the_place_of_the_first_name(vault, notes, tmp_path):
    site, new = tmp_path / "site", tmp_path / "new"
    site.mkdir()
    (site / "a").write_bytes(b"A" * 100)
    os.link(site / "a", site / "z")
    new.write_bytes(b"B" * 100)
    source = Acting(site, opening=b"tree/a", act=lambda: new.rename(site / "a"))

    result = backup(vault, source, notes)

    kept = contents(vault, result.snapshot)
    assert (kept[b"tree/a"], kept[b"tree/z"]) == (b"B" * 100, b"A" * 100)
    assert vault.find(result.snapshot, b"tree/z").hardlink == b""


def test_a_link_to_a_forgotten_name_is_a_link_still_if_nothing_changed(
    vault, notes, tmp_path, monkeypatch
):
    monkeypatch.setattr("webapp.vault.capturing._MOST_LINKS", 1)
    (tmp_path / "a").write_bytes(b"A")
    (tmp_path / "m").write_bytes(b"M")
    os.link(tmp_path / "a", tmp_path / "z")

    result = backup(vault, FolderSource(tmp_path), notes)

    assert vault.find(result.snapshot, b"tree/z").hardlink == b"tree/a"
    assert contents(vault, result.snapshot)[b"tree/z"] == b"A"


@pytest.mark.parametrize("count", [1, 2])
def test_a_parents_row_whose_chunks_do_not_make_up_its_size_is_read_again(
    vault, notes, monkeypatch, count
):
    data = os.urandom(30_000 if count == 1 else 3_000_000)
    entry = file(b"tree/a")
    with monkeypatch.context() as patch:
        patch.setattr("webapp.vault.rows.pack_facts", with_size(len(data) + 1))
        backup(vault, MemorySource((entry, data)), notes)
    source = MemorySource((replace(entry), lambda: io.BytesIO(data + b"+")))
    source.pairs[0][0].size = len(data) + 1

    result = backup(vault, source, notes)

    assert source.opened == [b"tree/a"]
    assert contents(vault, result.snapshot) == {b"tree/a": data + b"+"}


def with_size(size):
    from webapp.vault import rows

    real = rows.pack_facts
    return lambda entry: real(replace(entry, size=size))


def test_a_reading_that_does_not_add_up_is_reported_and_never_stored(vault, notes, monkeypatch):
    real = ChunkStore.data
    monkeypatch.setattr(ChunkStore, "data", lambda self, chunk: real(self, bytes(chunk)[:-1]))

    result = backup(vault, MemorySource((file(b"tree/a"), b"whole")), notes)

    assert notes.failures == [("tree:a", "changed_while_read")]
    assert contents(vault, result.snapshot) == {}
