"""A vault from the outside: what goes in comes out."""

from __future__ import annotations

import os
import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import FolderSource, MemorySource, file, folder
from tests.vault.trees import contents
from webapp.vault import LocalStorage, SnapshotMissing, Vault


def test_a_folder_comes_back_byte_for_byte(tmp_path, notes):
    site = tmp_path / "site"
    (site / "images").mkdir(parents=True)
    big = random.Random(1).randbytes(9_000_000)
    (site / "images" / "big.bin").write_bytes(big)
    (site / "index.html").write_bytes(b"hello")
    (site / "empty").write_bytes(b"")
    (site / "link").symlink_to("index.html")
    os.link(site / "index.html", site / "same.html")
    vault = Vault.create(LocalStorage(tmp_path / "vault"), wrap=KEY)

    result = vault.backup(FolderSource(site), name="site", report=notes)

    again = Vault.open(LocalStorage(tmp_path / "vault"), wrap=KEY, cache_dir=tmp_path / "cache")
    assert contents(again, result.snapshot) == {
        b"tree/empty": b"",
        b"tree/images/big.bin": big,
        b"tree/index.html": b"hello",
        b"tree/same.html": b"hello",
    }
    assert again.find(result.snapshot.id, b"tree/same.html").hardlink == b"tree/index.html"
    assert again.find(result.snapshot.id, b"tree/link").link_target == b"index.html"
    assert [entry.path for entry in again.children(result.snapshot, b"tree")] == [
        b"tree/empty", b"tree/images", b"tree/index.html", b"tree/link", b"tree/same.html",
    ]  # fmt: skip
    assert again.verify(read_data=1.0).errors == []
    assert notes.failures == []


def test_an_unknown_snapshot_is_missing(vault):
    with pytest.raises(SnapshotMissing):
        vault.snapshot("ab" * 16)


def test_what_did_not_change_is_not_opened_again(vault, notes):
    content = (folder(b"tree"), (file(b"tree/a"), b"one"), (file(b"tree/b"), b"two"))
    vault.backup(MemorySource(*content), name="site", report=notes)
    second = MemorySource(*content)

    result = vault.backup(second, name="site", report=notes)

    assert second.opened == []
    assert result.tally.unchanged == 2
    assert [one.sequence for one in vault.snapshots("site")] == [2, 1]
