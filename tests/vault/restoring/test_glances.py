"""What is read from rows without taking them apart is what taking them apart gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.vault.sources import file, folder
from webapp.items import EntryKind
from webapp.vault import rows
from webapp.vault.errors import Damaged
from webapp.vault.ids import make_ref
from webapp.vault.restoring import glances

REFS = [make_ref(bytes([number]) * 32, 7) for number in range(3)]
PLAIN = file(
    b"tree/a", size=7, uid=5, gid=6, user="anna", group="caf\udce9", mode=0o4750, mtime_ns=-1
)


def row_of(entry, *, refs=REFS[:1], holes=(), flags=0):
    content = rows.Content(b"d" * 32, flags, holes, refs).pack()
    return rows.make_row(rows.pack_facts(entry), content)


@pytest.mark.parametrize(
    "entry",
    [
        PLAIN,
        replace(PLAIN, xattrs=((b"user.a", b"b"),)),
        replace(PLAIN, hardlink=b"tree/0"),
    ],
    ids=["plain", "with attributes", "a second name"],
)
def test_a_whole_file_is_the_entry_without_chunks_ctime_and_inode(entry):
    row = row_of(entry)
    expected = rows.unpack_row(row)

    found = glances.whole_file(row)

    same = {"chunks": (), "ctime_ns": 0, "inode": 0}
    assert replace(found, **same) == replace(expected, **same)


@pytest.mark.parametrize(
    ("row", "ref"),
    [
        (row_of(PLAIN), REFS[0]),
        (row_of(PLAIN, refs=REFS), None),
        (row_of(PLAIN, refs=[]), None),
        (row_of(PLAIN, holes=[(0, 4)]), None),
        (row_of(PLAIN, flags=rows.LISTED), None),
        (row_of(PLAIN, flags=rows.UNSURE), REFS[0]),
    ],
    ids=["one", "three", "none", "a hole", "a list", "unsure"],
)
def test_the_only_reference_is_told_from_several_and_from_a_list(row, ref):
    assert glances.only_ref(row) == ref


def test_plain_files_are_told_from_others():
    assert glances.is_plain_file(row_of(PLAIN))
    assert glances.size_of(row_of(PLAIN)) == 7
    assert not glances.is_plain_file(row_of(replace(PLAIN, hardlink=b"tree/0")))
    assert not glances.is_plain_file(rows.make_row(rows.pack_facts(folder(b"tree")), b""))
    assert PLAIN.kind is EntryKind.FILE


def test_a_row_that_is_cut_short_is_damage():
    with pytest.raises(Damaged):
        glances.whole_file(row_of(PLAIN)[:40])
