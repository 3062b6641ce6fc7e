"""Templates: written, changed, applied to many sources after a preview, removed."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from sqlalchemy import select

from tests import factories
from tests.blueprints.test_schedule_pages import FORM, hidden
from webapp.extensions import db
from webapp.models import BackupSchedule, Run, ScheduleTemplate
from webapp.services import work

GOLD = {**FORM, "name": "Gold", "timezone": ""}


@pytest.fixture
def gold(app, cast) -> UUID:
    assert cast.root.post("/schedule-templates/new", data=GOLD).status_code == 303
    with app.app_context():
        return db.session.scalars(select(ScheduleTemplate.id)).one()


@pytest.fixture
def theirs(app, people) -> UUID:
    """A source of Globex's."""
    with app.app_context():
        source = factories.source(factories.tenant_called("globex"), name="Their files")
        db.session.commit()
        return source.id


def place(template: UUID, tail: str = "") -> str:
    return f"/schedule-templates/{template}{tail}"


def test_a_new_template_leads_to_the_choice_of_sources(cast, things, theirs):
    response = cast.root.post("/schedule-templates/new", data=GOLD)

    page = cast.root.get(response.location).text
    assert 'value="acme"' in page
    assert "Globex" in page


@pytest.mark.parametrize("field", ["name", "retention_keep_last", "time_of_day"])
def test_what_is_wrong_is_said_at_the_field(app, cast, field):
    response = cast.root.post("/schedule-templates/new", data={**GOLD, field: "0" * 300})

    assert response.status_code == 422
    assert f'id="{field}-error"' in response.text
    with app.app_context():
        assert db.session.scalars(select(ScheduleTemplate)).all() == []


def test_its_slots_come_while_one_types(cast, gold):
    text = cast.root.get("/schedule-templates/slots", query_string=GOLD).text

    assert 'id="schedules-slots"' in text
    assert "each customer's own time" in text.replace("&#39;", "'")


def test_the_second_of_two_people_is_told_what_the_first_changed(cast, gold):
    page = cast.root.get(place(gold, "/edit")).text
    carried = {name: hidden(page, name) for name in ("version", "opened")}
    cast.root.post(place(gold, "/edit"), data={**GOLD, **carried, "time_of_day": "05:05"})

    response = cast.root.post(place(gold, "/edit"), data={**GOLD, **carried, "name": "Golden"})

    assert response.status_code == 409
    assert 'data-field="time_of_day"' in response.text
    assert 'value="05:05"' in response.text
    assert 'value="Golden"' in response.text


def test_a_template_is_applied_after_its_preview(app, cast, gold, things, theirs):
    chosen = {"tenant": "acme", "source": str(theirs)}
    preview = cast.root.post(place(gold, "/preview"), data=chosen)
    assert preview.status_code == 200
    assert preview.text.count('data-status="create"') == 2
    with app.app_context():
        assert db.session.scalars(select(BackupSchedule)).all() == []

    sent = {**chosen, "digest": hidden(preview.text, "digest"), "reason": "new contract"}
    response = cast.root.post(place(gold, "/apply"), data=sent)
    assert response.status_code == 303
    with app.app_context():
        for run_id in db.session.scalars(
            select(Run.id).where(Run.action == "apply_template")
        ).all():
            work.carry_out(run_id, owner="test")
        assert len(db.session.scalars(select(BackupSchedule)).all()) == 2

    page = cast.root.get(response.location).text
    assert "new contract" in page
    assert "Their files" in page
    assert "Documents" in page


def test_the_preview_says_why_a_source_is_left_alone(app, cast, gold, things):
    cast.alice.post(f"/t/acme/schedules/new?source={things.source}", data={**FORM, "name": "Gold"})

    text = cast.root.post(place(gold, "/preview"), data={"tenant": "acme"}).text

    assert 'data-status="blocked"' in text
    assert "not from this template" in text
    assert "There is nothing to do" in text


def test_nothing_chosen_is_said(cast, gold, things):
    response = cast.root.post(place(gold, "/preview"), data={})

    assert response.status_code == 422
    assert "Choose at least one source." in response.text


def test_without_a_reason_nothing_starts(app, cast, gold, things):
    preview = cast.root.post(place(gold, "/preview"), data={"tenant": "acme"}).text
    sent = {"tenant": "acme", "digest": hidden(preview, "digest")}

    response = cast.root.post(place(gold, "/apply"), data=sent)

    assert response.status_code == 422
    assert 'id="reason-error"' in response.text
    with app.app_context():
        assert db.session.scalars(select(Run).where(Run.action == "apply_template")).all() == []


def test_a_preview_that_is_out_of_date_is_shown_anew(cast, gold, things):
    sent = {"tenant": "acme", "digest": "0" * 64, "reason": "because"}

    response = cast.root.post(place(gold, "/apply"), data=sent)

    assert response.status_code == 409
    assert "Something changed since you looked." in response.text
    assert re.search(r'name="digest" value="(?!0{64})', response.text)
    assert 'value="because"' in response.text


def test_removing_asks_first_and_keeps_the_schedules(app, cast, gold):
    assert "made no schedule" in cast.root.get(place(gold, "/remove")).text

    assert cast.root.post(place(gold, "/remove")).status_code == 303

    assert cast.root.get(place(gold)).status_code == 404


@pytest.mark.parametrize("person", ["alice", "olga", "bob", "charlie"])
def test_templates_are_the_msps_alone(cast, gold, person):
    client = getattr(cast, person)

    assert client.get("/schedule-templates").status_code == 403
    assert client.get(place(gold)).status_code == 403
    assert "schedule-templates" not in client.get("/schedules").text
