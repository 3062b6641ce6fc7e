"""``lastgood audit``."""

from __future__ import annotations

import csv
import io
import json
import sqlite3


def test_a_whole_chain_verifies(shell, acme):
    ended = shell("audit", "verify", "acme", "--json")

    assert ended.code == 0
    assert ended.data["ok"] is True
    assert ended.data["length"] == 2


def test_a_chain_that_was_tampered_with_does_not(shell, acme, settings):
    with sqlite3.connect(settings.home / "lastgood.db") as thief:
        thief.execute("DROP TRIGGER audit_logs_no_update")
        thief.execute("UPDATE audit_logs SET actor = 'nobody' WHERE seq = 2")
    thief.close()

    ended = shell("audit", "verify", "acme", "--json")

    assert ended.code == 1
    assert (ended.data["ok"], ended.data["first_bad_seq"]) == (False, 2)


def test_an_export_is_one_document_a_line_and_is_logged(shell, acme):
    lines = shell("audit", "export", "acme").out.splitlines()

    assert [json.loads(line)["action"] for line in lines] == [
        "tenant.added",
        "root.granted",
        "audit.exported",
    ]


def test_an_export_as_csv_has_a_head(shell, acme):
    rows = list(csv.DictReader(io.StringIO(shell("audit", "export", "acme", "--csv").out)))

    assert rows[0]["action"] == "tenant.added"


def test_a_list_can_be_narrowed(shell, acme):
    found = shell("audit", "list", "acme", "--action", "root.granted", "--json").data

    assert [entry["action"] for entry in found] == ["root.granted"]
    assert shell("audit", "list", "acme", "--until", "2001-01-01", "--json").data == []


def test_without_a_tenant_it_is_the_installation_s(shell, acme):
    shell("user", "add", "anna@example.com")

    assert "user.added" in shell("audit", "list").out
