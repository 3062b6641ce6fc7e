"""Paths and keys: nothing that a file system holds may be lost or lead astray."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.items import Entry, EntryKind, fingerprint, is_safe, key_of, path_of, sort_key

names = st.binary(min_size=1, max_size=255).map(
    lambda raw: raw.replace(b"/", b"_").replace(b"\x00", b"_")
)
paths = st.lists(names, min_size=1, max_size=4).map(b"/".join).filter(is_safe)


@given(paths)
def test_every_path_comes_back_from_its_key(path):
    assert path_of(key_of(b"tree/" + path)) == b"tree/" + path


@given(paths)
def test_a_key_is_text_that_every_database_and_page_can_hold(path):
    key = key_of(b"tree/" + path)

    assert key.encode("utf-8").decode("utf-8") == key
    assert not any(ord(letter) < 32 for letter in key)


@pytest.mark.parametrize(
    "key",
    ["tree:../etc", "tree:a/../../b", "tree:/etc", "tree:a//b", "proc:self", "tree", "tree:a\\x00"],
)
def test_a_key_that_could_lead_outside_is_refused(key):
    with pytest.raises(ValueError, match="not an item key"):
        path_of(key)


def test_a_folder_comes_right_before_what_is_in_it():
    paths = [b"a-b", b"a", b"a/z", b"a.txt", b"a/b/c", b"a/b"]

    assert sorted(paths, key=sort_key) == [b"a", b"a/b", b"a/b/c", b"a/z", b"a-b", b"a.txt"]


@pytest.mark.parametrize(
    "change",
    [{"mode": 0o600}, {"uid": 7}, {"mtime_ns": 5}, {"xattrs": ((b"user.a", b"1"),)}, {"size": 3}],
    ids=["mode", "owner", "time", "attributes", "size"],
)
def test_a_fingerprint_tells_every_fact_that_a_restore_sets(change):
    facts = {"path": b"tree/a", "kind": EntryKind.FILE, "mode": 0o644}

    assert fingerprint(Entry(**facts), b"") != fingerprint(Entry(**(facts | change)), b"")


def test_a_fingerprint_does_not_know_what_a_restore_cannot_set():
    one = Entry(path=b"tree/a", kind=EntryKind.FILE, mode=0o644, inode=1, ctime_ns=1, user="anna")
    two = Entry(path=b"tree/a", kind=EntryKind.FILE, mode=0o644, inode=2, ctime_ns=2, user="")

    assert fingerprint(one, b"d") == fingerprint(two, b"d")
