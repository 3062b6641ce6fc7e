"""``lastgood vault verify``."""

from __future__ import annotations

import os
import random

import pytest

from tests.cli.vault.test_group import HEAVY, loaded_after, running


@pytest.fixture
def made(vault, place, tmp_path):
    """A vault with one snapshot of two files; its place."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "big").write_bytes(random.Random(3).randbytes(900_000))
    (data / "small").write_text("small")
    assert vault("backup", place, data).code == 0
    return place


def largest_pack(place):
    return max((place / "packs").iterdir(), key=lambda path: path.stat().st_size)


def damage(place) -> str:
    pack = largest_pack(place)
    data = bytearray(pack.read_bytes())
    data[300_000] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(data)
    return f"packs/{pack.name}"


def test_the_document_has_the_promised_keys(vault, made):
    ended = vault("verify", made, "--read-data", "--json")

    assert ended.code == 0
    assert ended.data["ok"] is True
    assert ended.data["errors"] == []
    assert ended.data["objects"] > 4
    assert ended.data["bytes_read"] > 900_000
    assert ended.data["coverage"]["overdue_bytes"] == 0


def test_a_sound_vault_is_said_to_be_in_words(vault, made):
    ended = vault("verify", made, "--read-data")

    assert ended.code == 0
    assert "All data was read within 30 days" in ended.out
    assert "No errors" in ended.out


def test_without_reading_data_it_says_how_much_was_never_read(vault, made):
    ended = vault("verify", made)

    assert ended.code == 0
    assert "never" in ended.out


def test_damage_ends_with_1_and_names_object_snapshot_and_path(vault, made):
    name = damage(made)

    ended = vault("verify", made, "--read-data")
    found = vault("verify", made, "--read-data", "--json")

    assert ended.code == found.code == 1
    assert name in ended.out
    assert "data/big" in ended.out
    assert "lastgood vault repair" in ended.out
    (error,) = found.data["errors"]
    assert error["object"] == name
    assert error["snapshots"] == [vault("snapshots", made, "--json").data[0]["id"]]


def test_a_share_is_read_and_the_rest_is_due(vault, made):
    found = vault("verify", made, "--read-data=1%", "--json").data

    assert 0 < found["coverage"]["never_bytes"] < found["coverage"]["total_bytes"]


def test_a_period_alone_reads_what_is_due(vault, made):
    found = vault("verify", made, "--period", 1, "--json").data

    assert found["coverage"]["overdue_bytes"] == 0


def test_read_only_leaves_the_vault_as_it_was(vault, made):
    before = sorted(made.rglob("*"))
    damage(made)

    vault("verify", made, "--read-data", "--read-only")

    assert sorted(made.rglob("*")) == before


def test_one_snapshot_is_named_by_the_beginning_of_its_id(vault, made):
    identity = vault("snapshots", made, "--json").data[0]["id"]

    assert vault("verify", made, "--snapshot", identity[:8]).code == 0
    assert vault("verify", made, "--snapshot", "latest", "--json").data["coverage"] is None
    assert vault("verify", made, "--snapshot", "ffff").code == 1


@pytest.mark.parametrize("share", ["101", "much", "nan"])
def test_what_is_no_percentage_is_a_wrong_use(vault, made, share):
    ended = vault("verify", made, f"--read-data={share}")

    assert ended.code == 2
    assert "is not a percentage" in ended.err


def test_verify_loads_nothing_heavy(vault, made):
    loaded = loaded_after(running("vault", "verify", made, "--read-data"), dict(os.environ))

    assert not HEAVY & loaded
