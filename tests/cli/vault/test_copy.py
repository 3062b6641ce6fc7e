"""``lastgood vault copy``."""

from __future__ import annotations

import json

import pytest

from tests.cli.vault.conftest import PASSPHRASE
from tests.vault.sources import MemorySource, Notes, file
from tests.vault.trees import contents
from webapp.vault import LocalStorage, Passphrase, Vault

SECOND = "another passphrase"


@pytest.fixture
def second(vault, monkeypatch, tmp_path):
    """The address of a second vault, with another passphrase."""
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", SECOND)
    assert vault("init", tmp_path / "second").code == 0
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("LASTGOOD_VAULT_TO_PASSPHRASE", SECOND)
    return tmp_path / "second"


@pytest.fixture
def snapshots(place):
    vault = Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE))
    made = []
    for number, name in enumerate(["web", "web", "mail"]):
        source = MemorySource((file(b"tree/srv/a", mtime_ns=number), b"%d" % number))
        made.append(vault.backup(source, name=name, report=Notes()).snapshot.id)
    return made


def test_all_snapshots_are_copied_and_then_none(vault, place, second, snapshots):
    done = json.loads(vault("copy", place, second, "--verify", "--json").out)
    again = vault("copy", place, second)

    assert [one["from"] for one in done["copied"]] == snapshots
    assert done["failed"] == []
    assert done["bytes_stored"] > 0
    assert again.code == 0
    assert again.out.startswith("0 copied, 3 there already;")
    copied = Vault.open(LocalStorage(second), wrap=Passphrase(SECOND))
    assert contents(copied, done["copied"][1]["to"]) == {b"tree/srv/a": b"1"}


@pytest.mark.parametrize(
    ("options", "chosen"),
    [(["--source", "mail"], [2]), (["--snapshot", "latest:web"], [1])],
    ids=["source", "snapshot"],
)
def test_some_snapshots_are_copied(vault, place, second, snapshots, options, chosen):
    done = json.loads(vault("copy", place, second, *options, "--json").out)

    assert [one["from"] for one in done["copied"]] == [snapshots[number] for number in chosen]


def test_a_second_vault_that_is_not_there_is_10(vault, place, second, tmp_path):
    assert vault("copy", place, tmp_path / "nothing").code == 10


def test_a_wrong_second_passphrase_is_12(vault, place, second, monkeypatch):
    monkeypatch.setenv("LASTGOOD_VAULT_TO_PASSPHRASE", "wrong")

    assert vault("copy", place, second).code == 12


def test_what_cannot_be_copied_is_named_and_the_rest_is(vault, place, second, snapshots):
    (place / "snapshots" / snapshots[0]).write_bytes(b"?")

    ended = vault("copy", place, second)

    assert ended.code == 3
    assert f"not copied: {snapshots[0][:8]}" in ended.err
    assert ended.out.count(" is ") == 2


def test_what_was_said_about_a_snapshot_later_comes_along(vault, place, second, snapshots):
    vault("copy", place, second)
    assert vault("hold", place, snapshots[0], "--reason", "lawsuit").code == 0
    assert vault("tag", place, snapshots[0], "release").code == 0

    brought = vault("copy", place, second)
    assert vault("hold", place, snapshots[0], "--release").code == 0
    released = vault("copy", place, second, "--json")

    assert brought.out.startswith("2 changes of tags, pins and holds brought along.\n")
    document = json.loads(released.out)
    assert document["labels"] == 0
    (note,) = document["notes"]
    assert "stays held in the copy (lawsuit)" in note
