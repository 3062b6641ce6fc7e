"""Keys: who may open a vault, and how a wrong key is told from damage."""

from __future__ import annotations

import json

import pytest

from tests.vault.conftest import KEY
from webapp.vault import (
    ConsoleKey,
    Damaged,
    NewerFormat,
    NotAVault,
    Vault,
    VaultExists,
    WrongKey,
    documents,
    keys,
)
from webapp.vault.keys import Cost, Passphrase
from webapp.vault.storage.memory import MemoryStorage

CHEAP = Cost(rounds=1, memory_kib=64, lanes=1)
PHRASE = Passphrase("correct horse", cost=CHEAP)


def only(storage: MemoryStorage, prefix: str) -> str:
    (found,) = [name for name in storage.objects if name.startswith(prefix)]
    return found


def flip(storage: MemoryStorage, name: str, at: int) -> None:
    data = bytearray(storage.objects[name])
    data[at] ^= 1
    storage.objects[name] = bytes(data)


@pytest.mark.parametrize("wrap", [KEY, PHRASE], ids=["console", "passphrase"])
def test_a_vault_opens_with_what_it_was_made_with(storage, wrap):
    made = Vault.create(storage, wrap=wrap)

    assert Vault.open(storage, wrap=wrap).vault_id == made.vault_id


def test_a_passphrase_may_be_typed_in_either_unicode_form(storage):
    Vault.create(storage, wrap=Passphrase("caf\u00e9", cost=CHEAP))

    Vault.open(storage, wrap=Passphrase("cafe\u0301"))


@pytest.mark.parametrize(
    ("made_with", "wrong"),
    [
        (PHRASE, Passphrase("wrong")),
        (PHRASE, KEY),
        (KEY, ConsoleKey("test", b"x" * 32)),
        (KEY, ConsoleKey("other", b"k" * 32)),
        (KEY, PHRASE),
    ],
    ids=["phrase", "console for phrase", "key", "key id", "phrase for console"],
)
def test_a_wrong_key_is_a_wrong_key(storage, made_with, wrong):
    Vault.create(storage, wrap=made_with)

    with pytest.raises(WrongKey):
        Vault.open(storage, wrap=wrong)


@pytest.mark.parametrize("wrap", [KEY, PHRASE], ids=["console", "passphrase"])
def test_damage_to_both_copies_of_the_key_is_damage_and_not_a_wrong_key(storage, wrap):
    Vault.create(storage, wrap=wrap)
    for prefix in ("keys/", "keys-copy/"):
        flip(storage, only(storage, prefix), 40)

    with pytest.raises(Damaged):
        Vault.open(storage, wrap=wrap)


@pytest.mark.parametrize("prefix", ["keys/", "keys-copy/", "config-copy"])
def test_damage_to_one_copy_is_survived_and_named_by_verify(storage, prefix):
    vault = Vault.create(storage, wrap=KEY)
    name = only(storage, prefix)
    flip(storage, name, 40)

    Vault.open(storage, wrap=KEY)

    assert [error["object"] for error in vault.verify().errors] == [name]


def test_a_missing_copy_is_survived_and_named_by_verify(storage):
    vault = Vault.create(storage, wrap=KEY)
    storage.delete("config")

    Vault.open(storage, wrap=KEY)

    assert [error["object"] for error in vault.verify().errors] == ["config"]


def test_a_box_that_was_swapped_under_a_good_checksum_is_damage(storage):
    Vault.create(storage, wrap=KEY)
    for prefix in ("keys/", "keys-copy/"):
        name = only(storage, prefix)
        slot = documents.decode(name, storage.objects[name])
        slot["box"] = "00" * 48
        storage.objects[name] = documents.encode(slot)

    with pytest.raises(Damaged):
        Vault.open(storage, wrap=KEY)


def test_a_config_by_somebody_without_the_key_is_refused(storage):
    Vault.create(storage, wrap=KEY)
    for name in ("config", "config-copy"):
        document = documents.decode(name, storage.objects[name])
        document["chunkers"] = ["other-1"]
        storage.objects[name] = documents.encode(document)

    with pytest.raises(Damaged):
        Vault.open(storage, wrap=KEY)


@pytest.mark.parametrize("change", [{"format": 2}, {"features": ["time-travel"]}], ids=str)
def test_a_newer_vault_is_not_touched(storage, change):
    Vault.create(storage, wrap=KEY)
    for name in ("config", "config-copy"):
        document = documents.decode(name, storage.objects[name]) | change
        storage.objects[name] = documents.encode(document)

    with pytest.raises(NewerFormat):
        Vault.open(storage, wrap=KEY)


def test_no_vault_is_no_vault(storage):
    with pytest.raises(NotAVault):
        Vault.open(storage, wrap=KEY)


def test_a_vault_without_its_config_is_damaged_and_not_absent(storage):
    Vault.create(storage, wrap=KEY)
    storage.put("packs/" + "0" * 64, b"x")
    storage.delete("config")
    storage.delete("config-copy")

    with pytest.raises(Damaged):
        Vault.open(storage, wrap=KEY)


def test_a_second_vault_in_the_same_place_is_refused(storage):
    Vault.create(storage, wrap=KEY)

    with pytest.raises(VaultExists):
        Vault.create(storage, wrap=KEY)


def test_a_killed_create_does_not_hinder_the_next(storage):
    keys.add_slot(storage, b"m" * 32, vault_id=b"v" * 16, wrap=KEY, random_bytes=bytes)

    Vault.create(storage, wrap=KEY)

    Vault.open(storage, wrap=KEY)


def test_a_slot_that_asks_for_absurd_memory_is_refused(storage):
    Vault.create(storage, wrap=PHRASE)
    for prefix in ("keys/", "keys-copy/"):
        name = only(storage, prefix)
        slot = documents.decode(name, storage.objects[name]) | {"memory_kib": 1 << 40}
        storage.objects[name] = documents.encode(slot)

    with pytest.raises(Damaged):
        Vault.open(storage, wrap=PHRASE)


def test_secrets_do_not_show(storage):
    vault = Vault.create(storage, wrap=PHRASE)
    ring = vault._engine.ring

    assert "horse" not in repr(PHRASE)
    assert "kkk" not in repr(KEY)
    assert ring.master.hex() not in json.dumps(repr(ring))
    assert repr(ring.master) not in repr(ring)
    assert all(ring.master not in data for data in storage.objects.values())
