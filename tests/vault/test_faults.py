"""A storage that fails at random: whatever happens, nothing finished is lost, and the next backup
needs no repair."""

from __future__ import annotations

import random

import pytest

from tests.faults import Fault, FaultyStorage, Kind
from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import Vault, VaultError
from webapp.vault.errors import StorageDenied, StorageError, StorageFull
from webapp.vault.hooks import Hooks
from webapp.vault.storage.memory import MemoryStorage

PATIENT = Hooks(sleep=lambda seconds: None)


def state(draw: random.Random) -> dict[bytes, bytes]:
    sizes = (draw.randrange(400_000) for _ in range(6))
    return {b"tree/%d" % number: draw.randbytes(size) for number, size in enumerate(sizes)}


def backup(storage, files):
    source = MemorySource(folder(b"tree"), *((file(path), data) for path, data in files.items()))
    vault = Vault.open(storage, wrap=KEY, hooks=PATIENT)
    return vault.backup(source, name="site", report=Notes(), parent=None).snapshot


@pytest.mark.parametrize("seed", range(12))
def test_a_storage_that_fails_at_random_loses_nothing(seed):
    storage, draw = FaultyStorage(MemoryStorage(), seed=seed), random.Random(seed)
    Vault.create(storage, wrap=KEY)
    states, done, failures = [], {}, 0
    storage.odds = 12
    for _ in range(8):
        states.append(state(draw))
        try:
            done[backup(storage, states[-1]).id] = states[-1]
        except VaultError:
            failures += 1
    storage.odds = 0

    last = backup(storage, states[-1])

    vault = Vault.open(storage, wrap=KEY)
    found = {one.id: contents(vault, one) for one in vault.snapshots()}
    assert vault.verify(read_data=1.0).errors == []
    assert failures
    assert {key: found[key] for key in done} == done
    assert all(one in states for one in found.values())
    assert found[last.id] == states[-1]


def test_what_a_snapshot_needs_stays_while_nobody_knows_whether_it_will_appear():
    """Its last put failed without saying how, and takes effect after a prune."""
    inner = MemoryStorage()
    storage, files = FaultyStorage(inner), state(random.Random(1))
    Vault.create(inner, wrap=KEY)
    storage.on("put", "snapshots/", Fault(Kind.LATE, StorageError))
    with pytest.raises(StorageError):
        backup(storage, files)

    Vault.open(inner, wrap=KEY).prune(grace_days=0, may_condemn_most=True)
    storage.arrive()

    vault = Vault.open(inner, wrap=KEY)
    assert [contents(vault, one) for one in vault.snapshots()] == [files]


@pytest.mark.parametrize("error", [StorageDenied, StorageFull])
def test_nothing_stays_of_a_snapshot_that_was_refused(error):
    inner = MemoryStorage()
    storage = FaultyStorage(inner)
    Vault.create(inner, wrap=KEY)
    storage.on("put", "snapshots/", Fault(Kind.BEFORE, error))

    with pytest.raises(error):
        backup(storage, state(random.Random(1)))

    assert list(inner.list("pending/")) == []
