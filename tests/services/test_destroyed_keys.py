"""Destroying a tenant's key makes that tenant's data unreadable, and nobody else's."""

from __future__ import annotations

import pytest

from tests.services.conftest import again
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.services import captures, sources, vaults
from webapp.vault import KeysDestroyed

PAGE = "a sentence that only this customer has, again and again\n" * 50


def test_a_tenants_data_is_unreadable_once_its_key_is_destroyed(
    enter, website, work_off, www, tmp_path, settings
):
    (www / "telling-name.html").write_text(PAGE)
    run, _ = captures.start(enter("olga"), website.id)
    (tmp_path / "globex" / "www").mkdir()
    (tmp_path / "globex" / "www" / "file").write_text("theirs")
    there = enter(tenant="globex")
    theirs = sources.add(
        there, kind="files", name="www", config={"path": str(tmp_path / "globex" / "www")}
    )
    other, _ = captures.start(there, theirs.id)
    work_off()
    tenant, neighbour = again(run).tenant_id, again(other).tenant_id
    db.session.rollback()

    with vaults.opened(tenant) as vault:
        assert vault.snapshots()
        vault.keys.destroy()

    with pytest.raises(KeysDestroyed), vaults.opened(tenant):
        pytest.fail("it opened")
    with pytest.raises(KeysDestroyed), vaults.opened(tenant, create=True):
        pytest.fail("it was made anew")
    with vaults.opened(neighbour) as vault:
        assert vault.snapshots()
    places = [vaults.folder(tenant), settings.home / "cache" / str(tenant)]
    kept = b"".join(p.read_bytes() for place in places for p in place.rglob("*") if p.is_file())
    traces = [PAGE[:30].encode(), b"telling-name", b"page0.html"]
    assert len(kept) > len(PAGE)
    assert [trace for trace in traces if trace in kept] == []


def test_the_next_capture_fails_with_a_sentence_and_makes_no_new_vault(enter, website, work_off):
    run, _ = captures.start(enter("olga"), website.id)
    work_off()
    tenant = again(run).tenant_id
    db.session.rollback()
    with vaults.opened(tenant) as vault:
        vault.keys.destroy()

    run, _ = captures.start(enter("olga"), website.id)
    work_off()

    assert (again(run).status, again(run).error_code) == (RunState.FAILED, "wrong_key")
    assert list((vaults.folder(tenant) / "keys").iterdir()) == []
