"""A chunk that lies in two packs is read from whichever is sound."""

from __future__ import annotations

import random

import pytest

from tests.vault.conftest import KEY
from tests.vault.restoring.conftest import reopened, restore
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.trees import contents
from webapp.vault import Vault
from webapp.vault.storage.memory import MemoryStorage

DATA = random.Random(3).randbytes(300_000)


@pytest.fixture
def twice():
    """A vault in which two writers have stored the same, and its snapshot."""
    storage = MemoryStorage()
    vault = Vault.create(storage, wrap=KEY)
    source = MemorySource(folder(b"tree"), (file(b"tree/f"), DATA))
    snapshot = vault.backup(source, name="s", report=Notes()).snapshot
    first = {
        name: storage.objects.pop(name)
        for name in list(storage.objects)
        if name.startswith(("packs/", "index/"))
    }
    reopened(storage).backup(source, name="t", report=Notes(), parent=None)
    storage.objects.update(first)
    return storage, snapshot


def large_packs(storage):
    return sorted(
        name
        for name, data in storage.objects.items()
        if name.startswith("packs/") and len(data) > 250_000
    )


def harm(storage, name, how):
    data = storage.objects[name]
    if how == "flipped":
        storage.objects[name] = data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]
    else:
        storage.objects[name] = data[:5000]


@pytest.mark.parametrize("how", ["flipped", "cut"])
def test_what_is_damaged_in_either_pack_is_read_from_the_other(twice, tmp_path, how):
    storage, snapshot = twice
    sound = dict(storage.objects)
    assert len(large_packs(storage)) == 2

    for name in large_packs(storage):
        storage.objects = dict(sound)
        harm(storage, name, how)
        assert contents(reopened(storage), snapshot) == {b"tree/f": DATA}
        result, _ = restore(reopened(storage), snapshot, tmp_path / name)
        assert result.problems == ()
        assert (tmp_path / name / "f").read_bytes() == DATA


def test_what_is_damaged_in_both_is_named(twice, target):
    storage, snapshot = twice
    for name in large_packs(storage):
        harm(storage, name, "flipped")

    result, _ = restore(reopened(storage), snapshot, target)

    assert [one.path for one in result.problems] == [b"tree/f"]


@pytest.mark.parametrize("how", ["flipped", "cut"])
def test_a_copy_takes_what_is_damaged_in_either_pack_from_the_other(twice, how):
    storage, snapshot = twice
    sound = dict(storage.objects)

    for name in large_packs(storage):
        storage.objects = dict(sound)
        harm(storage, name, how)
        second = Vault.create(MemoryStorage(), wrap=KEY)
        result = reopened(storage).copy_to(second, snapshots=[snapshot.id])
        assert result.failed == []
        (_, copied) = result.copied[0]
        assert contents(second, copied) == {b"tree/f": DATA}
