"""The sheet of the console: what is on paper is enough, together with a backup."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import select

from tests.cli.vault.test_sheet import code_in_html
from webapp.extensions import db
from webapp.models import AuditEntry
from webapp.services import installation


def typed_from(text: str) -> str:
    """The digits as somebody reads them off the paper."""
    return "\n".join(re.findall(r"^(?:[0-9a-f]{4} ){3}[0-9a-f]{4}$", text, re.MULTILINE))


@pytest.mark.sqlite_only
def test_the_sheet_holds_all_that_a_restore_asks_for(
    people, context, lastgood, backed_up, vault, tmp_path
):
    backed_up()
    printed = lastgood("console", "sheet").out
    home = tmp_path / "next"
    command = ("console", "restore", vault, "--into", home, "--master-key-file", "-")

    assert f"lastgood console restore {vault} --into" in printed
    assert lastgood(*command, home=home, stdin=typed_from(printed)).code == 0


@pytest.mark.sqlite_only
def test_a_camera_reads_the_same_key(context, lastgood, tmp_path):
    file = tmp_path / "sheet.html"
    assert lastgood("console", "sheet", "--output", file).code == 0

    code = json.loads(code_in_html(file.read_text()))

    assert code["master_key"] == installation.ring().master.hex()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.sqlite_only
def test_that_it_was_taken_is_recorded_without_the_key(context, lastgood):
    lastgood("console", "sheet")

    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "installation.recovery_sheet_taken")
    ).one()
    assert entry.details == {"key_fingerprint": installation.ring().fingerprint}


@pytest.mark.sqlite_only
def test_another_sort_of_file_is_refused_before_anything_is_taken(context, lastgood, tmp_path):
    ended = lastgood("console", "sheet", "--output", tmp_path / "sheet.pdf")

    assert ended.code == 2
    query = select(AuditEntry).where(AuditEntry.action == "installation.recovery_sheet_taken")
    assert db.session.scalars(query).all() == []
