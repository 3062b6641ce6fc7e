"""Copy while both places fail by chance: it ends with an error or whole, and the next goes on."""

from __future__ import annotations

import random

import pytest

from tests.faults import Fault, FaultyStorage, Kind
from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file
from tests.vault.trees import contents
from webapp.vault import ConsoleKey, StorageError, StorageFull, Vault
from webapp.vault.hooks import Hooks
from webapp.vault.storage.memory import MemoryStorage

OTHER = ConsoleKey("other", b"o" * 32)
PATIENT = Hooks(sleep=lambda seconds: None)


@pytest.mark.parametrize("seed", range(6))
def test_a_copy_between_places_that_fail_loses_nothing(seed):
    draw = random.Random(seed)
    here, there = MemoryStorage(), MemoryStorage()
    vault = Vault.create(here, wrap=KEY)
    for number in range(3):
        items = [(file(b"tree/%d" % n, mtime_ns=number), draw.randbytes(90_000)) for n in range(8)]
        vault.backup(MemorySource(*items), name="site", report=Notes())
    Vault.create(there, wrap=OTHER)
    wanted = [contents(vault, one) for one in vault.snapshots()]
    broken_off = 0

    for attempt in range(12):
        source = Vault.open(FaultyStorage(here, seed=seed + attempt), wrap=KEY, hooks=PATIENT)
        target = Vault.open(FaultyStorage(there, seed=seed - attempt), wrap=OTHER, hooks=PATIENT)
        for one in (source, target):
            faulty(one).odds = 20
        if not attempt:
            faulty(target).on("put", "packs/", Fault(Kind.AFTER, StorageFull))
        try:
            source.copy_to(target)
        except StorageError:
            broken_off += 1
        second = Vault.open(there, wrap=OTHER)
        assert all(contents(second, one) in wanted for one in second.snapshots())
    vault.copy_to(second)

    assert broken_off
    seen = {one.origin["snapshot"]: contents(second, one) for one in second.snapshots()}
    assert [seen[one.id] for one in vault.snapshots()] == wanted
    assert second.verify(read_data=1.0).ok


def faulty(vault: Vault) -> FaultyStorage:
    """The storage below all that is wrapped around it."""
    storage = vault._engine.storage
    while not isinstance(storage, FaultyStorage):
        storage = next(one for one in vars(storage).values() if hasattr(one, "put"))
    return storage
