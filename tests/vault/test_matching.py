"""What counts as unchanged, and the advice where inode numbers alone change."""

from __future__ import annotations

import pytest

from tests.vault.sources import FolderSource, MemorySource, Notes, file
from webapp.vault.matching import Match


def source(inode: int, *, count: int = 20, changed: int = 0) -> MemorySource:
    """Files whose inodes begin at *inode*; the first *changed* of them have other content."""
    return MemorySource(
        *(
            (file(b"tree/%02d" % n, inode=inode + n), b"%d" % (n + (100 if n < changed else 10)))
            for n in range(count)
        )
    )


def backup(vault, source, **options):
    notes = Notes()
    tally = vault.backup(source, name="site", report=notes, **options).tally
    return tally, [line for line in notes.lines if "inode" in line]


def test_files_whose_inodes_alone_changed_are_read_again_with_a_word_of_advice(vault):
    backup(vault, source(1000))

    tally, lines = backup(vault, source(5000))

    assert tally.changed == 20
    assert lines == [
        "20 of 20 files were read again only because their inode numbers changed. If this place "
        "numbers its files anew at each mount, let the source compare without them: match mode "
        "no-inode."
    ]


def test_who_takes_the_advice_reads_nothing_again_and_hears_it_no_more(vault):
    backup(vault, source(1000))
    wanted = source(5000)

    tally, lines = backup(vault, wanted, match=Match.NO_INODE)

    assert (wanted.opened, tally.read_bytes, lines) == ([], 0, [])


@pytest.mark.parametrize(
    ("moved", "advised"), [(18, False), (19, True)], ids=["nine tenths", "more"]
)
def test_advice_needs_more_than_nine_tenths(vault, moved, advised):
    backup(vault, source(1000))
    half = source(1000)
    for entry, _ in half.pairs[:moved]:
        entry.inode += 9000

    _, lines = backup(vault, half)

    assert bool(lines) is advised


def test_a_few_files_are_no_reason_for_advice(vault):
    backup(vault, source(1000, count=9))

    assert backup(vault, source(5000, count=9))[1] == []


@pytest.mark.parametrize("fact", ["mtime_ns", "ctime_ns", "size"])
def test_files_that_changed_in_other_ways_too_are_no_reason_for_advice(vault, fact):
    backup(vault, source(1000))
    other = source(5000)
    if fact == "size":
        other = MemorySource(*((entry, data + b"!") for entry, data in other.pairs))
    else:
        for entry, _ in other.pairs:
            setattr(entry, fact, getattr(entry, fact) - 1)

    assert backup(vault, other)[1] == []


def test_nothing_is_said_of_a_first_or_an_unchanged_backup(vault, tmp_path):
    for number in range(12):
        (tmp_path / f"{number}").write_text("text")

    assert backup(vault, FolderSource(tmp_path))[1] == []
    assert backup(vault, FolderSource(tmp_path))[1] == []
