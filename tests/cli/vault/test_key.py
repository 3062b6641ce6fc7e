"""``lastgood vault key``."""

from __future__ import annotations

import json

import pytest

from tests.cli.vault.conftest import PASSPHRASE
from webapp.standalone import key_slots
from webapp.vault import LocalStorage, Passphrase, Vault
from webapp.vault.transfer.key_changes import changing

NEW = "a new one"


@pytest.fixture
def new_passphrase(monkeypatch):
    monkeypatch.setenv("LASTGOOD_VAULT_NEW_PASSPHRASE", NEW)


@pytest.fixture
def with_new(monkeypatch, vault):
    """Runs a command with the new passphrase in place of the old."""

    def run(*arguments):
        monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", NEW)
        ended = vault(*arguments)
        monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", PASSPHRASE)
        return ended

    return run


@pytest.mark.usefixtures("new_passphrase")
def test_a_key_is_added_listed_and_removed(vault, with_new, place):
    added = json.loads(vault("key", "add", place, "--label", "office", "--json").out)
    slots = json.loads(vault("key", "list", place, "--json").out)

    assert [(slot["label"], slot["current"], slot["copies"]) for slot in slots] == [
        ("", True, 2),
        ("office", False, 2),
    ]
    assert slots[1]["id"] == added["id"]
    assert with_new("snapshots", place).code == 0

    removed = vault("key", "remove", place, added["id"][:8])

    assert (removed.code, removed.out) == (0, f"Removed key {added['id'][:8]}.\n")
    assert with_new("snapshots", place).code == 12


@pytest.mark.usefixtures("new_passphrase")
def test_a_passphrase_is_exchanged(vault, with_new, place):
    assert vault("key", "rotate", place).code == 0

    assert vault("snapshots", place).code == 12
    listed = with_new("key", "list", place).out
    assert listed.startswith("* ")
    assert listed.count("\n") == 1


def test_the_new_passphrase_can_come_from_a_file(vault, with_new, place, tmp_path):
    (tmp_path / "new").write_text(NEW + "\n")

    assert vault("key", "rotate", place, "--new-passphrase-file", tmp_path / "new").code == 0
    assert with_new("snapshots", place).code == 0


def test_the_last_key_stays(vault, place):
    slot_id = json.loads(vault("key", "list", place, "--json").out)[0]["id"]

    ended = vault("key", "remove", place, slot_id)

    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert vault("snapshots", place).code == 0


def test_a_key_that_is_not_there_is_refused(vault, place):
    assert vault("key", "remove", place, "00000000").code == 2


@pytest.mark.usefixtures("new_passphrase")
def test_a_change_under_way_is_busy(vault, place):
    other = Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE))

    with changing(other._engine, "add"):
        ended = vault("key", "rotate", place)

    assert (ended.code, ended.err.count("\n")) == (11, 1)


def test_destroying_wants_the_vaults_id(vault, place):
    ended = vault("key", "destroy", place, "--confirm", "00000000")

    assert ended.code == 2
    assert vault("snapshots", place).code == 0


def test_a_vault_whose_keys_are_destroyed_says_so(vault, place):
    vault_id = Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE)).vault_id

    assert vault("key", "destroy", place, "--confirm", vault_id[:8]).code == 0
    ended = vault("snapshots", place)

    assert ended.code == 12
    assert "were destroyed on" in ended.err
    assert "Check" not in ended.err
    assert vault("key", "destroy", place, "--confirm", vault_id).code == 0


def test_a_key_is_put_back_from_a_sheet(vault, place, tmp_path):
    (stored,) = (place / "keys").iterdir()
    (tmp_path / "lines").write_text("  " + stored.read_text().replace("\n", "  \n\n"))
    (place / "keys-copy" / stored.name).unlink()
    stored.unlink()
    assert vault("snapshots", place).code == 12

    ended = vault("key", "restore", place, tmp_path / "lines")

    assert ended.code == 0
    assert [one["copies"] for one in key_slots_of(vault, place)] == [2]


def key_slots_of(vault, place):
    return json.loads(vault("key", "list", place, "--json").out)


def test_a_line_with_a_slip_is_not_put_back(vault, place, tmp_path):
    (stored,) = (place / "keys").iterdir()
    (tmp_path / "lines").write_text(stored.read_text().replace("lastgood", "lastgood "))

    ended = vault("key", "restore", place, tmp_path / "lines")

    assert ended.code == 1
    assert "checksum" in ended.err


def test_another_vaults_key_is_not_put_into_this_one(vault, place, tmp_path):
    vault("init", tmp_path / "other")
    (foreign,) = (tmp_path / "other" / "keys").iterdir()

    ended = vault("key", "restore", place, foreign)

    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert not (place / "keys" / foreign.name).exists()


def test_the_start_of_an_id_must_be_long_enough(place):
    where = key_slots.Where(address=str(place), passphrase=PASSPHRASE)

    with pytest.raises(key_slots.Invalid):
        key_slots.remove(where, "")
