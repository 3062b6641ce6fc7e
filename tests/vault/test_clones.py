"""A machine that is a copy of another takes the other's writers for dead: they have its name, its
ids, perhaps its boot. Whatever it does then, no snapshot appears that lacks something."""

from __future__ import annotations

import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import SnapshotRevoked, StorageDenied, Vault, processes
from webapp.vault.snapshots import FINISHED, PENDING
from webapp.vault.storage.memory import MemoryStorage

DATA = {b"tree/%d" % number: random.Random(number).randbytes(400_000) for number in range(3)}


class Meeting(MemoryStorage):
    """Something happens before the first put of a name that begins so."""

    prefix = ""
    act = staticmethod(lambda: None)

    def put(self, name, data):
        if self.prefix and name.startswith(self.prefix):
            self.prefix = ""
            self.act()
        super().put(name, data)


@pytest.fixture
def storage() -> Meeting:
    return Meeting()


@pytest.fixture
def vault(storage, monkeypatch) -> Vault:
    monkeypatch.setattr(processes, "is_dead", lambda writer: True)
    return Vault.create(storage, wrap=KEY)


def source() -> MemorySource:
    return MemorySource(folder(b"tree"), *((file(path), data) for path, data in DATA.items()))


def prune(storage) -> None:
    Vault.open(storage, wrap=KEY).prune(grace_days=0, may_condemn_most=True)


def back_up_and_prune(storage) -> None:
    other = MemorySource(folder(b"tree"), (file(b"tree/other"), b"other"))
    Vault.open(storage, wrap=KEY).backup(other, name="site", report=Notes())
    prune(storage)
    prune(storage)


@pytest.mark.parametrize("act", [prune, back_up_and_prune])
def test_a_living_writer_that_is_taken_for_dead_finishes_nothing(vault, storage, act):
    storage.prefix, storage.act = FINISHED, lambda: act(storage)
    before = {one.id for one in vault.snapshots()}

    with pytest.raises(SnapshotRevoked, match="/etc/machine-id"):
        vault.backup(source(), name="site", report=Notes())

    again = Vault.open(storage, wrap=KEY)
    assert before == set()
    assert [one.name for one in again.snapshots()] == ["site"] * (act is back_up_and_prune)
    assert list(storage.list(PENDING)) == []
    assert again.verify(read_data=1.0).ok
    done = vault.backup(source(), name="site", report=Notes()).snapshot
    assert contents(Vault.open(storage, wrap=KEY), done) == DATA


def test_what_a_writer_finished_and_announced_still_is_not_revoked(vault, storage, monkeypatch):
    def deny(name):
        raise StorageDenied(name)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "delete", deny)
        first = vault.backup(source(), name="site", report=Notes()).snapshot
    assert [item.name for item in storage.list(PENDING)] == [PENDING + first.id]

    vault.backup(source(), name="site", report=Notes())

    assert list(storage.list(PENDING)) == []
    assert list(storage.list("revoked/")) == []
    assert len(Vault.open(storage, wrap=KEY).snapshots()) == 2
