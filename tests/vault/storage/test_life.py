"""A vault lives wherever it may lie: what is kept can be read, what is not is freed."""

from __future__ import annotations

from contextlib import closing
from random import Random

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file
from tests.vault.storage import servers
from tests.vault.storage.kinds import KINDS
from tests.vault.trees import contents
from webapp.vault import Vault
from webapp.vault.errors import StorageLocked
from webapp.vault.hooks import Hooks
from webapp.vault.storage.memory import MemoryStorage

PATIENT = Hooks(sleep=lambda seconds: None)


@pytest.fixture(params=KINDS)
def storage(request, tmp_path):
    with closing(KINDS[request.param](request, tmp_path / "vault")) as storage:
        yield storage


def backup(vault, data):
    source = MemorySource((file(b"a"), data))
    return vault.backup(source, name="site", report=Notes(), parent=None).snapshot


def test_a_vault_lives_here(storage):
    first, second = (Random(seed).randbytes(1_500_000) for seed in (1, 2))
    vault = Vault.create(storage, wrap=KEY, hooks=PATIENT)
    old = backup(vault, first)
    new = backup(vault, second)
    before = sum(one.size_bytes for one in storage.list("packs/"))

    vault.forget(snapshots=[old.id])
    vault.prune(grace_days=0, undo_days=0, may_condemn_most=True)

    again = Vault.open(storage, wrap=KEY, hooks=PATIENT)
    assert [one.id for one in again.snapshots()] == [new.id]
    assert contents(again, new) == {b"a": second}
    assert again.verify(read_data=1.0).errors == []
    assert sum(one.size_bytes for one in storage.list("packs/")) < before * 0.6


def test_a_thief_of_all_credentials_cannot_remove_what_is_locked(moto_url):
    bucket = servers.new_bucket(moto_url, ObjectLockEnabledForBucket=True)
    address = f"s3://{bucket}?endpoint={moto_url}&lock-days=5&lock-mode=COMPLIANCE"
    data = Random(3).randbytes(300_000)
    with closing(servers.storage_at(address)) as storage:
        made = backup(Vault.create(storage, wrap=KEY), data)

        refused = [one.name for one in storage.list("") if is_refused(storage, one.name)]

        vault = Vault.open(storage, wrap=KEY)
        assert {name.partition("/")[0] for name in refused} == {
            "config", "config-copy", "keys", "keys-copy", "packs", "snapshots",
        }  # fmt: skip
        assert contents(vault, made) == {b"a": data}


def is_refused(storage, name):
    try:
        storage.delete(name)
    except StorageLocked:
        return True
    return False


def test_a_prune_of_a_locked_vault_leaves_what_is_locked_and_goes_on(moto_url):
    bucket = servers.new_bucket(moto_url, ObjectLockEnabledForBucket=True)
    address = f"s3://{bucket}?endpoint={moto_url}&lock-days=5&lock-mode=COMPLIANCE"
    with closing(servers.storage_at(address)) as storage:
        vault = Vault.create(storage, wrap=KEY)
        old, new = (backup(vault, Random(seed).randbytes(300_000)) for seed in (4, 5))
        vault.forget(snapshots=[old.id])

        report = vault.prune(grace_days=0, undo_days=0, may_condemn_most=True)

        assert (report.dropped, report.deleted_packs) == ([], 0)
        assert "is locked until" in "".join(report.notes)
        again = Vault.open(storage, wrap=KEY)
        assert [one.id for one in again.forgotten()] == [old.id]
        assert contents(again, new) == {b"a": Random(5).randbytes(300_000)}


class LockedPacks(MemoryStorage):
    """A storage whose packs are locked for now."""

    locked = True

    def delete(self, name):
        if self.locked and name.startswith("packs/"):
            raise StorageLocked(f"{name} is locked until 2030-01-01")
        super().delete(name)


def test_locked_packs_stay_condemned_until_a_prune_that_may_delete_them():
    storage = LockedPacks()
    vault = Vault.create(storage, wrap=KEY)
    old, new = (backup(vault, Random(seed).randbytes(300_000)) for seed in (6, 7))
    vault.forget(snapshots=[old.id])
    wish = {"grace_days": 0, "undo_days": 0, "may_condemn_most": True}

    early = vault.prune(**wish)
    condemned = list(storage.list("condemned/"))
    storage.locked = False
    late = vault.prune(**wish)

    assert (early.deleted_packs, bool(condemned)) == (0, True)
    assert late.deleted_packs >= 1
    assert list(storage.list("condemned/")) == []
    assert contents(Vault.open(storage, wrap=KEY), new) == {b"a": Random(7).randbytes(300_000)}
