"""Options that reach through to the engine: how a vault cuts, and what counts as unchanged."""

from __future__ import annotations

import json

import pytest

from webapp.standalone import backups


@pytest.mark.parametrize(("options", "features"), [([], []), (["--private-boundaries"],
                                                              ["private-boundaries"])])  # fmt: skip
def test_init_makes_a_vault_that_cuts_as_asked(vault, tmp_path, options, features):
    place = tmp_path / "made"

    assert vault("init", place, *options).code == 0

    config = json.loads((place / "config").read_bytes().splitlines()[0])
    assert config["features"] == features
    assert vault("backup", place, __file__).code == 0


@pytest.mark.parametrize("mode", ["full", "no-inode", "no-ctime"])
def test_backup_compares_as_asked(vault, place, monkeypatch, mode):
    seen = []
    backup = backups.Vault.backup

    def spy(*arguments, **options):
        seen.append(options["match"])
        return backup(*arguments, **options)

    monkeypatch.setattr(backups.Vault, "backup", spy)

    assert vault("backup", place, __file__, "--match", mode).code == 0
    assert seen == [mode]


def test_backup_refuses_a_way_to_compare_that_there_is_not(vault, place):
    ended = vault("backup", place, __file__, "--match", "no-size")

    assert ended.code == 2
    assert "no-inode" in ended.err


def test_backup_compresses_as_asked(vault, place, tmp_path):
    text, sizes = b"".join(b"%06d a line\n" % number for number in range(3000)), {}
    for level in ("off", "max"):
        folder = tmp_path / level
        folder.mkdir()
        for part in range(150):  # enough for forks to take part
            (folder / f"{part}.txt").write_bytes(f"{level} {part}".encode() + text)
        made = vault("backup", place, folder, "--compression", level, "--json").data
        sizes[level] = made["bytes_stored"]

    assert sizes["off"] > 150 * len(text) > 5 * sizes["max"]
    assert vault("verify", place, "--read-data").code == 0


@pytest.mark.parametrize(("options", "level"), [([], 3), (["--compression", "high"], 9)])
def test_backup_hands_the_level_on(vault, place, monkeypatch, options, level):
    seen = []
    backup = backups.Vault.backup

    def spy(*arguments, **details):
        seen.append(details["level"])
        return backup(*arguments, **details)

    monkeypatch.setattr(backups.Vault, "backup", spy)

    assert vault("backup", place, __file__, *options).code == 0
    assert seen == [level]


@pytest.mark.parametrize("level", ["best", "20", "-1"])
def test_backup_refuses_a_level_that_there_is_not(vault, place, level):
    ended = vault("backup", place, __file__, "--compression", level)

    assert ended.code == 2
    assert f"There is no level {level} of compression: write off, fast" in ended.err
