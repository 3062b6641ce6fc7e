"""The audit log on its pages."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from tests.factories import tenant_called
from webapp.domain.actors import Actor
from webapp.extensions import db
from webapp.services import audit


@pytest.fixture
def log(app, people):
    with app.app_context():
        for number in range(60):
            actor = Actor(label="anna@example.com" if number % 2 else "bert@example.com")
            audit.record(
                actor, "source.added", tenant=tenant_called("acme"), reason=f"no. {number}"
            )
        audit.record(actor, "run.started", tenant=tenant_called("globex"), reason="neighbour")
        db.session.commit()


def test_the_newest_come_first_and_older_ones_on_the_next_page(cast, log):
    first = cast.audrey.get("/t/acme/audit").text
    second = cast.audrey.get("/t/acme/audit?before=11").text

    assert first.index('data-audit-seq="60"') < first.index('data-audit-seq="59"')
    assert "before=11" in first
    assert 'data-audit-seq="10"' in second
    assert 'data-audit-seq="11"' not in second


def test_a_filter_is_kept_when_one_goes_on(cast, log):
    page = cast.audrey.get("/t/acme/audit?actor=anna&since=2026-01-01").text

    assert "bert@example.com" not in page
    assert "actor=anna" in page


def test_nothing_of_a_neighbour_is_shown(cast, log):
    assert "neighbour" not in cast.audrey.get("/t/acme/audit").text


@pytest.mark.parametrize("query", ["since=tomorrow", "before=x", "until=2026-13-01"])
def test_a_filter_that_cannot_be_used_is_said(cast, log, query):
    assert cast.audrey.get(f"/t/acme/audit?{query}").status_code == 422


def test_a_whole_chain_is_said_to_be_whole(cast, log):
    page = cast.audrey.get("/t/acme/audit").text

    assert 'data-status="ok"' in page
    assert "All 60 entries" in page


def test_a_chain_that_was_tampered_with_is_said_to_be(app, cast, log):
    with app.app_context():
        db.session.execute(text("DROP TRIGGER audit_logs_no_update"))
        db.session.execute(text("UPDATE audit_logs SET reason = 'x' WHERE seq = 7"))
        db.session.commit()

    page = cast.audrey.get("/t/acme/audit").text

    assert "tampered with" in page
    assert "Entry 7 is not as it was written" in page


def test_an_export_holds_what_is_filtered_and_is_itself_logged(cast, log):
    lines = cast.audrey.get("/t/acme/audit/export.jsonl?actor=anna").text.splitlines()

    assert len(lines) == 30
    assert {json.loads(line)["actor"] for line in lines} == {"anna@example.com"}
    assert "audit.exported" in cast.audrey.get("/t/acme/audit").text


def test_a_csv_is_a_download(cast, log):
    response = cast.audrey.get("/t/acme/audit/export.csv")

    assert response.mimetype == "text/csv"
    assert "audit-acme.csv" in response.headers["Content-Disposition"]
    assert len(response.text.splitlines()) == 62  # the head, sixty, and this export


def test_the_installation_has_a_log_of_its_own(cast, log):
    cast.root.post("/people", data={"email": "new@example.com"})

    page = cast.root.get("/audit").text

    assert "user.added" in page
    assert "source.added" not in page
