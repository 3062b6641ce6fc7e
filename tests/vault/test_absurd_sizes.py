"""Objects that are gigabytes long, made by no key: a broken file system, or somebody who can write
where the vault lies. They are named like any other damage, and cost no memory."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.test_bit_flips import add_rare_objects, kinds
from tests.vault.trees import contents
from webapp.vault import Halted, Vault, VaultError, packs
from webapp.vault.hooks import Hooks
from webapp.vault.index_table import Table
from webapp.vault.storage.base import StoredObject
from webapp.vault.storage.memory import MemoryStorage

CONTENT = {b"tree/a": b"text " * 5000, b"tree/b": b"small"}
MOST_READ = 8 << 20
HUGE = 20 << 30
KINDS = [
    "checked", "condemned", "config", "config-copy", "forgotten", "index", "key-changes", "keys",
    "keys-copy", "labels", "packs", "pending", "pruning", "revoked", "snapshots", "writing",
]  # fmt: skip


class Swollen(MemoryStorage):
    """Has one object with many zeros behind its first bytes."""

    name = ""
    start = b""

    def get(self, name, *, offset=0, length=None):
        if name != self.name:
            return super().get(name, offset=offset, length=length)
        wanted = HUGE - offset if length is None else max(0, min(length, HUGE - offset))
        assert wanted <= MOST_READ, f"{wanted} bytes of {name} were asked for at once"
        return self.start[offset : offset + wanted].ljust(wanted, b"\0")

    def list(self, prefix):
        for item in super().list(prefix):
            is_it = item.name == self.name
            yield StoredObject(item.name, HUGE) if is_it else item


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    storage = MemoryStorage()
    vault = Vault.create(storage, wrap=KEY)
    source = MemorySource(folder(b"tree"), *((file(path), data) for path, data in CONTENT.items()))
    vault.backup(source, name="site", report=Notes())
    vault.verify(read_data=1.0)
    add_rare_objects(vault, storage)
    return dict(storage.objects)


@pytest.fixture(autouse=True)
def small_packs(monkeypatch):
    """So that the test needs little memory, too."""
    monkeypatch.setattr(packs, "LARGEST_BYTES", MOST_READ - 1)


def swollen(sound: dict[str, bytes], kind: str, *, is_begun: bool) -> Swollen:
    storage = Swollen()
    storage.objects = dict(sound)
    storage.name = kinds(sound)[kind][0]
    storage.start = sound[storage.name] if is_begun else b""
    return storage


def with_trailer(sound: dict[str, bytes]) -> Swollen:
    """A pack with zeros between its segments and its trailer."""
    storage = swollen(sound, "packs", is_begun=True)
    whole, usual = storage.start, storage.get

    def get(name, *, offset=0, length=None):
        data = usual(name, offset=offset, length=HUGE - offset if length is None else length)
        at = HUGE - len(whole) - offset
        if name == storage.name and at < len(data):
            data = data[: max(at, 0)] + whole[max(-at, 0) :][: len(data) - max(at, 0)]
        return data

    storage.get = get
    return storage


@pytest.mark.parametrize("is_begun", [True, False], ids=["sound at first", "zeros"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_of_gigabytes_is_named_and_never_read_whole(sound, kind, is_begun):
    storage = swollen(sound, kind, is_begun=is_begun)

    errors = Vault.open(storage, wrap=KEY).verify(read_data=1.0).errors

    assert {one["object"] for one in errors} == {storage.name}


@pytest.mark.parametrize("is_begun", [True, False], ids=["sound at first", "zeros"])
@pytest.mark.parametrize("kind", KINDS)
def test_beside_an_object_of_gigabytes_everything_ends_with_a_sentence(sound, kind, is_begun):
    storage = swollen(sound, kind, is_begun=is_begun)
    source = MemorySource(folder(b"tree"), *((file(path), data) for path, data in CONTENT.items()))

    for act in (
        lambda vault: vault.backup(source, name="site", report=Notes()),
        lambda vault: [contents(vault, one) for one in vault.snapshots()],
        lambda vault: vault.prune(grace_days=0, may_condemn_most=True),
        lambda vault: vault.keys.all(),
        lambda vault: vault.repair(),
    ):
        with suppress(VaultError):
            act(Vault.open(storage, wrap=KEY))


def test_another_prunes_word_of_gigabytes_stops_a_prune_and_is_not_read_whole(sound):
    storage = swollen(sound, "pruning", is_begun=False)
    storage.settle_seconds = 1.0
    patient = Hooks(sleep=lambda seconds: None)

    with pytest.raises(Halted, match=storage.name):
        Vault.open(storage, wrap=KEY, hooks=patient).prune()


def test_a_trailer_behind_gigabytes_is_not_believed(sound):
    storage = with_trailer({name: data for name, data in sound.items() if "index/" not in name})

    errors = Vault.open(storage, wrap=KEY).verify().errors

    assert {one["object"] for one in errors} == {storage.name}


def test_a_list_that_claims_gigabytes_of_index_takes_room_for_millions_of_chunks(
    sound, monkeypatch
):
    asked = []
    monkeypatch.setattr(Table, "reserve", lambda table, count: asked.append(count))
    storage = swollen(sound, "index", is_begun=False)

    Vault.open(storage, wrap=KEY).verify()

    assert asked
    assert max(asked) <= 8_000_000
