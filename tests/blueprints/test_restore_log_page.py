"""The restore log: for auditors, of one tenant or of all of theirs."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from webapp import clock
from webapp.domain.runs import RunState, RunType
from webapp.extensions import db
from webapp.forms.periods import Period
from webapp.models import RestorePlan, RestoreRun, Run, RunItem
from webapp.models.columns import new_id


@pytest.fixture
def restored(app, things):
    """A live restore of Acme's that replaced one file."""
    with app.app_context():
        plan = db.session.get_one(RestorePlan, things.plan)
        plan.requested_by, plan.approved_by = "pete@example.com", "olga@example.com"
        now = clock.now()
        run = Run(
            id=new_id(), tenant_id=plan.tenant_id, source_id=things.source, action="restore",
            run_type=RunType.RESTORE, status=RunState.SUCCEEDED, idempotency_key="r", succeeded=1,
            requested_by="olga@example.com", reason="=cmd()", queued_at=now, started_at=now,
            finished_at=now,
        )  # fmt: skip
        db.session.add(run)
        db.session.flush()
        db.session.add_all(
            [
                RestoreRun(tenant_id=plan.tenant_id, run_id=run.id, plan_id=plan.id,
                           backup_set_id=things.backup_set, is_dry_run=False),
                RunItem(tenant_id=plan.tenant_id, run_id=run.id, item_key="tree:index.html",
                        action="replace", outcome="succeeded", before_hash="b" * 64,
                        after_hash="a" * 64),
            ]
        )  # fmt: skip
        db.session.commit()
        return run.id


@pytest.mark.parametrize("place", ["/t/acme/restore-log", "/restore-log"])
def test_it_says_who_asked_who_approved_and_what_became_of_each_item(cast, restored, place):
    text = cast.audrey.get(place).text

    assert f'data-run-id="{restored}"' in text
    assert "pete@example.com" in text
    assert "olga@example.com" in text
    assert 'data-item-key="tree:index.html"' in text
    assert "b" * 12 in text


@pytest.mark.parametrize("place", ["/t/acme/restore-log", "/t/acme/restore-log.csv"])
@pytest.mark.parametrize("person", ["bob", "olga", "pete", "charlie"])
def test_others_are_refused(cast, restored, person, place):
    assert getattr(cast, person).get(place).status_code == 403


@pytest.mark.parametrize("person", ["bob", "charlie"])
def test_the_log_of_all_tenants_shows_only_ones_own(cast, restored, person):
    response = getattr(cast, person).get("/restore-log?tenant=acme")

    assert response.status_code == 200
    assert "data-run-id" not in response.text


@pytest.mark.parametrize(
    ("asked", "found"),
    [("actor=PETE", True), ("actor=nobody", False), ("since=2999-01-01", False),
     ("until=2001-01-01", False), ("since=2001-01-01&until=2999-01-01", True),
     ("since=never", True), ("until=9999-12-31", True)],
)  # fmt: skip
def test_it_is_narrowed_by_person_and_period(cast, restored, asked, found):
    assert ("data-run-id" in cast.audrey.get(f"/t/acme/restore-log?{asked}").text) is found


@pytest.mark.parametrize("place", ["/t/acme/restore-log.csv", "/restore-log.csv"])
def test_it_is_downloaded_without_formulas(cast, restored, place):
    response = cast.audrey.get(place, buffered=True)

    assert response.mimetype == "text/csv"
    assert "tree:index.html" in response.text
    assert ",'=cmd()," in response.text


def test_a_day_ends_at_midnight_of_the_zone():
    period = Period(since=date(2026, 3, 29), until=date(2026, 3, 29))

    length = period.ends_at("Europe/Berlin") - period.begins_at("UTC")

    assert length.total_seconds() == 22 * 3600  # the clocks go forward that day


def test_a_preview_is_no_restore(app, cast, things):
    with app.app_context():
        assert db.session.scalars(select(RestoreRun)).one().is_dry_run

    assert "data-run-id" not in cast.audrey.get("/t/acme/restore-log").text
