"""A damaged pack is condemned; a prune that comes then frees nothing that cannot be had again."""

from __future__ import annotations

import pytest

from tests.vault.checks.test_repair import FILES, backup, from_files, lose, opened
from tests.vault.trees import contents
from webapp.vault import Damaged, Vault
from webapp.vault.storage.memory import MemoryStorage

OPTIONS = {"grace_days": 0.0, "may_condemn_most": True, "trust_clock": True}


@pytest.fixture
def storage(storage: MemoryStorage, vault: Vault) -> MemoryStorage:
    backup(vault, FILES)
    return storage


def prune(storage: MemoryStorage, times: int = 3) -> None:
    for _ in range(times):
        opened(storage).prune(**OPTIONS)


def test_a_pack_with_bytes_that_nobody_else_has_stays(storage):
    name = lose(storage, b"tree/large", 1)
    before = storage.objects[name]
    opened(storage).verify(read_data=1.0)

    prune(storage)

    assert storage.objects[name] == before
    (error,) = opened(storage).verify().errors
    assert error["object"] == name
    assert error["paths"] == ["tree/large"]


def test_what_else_was_in_it_can_be_read_all_the_while(storage):
    lose(storage, b"tree/large", 1)
    opened(storage).verify(read_data=1.0)
    prune(storage)

    vault = opened(storage)
    snapshot = vault.snapshots()[0]
    assert vault.open_content(vault.find(snapshot, b"tree/medium")).read() == FILES[b"tree/medium"]
    with pytest.raises(Damaged):
        vault.open_content(vault.find(snapshot, b"tree/large")).read()


def test_once_its_bytes_are_stored_again_the_pack_goes(storage):
    name = lose(storage, b"tree/large", 1)
    opened(storage).verify(read_data=1.0)
    backup(opened(storage), FILES)

    prune(storage)

    assert name not in storage.objects
    assert opened(storage).verify(read_data=1.0).errors == []
    assert contents(opened(storage), opened(storage).snapshots()[-1]) == FILES


def test_after_a_repair_from_files_the_pack_goes(storage):
    name = lose(storage, b"tree/large", 1)
    assert opened(storage).repair(find=from_files(FILES)).ok

    prune(storage)

    assert name not in storage.objects
    assert opened(storage).verify(read_data=1.0).errors == []


def test_a_pack_that_only_seemed_damaged_loses_nothing_by_the_mark(storage):
    """A faulty cable or memory: verify marks a pack that is sound."""
    sound = dict(storage.objects)
    name = lose(storage, b"tree/large", 1)
    opened(storage).verify(read_data=1.0)
    storage.objects[name] = sound[name]

    prune(storage)

    assert opened(storage).verify(read_data=1.0).errors == []
    assert contents(opened(storage), opened(storage).snapshots()[0]) == FILES
