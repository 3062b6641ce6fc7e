"""The vault's page and its recovery sheet: for MSP admins, and never unseen."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from webapp import clock
from webapp.extensions import db
from webapp.models import AuditEntry, Tenant, VaultRecord
from webapp.services import recovery_sheets
from webapp.vault import ConsoleKey, LocalStorage, Vault


@pytest.fixture
def vault(app, people, tmp_path):
    """A real vault of Acme's, as the console makes it."""
    with app.app_context():
        tenant = db.session.scalars(select(Tenant).where(Tenant.slug == "acme")).one()
        storage = LocalStorage(tmp_path / "vault")
        made = Vault.create(storage, wrap=ConsoleKey(*recovery_sheets.wrapping_key(tenant.id)))
        db.session.add(
            VaultRecord(
                tenant_id=tenant.id,
                location=str(tenant.id),
                vault_id=made.vault_id,
                created_at=clock.now(),
            )
        )
        db.session.commit()
        made.close()
    return storage


def test_an_admin_is_told_that_nobody_took_the_sheet(cast, vault):
    assert "Nobody has taken the recovery sheet" in cast.root.get("/t/acme/vault").text


def test_before_the_first_capture_the_page_says_what_to_do(cast):
    assert "first capture makes it" in cast.root.get("/t/acme/vault").text


def test_the_key_on_the_sheet_opens_the_vault_without_the_console(cast, vault, app):
    text = cast.root.post("/t/acme/vault/recovery-sheet").text
    groups = text.split("lg-sheet-key")[1].split("<span>")[1:17]
    key = bytes.fromhex("".join(group.split("</span>")[0] for group in groups))
    key_id = text.split("<dt>Key slot</dt><dd>")[1].split("<")[0]

    Vault.open(vault, wrap=ConsoleKey(key_id, key)).close()


def test_taking_the_sheet_is_recorded_and_ends_the_warning(cast, vault, app):
    cast.root.post("/t/acme/vault/recovery-sheet")

    with app.app_context():
        actions = set(db.session.scalars(select(AuditEntry.action)))
    assert "vault.recovery_sheet_taken" in actions
    assert "Nobody has taken" not in cast.root.get("/t/acme/vault").text


@pytest.mark.parametrize("name", ["alice", "olga", "bob", "audrey", "charlie"])
def test_nobody_but_an_admin_may_see_it(cast, vault, name):
    client = getattr(cast, name)

    assert client.get("/t/acme/vault").status_code == 403
    assert client.post("/t/acme/vault/recovery-sheet").status_code == 403
