"""The restore log: who asked, who approved, what was done."""

from __future__ import annotations

import csv
import io

import pytest

from tests.services.conftest import again
from webapp.errors import Forbidden
from webapp.services import captures, plans, restore_log, restores, sets


@pytest.fixture
def restored(enter, website, work_off, www):
    access = enter("olga")
    run, _ = captures.start(access, website.id)
    work_off()
    (www / "page0.html").write_text("damaged")
    preview, _ = plans.preview(access, sets.of_run(access, again(run)).id)
    work_off()
    plan = plans.of_run(access, preview.id)
    run, _ = restores.apply(access, plan.id, reviewed=True, reason="=1+1", confirm="acme")
    work_off()
    return again(run).id


def test_an_auditor_sees_who_did_what_and_why(enter, restored):
    (row,) = restore_log.rows(enter("audrey"))

    assert row["requested_by"] == row["approved_by"] == "olga@example.com"
    assert row["reason"] == "=1+1"
    assert row["status"] == "succeeded"
    assert row["safety_set_id"]


def test_the_log_can_be_narrowed(enter, restored):
    access = enter("audrey")
    at = restore_log.rows(access)[0]["queued_at"]

    assert restore_log.rows(access, actor_text="OLGA")
    assert not restore_log.rows(access, actor_text="pete")
    assert not restore_log.rows(access, until=at)
    assert restore_log.rows(access, since=at)


@pytest.mark.parametrize("name", ["bob", "pete", "olga"])
def test_the_log_is_for_auditors(enter, restored, name):
    with pytest.raises(Forbidden):
        restore_log.rows(enter(name))


def test_another_tenants_log_is_not_in_ones_own(enter, restored):
    assert restore_log.rows(enter("charlie", tenant="globex")) == []


def test_no_cell_of_the_csv_is_a_formula(enter, restored):
    access = enter("audrey")

    text = "".join(restore_log.csv_lines(access, restore_log.rows(access)))

    table = list(csv.DictReader(io.StringIO(text)))
    assert table[0]["reason"] == "'=1+1"
    changed = {row["item"]: row for row in table}
    assert changed["tree:page0.html"]["before"] != changed["tree:page0.html"]["after"]
