"""Backing up the console while it works: one moment, no key, never into a place by mistake."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing

import pytest
from sqlalchemy import insert

from tests.services.console.conftest import PASSPHRASE
from webapp import clock
from webapp.errors import ConnectorError
from webapp.extensions import db
from webapp.models import INSTALLATION_CHAIN, AuditEntry, SignInFailure
from webapp.services import console_backups, installation
from webapp.vault import LocalStorage, Passphrase, Vault


def content_of(vault) -> dict[bytes, bytes]:
    """Every file of the newest snapshot."""
    opened = Vault.open(LocalStorage(vault), wrap=Passphrase(PASSPHRASE))
    newest = opened.snapshots()[0]
    with closing(opened):
        return {
            entry.path: opened.open_content(entry).read()
            for entry in opened.entries(newest)
            if entry.kind == "file"
        }


@pytest.fixture
def copied(vault, tmp_path):
    """Opens the database of the newest snapshot."""

    def copied() -> sqlite3.Connection:
        place = tmp_path / "copied.db"
        place.write_bytes(content_of(vault)[console_backups.DATABASE])
        return sqlite3.connect(place)

    return copied


@pytest.mark.sqlite_only
def test_the_first_backup_makes_the_vault_and_says_so(context, lastgood, vault):
    first = lastgood("console", "backup", vault)
    second = lastgood("console", "backup", vault)

    assert (first.code, second.code) == (0, 0), first.err
    assert "Made vault" in first.out
    assert "lastgood console sheet" in first.out
    assert "Made vault" not in second.out
    assert len(lastgood("console", "list", vault, "--json").data) == 2


def test_a_backup_is_one_sqlite_file_and_the_settings(people, context, backed_up, vault, copied):
    backed_up()

    assert set(content_of(vault)) == {b"db/lastgood", b"config/settings.env"}
    with closing(copied()) as connection:
        slugs = connection.execute("SELECT slug FROM tenants ORDER BY slug").fetchall()
        assert slugs == [("acme",), ("globex",)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_no_key_lies_in_the_vault(context, backed_up, vault, settings, monkeypatch):
    monkeypatch.setenv("LASTGOOD_SMTP_URL", "smtp://post:s3cret-word@mail.example.com")
    backed_up()

    held = b"".join(content_of(vault).values())
    for secret in (installation.ring().master.hex(), installation.ring().secret, "s3cret-word"):
        assert secret.encode() not in held
    assert b"smtp://post@mail.example.com" in held


@pytest.mark.sqlite_only
def test_a_file_with_the_master_key_is_refused(context, lastgood, vault, settings, tmp_path):
    hidden = tmp_path / "settings"
    hidden.write_text(f"KEY={settings.master_key_file.read_text().upper()}")

    ended = lastgood("console", "backup", vault, "--also", hidden)

    assert ended.code == 4
    assert "master key" in ended.err
    assert not vault.exists()


@pytest.mark.sqlite_only
def test_other_files_are_kept_when_named(context, backed_up, lastgood, vault, tmp_path):
    (tmp_path / "a").mkdir()
    for file in (tmp_path / "lastgood.env", tmp_path / "a" / "lastgood.env"):
        file.write_text("LASTGOOD_PORT=8000\n")
    backed_up("--also", tmp_path / "lastgood.env")
    twice = lastgood(
        "console", "backup", vault,
        "--also", tmp_path / "lastgood.env", "--also", tmp_path / "a" / "lastgood.env",
    )  # fmt: skip

    assert content_of(vault)[b"config/lastgood.env"] == b"LASTGOOD_PORT=8000\n"
    assert twice.code == 1
    assert "Two files" in twice.err


def write_pairs(app, stop: threading.Event, written: list[int]) -> None:
    """A transaction is a pair: a copy that was torn would hold half of one."""
    with app.app_context():
        while not stop.is_set():
            with db.engine.begin() as connection:
                for subject in ("one", "other"):
                    row = {"subject": subject, "at": clock.now()}
                    connection.execute(insert(SignInFailure).values(row))
            written.append(1)
        db.engine.dispose()


def test_a_backup_sees_one_moment_while_others_write(app, people, backed_up, copied):
    stop, written = threading.Event(), []
    writer = threading.Thread(target=write_pairs, args=(app, stop, written))
    writer.start()
    try:
        while not written:
            stop.wait(0.01)
        backed_up()
    finally:
        stop.set()
        writer.join()

    with closing(copied()) as connection:
        counts = connection.execute(
            "SELECT subject, count(*) FROM sign_in_failures GROUP BY subject"
        ).fetchall()
    assert [subject for subject, _ in counts] == ["one", "other"]
    assert counts[0][1] == counts[1][1]


@pytest.mark.sqlite_only
def test_a_vault_that_was_there_and_is_gone_is_not_made_anew(context, lastgood, backed_up, vault):
    backed_up()
    shutil.rmtree(vault)

    ended = lastgood("console", "backup", vault)
    assert ended.code == 4
    assert "Is the disk mounted?" in ended.err
    assert not vault.exists()

    assert backed_up("--new-vault")["made_vault"] is True


@pytest.mark.sqlite_only
def test_a_wrong_passphrase_is_told_by_its_own_code(
    context, lastgood, backed_up, vault, monkeypatch
):
    backed_up()
    monkeypatch.setenv("LASTGOOD_VAULT_PASSPHRASE", "wrong")

    assert lastgood("console", "backup", vault).code == 12
    assert lastgood("console", "list", vault).code == 12


@pytest.mark.sqlite_only
def test_two_backups_at_once_are_one(context, lastgood, vault, settings):
    with console_backups.workplace():
        ended = lastgood("console", "backup", vault)

    assert ended.code == 4
    assert "under way" in ended.err


@pytest.mark.sqlite_only
def test_nothing_of_the_copy_stays_behind(context, lastgood, vault, settings, monkeypatch):
    monkeypatch.setattr("webapp.standalone.console_vaults.vaults.create", lambda where: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lastgood("console", "backup", vault)

    assert not (settings.scratch / "console").exists()


def test_a_damaged_copy_is_told(tmp_path):
    file = tmp_path / "copy.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 200)
        connection.commit()
    content = bytearray(file.read_bytes())
    content[8192:16384] = b"\xff" * 8192
    file.write_bytes(content)

    with pytest.raises(ConnectorError, match="is damaged"):
        console_backups.make_whole(file)


@pytest.mark.sqlite_only
def test_a_backup_is_in_the_audit_log(context, backed_up, vault):
    made = backed_up()

    entry = db.session.query(AuditEntry).filter_by(action="console.backed_up").one()
    assert entry.chain == INSTALLATION_CHAIN
    assert entry.details["address"] == str(vault)
    assert entry.details["snapshot_id"] == made["snapshot_id"]


@pytest.mark.sqlite_only
def test_a_timer_hears_nothing_if_all_is_well(context, lastgood, backed_up, vault):
    backed_up()

    ended = lastgood("console", "backup", vault, "--quiet")

    assert (ended.code, ended.out, ended.err) == (0, "", "")
