"""``lastgood vault repair``."""

from __future__ import annotations

import random

import pytest

from tests.cli.vault.test_verify import damage, largest_pack
from webapp.items import EntryKind, StoredEntry
from webapp.standalone.checks import candidates


@pytest.fixture
def data(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "big").write_bytes(random.Random(3).randbytes(900_000))
    return data


@pytest.fixture
def made(vault, place, data):
    assert vault("backup", place, data).code == 0
    return place


def test_a_sound_vault_is_left_alone(vault, made):
    ended = vault("repair", made)

    assert ended.code == 0
    assert ended.out == "Nothing is wrong, nothing was done.\n"


def test_what_is_lost_is_named_and_ends_with_1(vault, made, data):
    damage(made)

    ended = vault("repair", made, "--json")
    again = vault("repair", made)

    assert ended.code == again.code == 1
    (lost,) = ended.data["lost"]
    assert lost["path"] == f"{data}/big"
    assert lost["ranges"]
    assert "lost: " in again.out
    assert f"{data}/big: bytes " in again.out


def test_lost_data_comes_back_from_the_files_named(vault, made, data):
    damage(made)

    ended = vault("repair", made, "--from", data)

    assert ended.code == 0
    assert "nothing is lost" in ended.out
    assert vault("verify", made, "--read-data").code == 0


def test_lost_data_comes_back_from_a_copy_elsewhere(vault, made, data, tmp_path):
    damage(made)
    copy = (data / "big").rename(tmp_path / "copy")

    assert vault("repair", made, "--from", copy).code == 0
    assert vault("verify", made, "--read-data").code == 0


def test_a_dry_run_changes_nothing_and_says_what_would_be_done(vault, made, data):
    damage(made)
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}

    ended = vault("repair", made, "--dry-run", "--from", data)

    assert ended.code == 1
    assert "would be mended" in ended.out
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_a_lost_key_file_is_written_again_from_its_copy(vault, made):
    (slot,) = (made / "keys").iterdir()
    slot.chmod(0o600)
    slot.write_bytes(slot.read_bytes()[:40])

    ended = vault("repair", made)

    assert ended.code == 0
    assert f"mended: keys/{slot.name}: written again from keys-copy/{slot.name}" in ended.out


def test_the_next_backup_brings_back_what_verify_found_lost(vault, made, data):
    damage(made)
    assert vault("verify", made, "--read-data").code == 1

    vault("backup", made, data)

    assert vault("repair", made).code == 0
    assert vault("verify", made, "--read-data").code == 0


def test_a_path_that_is_not_there_is_a_wrong_use(vault, made, tmp_path):
    assert vault("repair", made, "--from", tmp_path / "nowhere").code == 2


@pytest.mark.parametrize("path", [b"tree/../secret", b"tree/link", b"tree/folder", b"tree/none"])
def test_only_regular_files_below_what_was_named_are_read(tmp_path, path):
    inside = tmp_path / "inside"
    (inside / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (inside / "link").symlink_to(tmp_path / "secret")
    entry = StoredEntry(path=path, kind=EntryKind.FILE, mode=0o644)

    assert list(candidates([inside], entry)) == []


def test_a_vault_that_lost_its_largest_pack_says_so(vault, made):
    largest_pack(made).unlink()

    found = vault("repair", made, "--json").data

    assert found["lost_count"] == 1
    assert [error["kind"] for error in found["left"]] == ["missing"]


def test_a_root_that_nobody_can_read_is_given_up_by_the_command_that_repair_names(vault, made):
    assert vault("backup", made, made.parent / "data").code == 0
    root = min((made / "snapshots").iterdir())
    root.chmod(0o600)
    root.write_bytes(b"x" * 4096)
    name = f"snapshots/{root.name}"
    assert vault("prune", made).code == 1

    ended = vault("repair", made)
    assert ended.code == 1
    assert f"repair VAULT --give-up {name}" in ended.out

    ended = vault("repair", made, "--give-up", name)
    assert ended.code == 0, ended
    assert "nothing else is lost" in ended.out
    assert vault("prune", made).code == 0
    assert vault("verify", made, "--read-data").code == 0


def test_a_sound_root_is_not_given_up(vault, made):
    (root,) = (made / "snapshots").iterdir()

    ended = vault("repair", made, "--give-up", f"snapshots/{root.name}")

    assert ended.code == 1
    assert "Nothing was given up" in ended.err
    assert root.exists()
