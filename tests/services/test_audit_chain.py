"""A chain that was tampered with is found out, and where."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from webapp.domain.actors import SYSTEM
from webapp.extensions import db
from webapp.models import INSTALLATION_CHAIN as CHAIN
from webapp.services import audit, audit_chain

TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_logs'"


@pytest.fixture
def chain(context):
    """Ten entries, and a thief who can drop triggers."""
    for number in range(10):
        audit.record(SYSTEM, "test.happened", tenant=None, details={"number": number})
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("ALTER TABLE audit_logs DISABLE TRIGGER USER"))
    else:
        for (name,) in db.session.execute(text(TRIGGERS)).all():
            db.session.execute(text(f"DROP TRIGGER {name}"))
    db.session.commit()


def tamper(statement: str) -> audit_chain.Verdict:
    db.session.execute(text(statement))
    db.session.commit()
    return audit_chain.verify(CHAIN)


def test_an_untouched_chain_is_whole(chain):
    verdict = audit_chain.verify(CHAIN)

    assert (verdict.ok, verdict.length, verdict.first_bad_seq) == (True, 10, None)
    assert verdict.head != audit.GENESIS


def test_an_empty_chain_is_whole(context):
    assert audit_chain.verify(CHAIN) == audit_chain.Verdict(True, 0, None, audit.GENESIS)


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'nobody'",
        "action = 'nothing.happened'",
        "reason = 'because'",
        "details = '{\"number\": 7}'",
        "at = '2001-01-01 00:00:00.000000'",
        "resource = 'run:1'",
        "hash = '" + "0" * 64 + "'",
        "prev_hash = '" + "0" * 64 + "'",
        "id = '" + "0" * 32 + "'",
    ],
    ids=lambda change: change.partition(" ")[0],
)
def test_a_changed_entry_is_found_by_its_number(chain, change):
    verdict = tamper(f"UPDATE audit_logs SET {change} WHERE seq = 4")

    assert (verdict.ok, verdict.first_bad_seq) == (False, 4)


def test_a_removed_entry_is_found_by_its_number(chain):
    verdict = tamper("DELETE FROM audit_logs WHERE seq = 4")

    assert (verdict.ok, verdict.first_bad_seq) == (False, 4)


def test_a_removed_entry_is_found_even_when_the_rest_is_renumbered(chain):
    db.session.execute(text("DELETE FROM audit_logs WHERE seq = 4"))

    verdict = tamper("UPDATE audit_logs SET seq = seq - 1 WHERE seq > 4")

    assert (verdict.ok, verdict.first_bad_seq) == (False, 4)


def test_a_cut_end_is_found(chain):
    verdict = tamper("DELETE FROM audit_logs WHERE seq > 7")

    assert (verdict.ok, verdict.length, verdict.first_bad_seq) == (False, 7, 8)
    assert "3 entries are missing" in verdict.problem


def test_a_cut_end_is_found_even_when_the_head_is_set_back(chain):
    seventh = "(SELECT hash FROM audit_logs WHERE seq = 7)"
    db.session.execute(text(f"UPDATE audit_heads SET seq = 7, hash = {seventh}"))

    verdict = tamper("DELETE FROM audit_logs WHERE seq > 7")

    assert (verdict.ok, verdict.first_bad_seq) == (False, 7)


def test_a_lost_head_is_found(chain):
    assert not tamper("DELETE FROM audit_heads").ok


def test_a_forged_entry_is_found(chain):
    verdict = tamper(
        "INSERT INTO audit_logs SELECT chain, tenant_id, 11, at, 'nobody', action, resource,"
        " reason, details, hash, hash, '" + "1" * 32 + "' FROM audit_logs WHERE seq = 10"
    )

    assert (verdict.ok, verdict.first_bad_seq) == (False, 11)
