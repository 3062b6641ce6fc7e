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
