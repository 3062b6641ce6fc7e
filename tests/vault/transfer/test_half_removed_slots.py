"""Half a key slot still opens the vault: a removal that failed half-way is brought to its end."""

from __future__ import annotations

import pytest

from tests.faults import Fault, FaultyStorage, Kind
from tests.vault.transfer.test_slots import NEW, OLD, QUICK, markers, opens
from tests.vault.transfer.test_slots import storage as storage
from webapp.vault import Passphrase, StorageError, Vault


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
