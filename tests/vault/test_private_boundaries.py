"""The feature ``private-boundaries``: files are cut by a secret order of bytes."""

from __future__ import annotations

import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.plain_reader import Reader
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import Damaged, LocalStorage, NewerFormat, Vault, config, documents
from webapp.vault.ids import split_ref
from webapp.vault.storage.memory import MemoryStorage

DUMP = b"".join(b"%07d a line of a dump\n" % number for number in range(40_000))
VIDEO = random.Random(3).randbytes(6 << 20)


def source(*, dump: bytes = DUMP) -> MemorySource:
    return MemorySource((file(b"db/shop"), dump), folder(b"tree"), (file(b"tree/video"), VIDEO))


def lengths(vault: Vault, path: bytes) -> list[int]:
    entry = vault.find(vault.snapshots()[0], path)
    return [split_ref(ref)[1] for ref in vault._engine.chunks.refs(entry.chunks)]


def made(storage, *, private: bool = True) -> Vault:
    Vault.create(storage, wrap=KEY, private_boundaries=private)
    vault = Vault.open(storage, wrap=KEY)
    vault.backup(source(), name="site", report=Notes())
    return vault


@pytest.mark.parametrize("path", [b"db/shop", b"tree/video"])
def test_two_vaults_cut_the_same_file_differently(path):
    first, second = made(MemoryStorage()), made(MemoryStorage())
    plain, again = made(MemoryStorage(), private=False), made(MemoryStorage(), private=False)

    assert lengths(first, path) != lengths(second, path)
    assert lengths(first, path) != lengths(plain, path)
    assert lengths(again, path) == lengths(plain, path)
    for vault in (first, second):
        found = contents(vault, vault.snapshots()[0])
        assert (found[b"db/shop"], found[b"tree/video"]) == (DUMP, VIDEO)


def test_within_a_vault_every_writer_cuts_alike_and_what_moved_is_still_found():
    storage = MemoryStorage()
    made(storage)
    moved = DUMP[:300_000] + b"one line more\n" + DUMP[300_000:]

    again = Vault.open(storage, wrap=KEY)
    tally = again.backup(source(dump=moved), name="other", report=Notes(), parent=None).tally

    assert tally.stored_bytes < 400_000
    assert contents(again, again.snapshots()[0])[b"db/shop"] == moved


def test_the_document_is_enough_to_read_such_a_vault(tmp_path):
    vault = made(LocalStorage(tmp_path))

    _, rows = Reader(tmp_path, console=KEY.key).root_of(vault.snapshots()[0].id)

    assert {row["path"]: row["content"] for row in rows if row["kind"] == 1} == {
        b"db/shop": DUMP,
        b"tree/video": VIDEO,
    }


def test_a_release_that_does_not_know_the_feature_does_not_write(monkeypatch):
    storage = MemoryStorage()
    made(storage)
    monkeypatch.setattr(config, "FEATURES", frozenset())

    with pytest.raises(NewerFormat):
        Vault.open(storage, wrap=KEY)


def test_the_feature_cannot_be_taken_away_without_the_key():
    storage = MemoryStorage()
    made(storage)
    for name in config.NAMES:
        document = documents.decode(name, storage.objects[name])
        assert document["features"] == ["private-boundaries"]
        storage.objects[name] = documents.encode(document | {"features": []})

    with pytest.raises(Damaged, match="not written by a holder"):
        Vault.open(storage, wrap=KEY)
