from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vault.conftest import KEY
from tests.vault.search.test_finding import back_up, many
from tests.vault.sources import LONG_AGO, file, folder
from webapp.items import Entry, EntryKind
from webapp.vault import SnapshotMissing, Vault
from webapp.vault.search.comparing import Difference, Summary
from webapp.vault.storage.memory import MemoryStorage


def changes(vault, old, new, **more):
    return [(one.what.value, one.path) for one in vault.diff(old, new, **more)]


def test_every_kind_of_difference_is_told(vault):
    link = Entry(path=b"tree/link", kind=EntryKind.SYMLINK, mode=0o777, link_target=b"a")
    old = back_up(
        vault,
        folder(b"tree"),
        (file(b"tree/content"), b"one"),
        (file(b"tree/gone"), b"12345"),
        (file(b"tree/kind"), b""),
        link,
        (file(b"tree/mode"), b"m"),
        (file(b"tree/same", inode=1), b"s"),
    )
    new = back_up(
        vault,
        folder(b"tree"),
        (file(b"tree/came"), b"1234567"),
        (file(b"tree/content", mtime_ns=LONG_AGO + 1), b"two!"),
        folder(b"tree/kind"),
        replace(link, link_target=b"b"),
        (file(b"tree/mode", mode=0o600), b"m"),
        (file(b"tree/same", inode=2, ctime_ns=5), b"s"),
    )

    found = list(vault.diff(old, new))
    summary = Summary()
    for one in found:
        summary.add(one)

    assert [(one.what.value, one.path, one.details) for one in found] == [
        ("added", b"tree/came", ()),
        ("content", b"tree/content", ("digest", "size", "mtime_ns")),
        ("removed", b"tree/gone", ()),
        ("kind", b"tree/kind", ()),
        ("content", b"tree/link", ("link_target",)),
        ("metadata", b"tree/mode", ("mode",)),
    ]
    assert (summary.added_bytes, summary.removed_bytes, summary.changed_bytes) == (7, 5, 4)
    assert summary.counts == {"added": 1, "removed": 1, "content": 2, "metadata": 1, "kind": 1}


def test_a_snapshot_does_not_differ_from_itself(vault):
    one = back_up(vault, *many(10))

    assert changes(vault, one, one) == []


def test_only_what_lies_under_a_folder_is_compared(vault):
    old = back_up(vault, (file(b"tree/a/x"), b"1"), (file(b"tree/a-b"), b"1"))
    new = back_up(vault, (file(b"tree/a"), b"2"), (file(b"tree/b"), b"1"))

    assert changes(vault, old, new, under=b"tree/a") == [
        ("added", b"tree/a"),
        ("removed", b"tree/a/x"),
    ]


def test_a_file_that_moved_is_recognised_by_its_content(vault):
    old = back_up(vault, (file(b"tree/a"), b"the same"), (file(b"tree/empty"), b""))
    new = back_up(vault, (file(b"tree/b"), b"the same"), (file(b"tree/none"), b""))
    summary = Summary()

    for one in vault.diff(old, new):
        summary.add(one)

    assert summary.moves == [(b"tree/a", b"tree/b")]


def test_manifest_chunks_that_both_have_are_not_read(storage, vault, monkeypatch):
    old = back_up(vault, *many(4000))
    new = back_up(vault, *many(4000, n02000=b"other"))
    again = Vault.open(storage, wrap=KEY)
    reader = again._engine.chunks
    read = []
    real = reader.manifest
    monkeypatch.setattr(reader, "manifest", lambda ref: read.append(ref) or real(ref))

    assert changes(again, old, new) == [("content", b"tree/02000")]
    assert len(read) == 2
    assert len(set(read)) == 2


def test_a_snapshot_that_is_not_there_is_refused(vault):
    one = back_up(vault, *many(1))

    with pytest.raises(SnapshotMissing):
        list(vault.diff(one, "0" * 32))


TREE = st.dictionaries(st.integers(0, 3000), st.binary(max_size=2), max_size=400)


@settings(max_examples=15, deadline=None)
@given(old=TREE, new=TREE)
def test_a_diff_is_what_comparing_all_entries_gives(old, new):
    vault = Vault.create(MemoryStorage(), wrap=KEY)

    def snapshot(tree):
        steady = [(file(b"tree/%05d" % n), b"s") for n in range(5000, 6500)]
        return back_up(
            vault, *[(file(b"tree/%05d" % n), data) for n, data in tree.items()], *steady
        )

    found = {(one.what, one.path) for one in vault.diff(snapshot(old), snapshot(new))}

    def name(number):
        return b"tree/%05d" % number

    assert found == (
        {(Difference.REMOVED, name(n)) for n in old.keys() - new.keys()}
        | {(Difference.ADDED, name(n)) for n in new.keys() - old.keys()}
        | {(Difference.CONTENT, name(n)) for n in old.keys() & new.keys() if old[n] != new[n]}
    )
