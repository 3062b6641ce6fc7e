"""The last way out of damage that stops prune and forget: what nobody can read is given up."""

from __future__ import annotations

import pytest

from tests.vault.conftest import KEY
from tests.vault.sources import MemorySource, Notes, file, folder
from tests.vault.test_bit_flips import add_rare_objects
from tests.vault.trees import contents
from webapp.vault import Halted, NewerFormat, Vault, VaultError, config
from webapp.vault.hooks import Hooks
from webapp.vault.storage.memory import MemoryStorage

FOLDERS = ["condemned", "forgotten", "labels", "pending", "pruning", "revoked", "snapshots"]
CONTENT = {b"tree/a": b"text " * 5000, b"tree/b": b"small"}


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    storage = MemoryStorage()
    vault = Vault.create(storage, wrap=KEY)
    for _ in range(2):
        items = [(file(path), data) for path, data in CONTENT.items()]
        vault.backup(MemorySource(folder(b"tree"), *items), name="site", report=Notes())
    add_rare_objects(vault, storage)
    for name in [name for name in storage.objects if name.startswith("key-changes/")]:
        del storage.objects[name]
    return dict(storage.objects)


def harmed(sound: dict[str, bytes], folder: str) -> tuple[MemoryStorage, str]:
    storage = MemoryStorage()
    storage.objects = dict(sound)
    name = next(one for one in sound if one.startswith(folder))
    data = bytearray(sound[name])
    data[200] ^= 1
    storage.objects[name] = bytes(data)
    return storage, name


def opened(storage: MemoryStorage) -> Vault:
    return Vault.open(storage, wrap=KEY)


@pytest.mark.parametrize("folder", [one for one in FOLDERS if one not in ("revoked", "pruning")])
def test_what_cannot_be_read_stops_a_prune_until_it_is_given_up(sound, folder):
    storage, name = harmed(sound, folder)
    with pytest.raises(VaultError, match=name):
        opened(storage).prune()
    assert [one["object"] for one in opened(storage).repair().left] == [name]

    report = opened(storage).repair(give_up=[name])

    assert report.left == []
    assert name not in storage.objects
    opened(storage).prune(grace_days=0, trust_clock=True)
    vault = opened(storage)
    assert vault.verify(read_data=1.0).ok
    assert all(contents(vault, one) == CONTENT for one in vault.snapshots())
    assert len(vault.snapshots()) == (1 if folder == "snapshots" else 2)


def test_a_prunes_word_that_nobody_can_read_stops_prunes_until_it_is_given_up(sound):
    """Where lists show changes late, and only one may be at work."""
    storage, name = harmed(sound, "pruning")
    storage.settle_seconds = 1.0
    vault = Vault.open(storage, wrap=KEY, hooks=Hooks(sleep=lambda seconds: None))
    with pytest.raises(Halted, match=f"--give-up {name}"):
        vault.prune()
    assert [one["object"] for one in vault.repair().left] == [name]

    vault.repair(give_up=[name])

    vault.prune()
    assert vault.verify().ok


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_dry_run_gives_nothing_up(sound, folder):
    storage, name = harmed(sound, folder)

    report = opened(storage).repair(give_up=[name], is_dry=True)

    assert any(action["object"] == name for action in report.actions)
    assert name in storage.objects


def test_who_wrote_a_pending_root_that_is_given_up_must_not_finish(sound):
    storage, name = harmed(sound, "pending")

    opened(storage).repair(give_up=[name])

    assert name.replace("pending/", "revoked/") in storage.objects


@pytest.mark.parametrize("folder", [*FOLDERS, "packs", "config", "keys"])
def test_what_can_be_read_is_not_given_up(sound, folder):
    storage = MemoryStorage()
    storage.objects = dict(sound)
    name = next(one for one in sound if one.startswith(folder))

    with pytest.raises(Halted, match="not a damaged object"):
        opened(storage).repair(give_up=[name])

    assert storage.objects[name] == sound[name]


def test_nothing_is_given_up_if_one_of_several_is_sound(sound):
    storage, name = harmed(sound, "labels")
    other = next(one for one in sound if one.startswith("snapshots/"))

    with pytest.raises(Halted, match=other):
        opened(storage).repair(give_up=[name, other])

    assert name in storage.objects


@pytest.mark.parametrize("folder", ["packs", "index", "config", "keys"])
def test_what_repair_can_mend_or_readers_need_is_not_given_up(sound, folder):
    storage, name = harmed(sound, folder)

    with pytest.raises(Halted, match="not a damaged object"):
        opened(storage).repair(give_up=[name])


def test_nothing_is_given_up_in_a_vault_that_a_later_release_uses_meanwhile(sound, monkeypatch):
    storage, name = harmed(sound, "labels")
    vault = opened(storage)

    def newer(_):
        raise NewerFormat("A later release wrote this vault.")

    monkeypatch.setattr(config, "read", newer)

    with pytest.raises(NewerFormat):
        vault.repair(give_up=[name])

    assert name in storage.objects
