"""Half a key slot still opens the vault: a removal that failed half-way is brought to its end."""

from __future__ import annotations

import pytest

from tests.faults import Fault, FaultyStorage, Kind
from tests.vault.transfer.test_slots import NEW, OLD, QUICK, markers, opens
from tests.vault.transfer.test_slots import storage as storage
from webapp.vault import Passphrase, StorageError, Vault, documents
from webapp.vault.errors import Damaged
from webapp.vault.transfer import key_changes

THIRD, FOURTH = Passphrase("third", cost=QUICK), Passphrase("fourth", cost=QUICK)


@pytest.fixture
def faulty(storage) -> FaultyStorage:
    return FaultyStorage(storage)


@pytest.mark.parametrize("end", ["another key is added", "a repair"])
def test_a_slot_of_which_one_copy_could_not_be_removed_goes_with_the_next_change(
    storage, faulty, end
):
    slot_id = Vault.open(storage, wrap=OLD).keys.add(NEW)
    faulty.on("delete", "keys/", Fault(Kind.BEFORE, StorageError))
    vault = Vault.open(faulty, wrap=OLD)
    with pytest.raises(StorageError):
        vault.keys.remove(slot_id)
    half_removed = opens(storage, NEW)

    if end == "a repair":
        vault.repair()
    else:
        vault.keys.add(Passphrase("third", cost=QUICK))

    assert half_removed == [True]
    assert opens(storage, OLD, NEW) == [True, False]
    assert not [name for name in storage.objects if slot_id in name]
    assert markers(storage) == []


@pytest.mark.parametrize("act", ["remove", "rotate"])
def test_after_a_removal_that_failed_another_host_need_not_wait(storage, faulty, monkeypatch, act):
    slot_id = Vault.open(storage, wrap=OLD).keys.add(NEW)
    faulty.on("delete", "keys/", Fault(Kind.BEFORE, StorageError))
    vault = Vault.open(faulty, wrap=OLD)
    with pytest.raises(StorageError):
        vault.keys.remove(slot_id) if act == "remove" else vault.keys.rotate(NEW, THIRD)
    monkeypatch.setattr(key_changes, "_given_up", set())  # which another host knows nothing of

    Vault.open(storage, wrap=OLD).keys.add(FOURTH)

    assert opens(storage, OLD, NEW, THIRD, FOURTH) == [True, False, act == "rotate", True]
    assert markers(storage) == []


def test_the_word_that_a_change_is_over_counts_only_from_a_holder_of_the_key(storage, faulty):
    slot_id = Vault.open(storage, wrap=OLD).keys.add(NEW)
    faulty.on("delete", "keys/", Fault(Kind.BEFORE, StorageError))
    with pytest.raises(StorageError):
        Vault.open(faulty, wrap=OLD).keys.remove(slot_id)
    (name,) = markers(storage)
    marker = documents.decode(name, storage.objects[name])
    assert marker["over"] is True
    storage.objects[name] = documents.encode({**marker, "removes": "0" * 32})

    with pytest.raises(Damaged, match="not written by a holder"):
        Vault.open(storage, wrap=OLD).keys.add(FOURTH)


def test_what_a_failed_rotation_left_of_the_old_slot_goes_with_the_next_change(storage, faulty):
    faulty.on("delete", "keys/", Fault(Kind.BEFORE, StorageError))
    vault = Vault.open(faulty, wrap=OLD)
    with pytest.raises(StorageError):
        vault.keys.rotate(OLD, NEW)
    half_removed = opens(storage, OLD, NEW)

    vault.keys.add(Passphrase("third", cost=QUICK))

    assert half_removed == [True, True]
    assert opens(storage, OLD, NEW) == [False, True]


def test_a_rotation_that_failed_before_it_removed_anything_leaves_the_old_key(storage, faulty):
    faulty.on("put", "keys", Fault(Kind.BEFORE, StorageError))
    vault = Vault.open(faulty, wrap=OLD)
    with pytest.raises(StorageError):
        vault.keys.rotate(OLD, NEW)

    vault.keys.add(Passphrase("third", cost=QUICK))

    assert opens(storage, OLD) == [True]
    assert markers(storage) == []
