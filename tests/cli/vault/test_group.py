"""What all verbs share: listing, opening, exit codes, and a start that brings little."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import click
import pytest

from webapp.cli import vault as group

HEAVY = {"flask", "sqlalchemy", "alembic", "huey", "boto3", "botocore", "rich", "jinja2"}


def made_verbs() -> list[str]:
    return [verb for verb in group.VERBS if find_spec(f"webapp.cli.vault.{verb}")]


@pytest.mark.parametrize("verb", made_verbs())
def test_a_verb_is_the_command_of_its_module(verb):
    command = import_module(f"webapp.cli.vault.{verb}").COMMAND

    assert isinstance(command, click.Command)
    assert command.name == verb


def test_every_verb_of_the_list_is_there():
    assert made_verbs() == list(group.VERBS)


def test_every_module_with_a_command_is_in_the_list():
    package = import_module("webapp.cli.vault")

    modules = [found.name for found in pkgutil.iter_modules(package.__path__)]
    verbs = [m for m in modules if hasattr(import_module(f"webapp.cli.vault.{m}"), "COMMAND")]

    assert set(verbs) <= set(group.VERBS)


def loaded_after(program: str, environ: dict[str, str]) -> set[str]:
    watched = f"{program}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", watched], capture_output=True, text=True, check=True, env=environ
    )
    return {name for line in done.stdout.splitlines()[-1:] for name in line.split()}


def running(*arguments: object) -> str:
    words = [str(word) for word in arguments]
    return (
        f"from webapp import cli\ntry: cli.main({words!r})\n"
        "except SystemExit as end: assert not end.code"
    )


def test_a_verb_loads_neither_web_nor_database_nor_s3(vault, place):
    loaded = loaded_after(running("vault", "snapshots", place), dict(os.environ))

    assert "webapp.vault.vault" in loaded
    assert loaded & HEAVY == set()


def test_help_lists_the_verbs_without_loading_the_engine(vault):
    loaded = loaded_after(running("vault", "--help"), dict(os.environ))

    assert "webapp.cli.vault" in loaded
    assert {name for name in loaded if name.startswith("webapp.vault.")} == set()
    assert "snapshots" in vault("--help").out


def test_no_vault_there_is_10(vault, tmp_path):
    ended = vault("snapshots", tmp_path / "nothing")

    assert ended.code == 10
    assert ended.err.count("\n") == 1
    assert "lastgood vault init" in ended.err
    assert not (tmp_path / "nothing").exists()


def test_an_address_that_leads_nowhere_is_2(vault):
    ended = vault("snapshots", "ftp://host/vault")

    assert (ended.code, ended.err.count("\n")) == (2, 1)


def test_a_wrong_passphrase_is_12(vault, place, monkeypatch):
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", "wrong")

    ended = vault("snapshots", place)

    assert (ended.code, ended.err.count("\n")) == (12, 1)
    assert "LASTGOOD_VAULT_PASSPHRASE" in ended.err


def test_no_passphrase_at_all_is_2(vault, place, monkeypatch):
    monkeypatch.delenv("LASTGOOD_VAULT_PASSPHRASE")

    ended = vault("snapshots", place)

    assert ended.code == 2
    assert "--passphrase-file" in ended.err


def test_an_empty_passphrase_is_refused(vault, place, monkeypatch):
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", "")

    assert vault("snapshots", place).code == 2


def test_a_damaged_vault_is_1_and_says_what_to_do(vault, place):
    for name in ("config", "config-copy"):
        (place / name).write_bytes(b"{}")

    ended = vault("snapshots", place)

    assert ended.code == 1
    assert "lastgood vault verify" in ended.err


@pytest.mark.parametrize("text", ["correct horse", "correct horse\n", "correct horse\r\nmore\n"])
def test_the_first_line_of_the_passphrase_file_counts(vault, place, monkeypatch, tmp_path, text):
    monkeypatch.delenv("LASTGOOD_VAULT_PASSPHRASE")
    (tmp_path / "secret").write_text(text)

    assert vault("snapshots", place, "--passphrase-file", tmp_path / "secret").code == 0


def test_a_variable_can_name_the_passphrase_file(vault, place, monkeypatch, tmp_path):
    monkeypatch.delenv("LASTGOOD_VAULT_PASSPHRASE")
    (tmp_path / "secret").write_text("correct horse")
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE_FILE", str(tmp_path / "secret"))

    assert vault("snapshots", place).code == 0


@pytest.mark.parametrize("data", [None, b"\xff\xfe", b"", b"\n"])
def test_a_passphrase_file_that_holds_none_is_2(vault, place, tmp_path, data):
    if data is not None:
        (tmp_path / "secret").write_bytes(data)

    ended = vault("snapshots", place, "--passphrase-file", tmp_path / "secret")

    assert ended.code == 2
    assert str(tmp_path / "secret") in ended.err


def test_ctrl_c_ends_with_130_and_one_sentence(vault, place, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("webapp.standalone.listing.snapshots", interrupt)

    ended = vault("snapshots", place)

    assert (ended.code, ended.err.count("\n")) == (130, 1)


def test_a_defect_is_shown_as_one(vault, place, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("webapp.standalone.listing.snapshots", fail)

    with pytest.raises(ZeroDivisionError):
        group.vault.main(["snapshots", str(place)], standalone_mode=False)


def test_a_second_vault_in_the_same_place_is_refused(vault, place):
    ended = vault("init", place)

    assert ended.code == 1
    assert "already" in ended.err


def test_a_passphrase_that_is_typed_for_a_new_vault_is_typed_twice(vault, tmp_path, monkeypatch):
    monkeypatch.delenv("LASTGOOD_VAULT_PASSPHRASE")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked = []

    def prompt(*_, **options):
        asked.append(options["confirmation_prompt"])
        return "typed"

    monkeypatch.setattr(click, "prompt", prompt)

    assert vault("init", tmp_path / "new").code == 0
    assert vault("snapshots", tmp_path / "new").code == 0
    assert asked == [True, False]
