"""What waits for a second person: the list, one request, its decision, and the way there."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, select

from tests import casting, factories
from webapp import clock
from webapp.blueprints import requests
from webapp.domain.permissions import Role
from webapp.domain.plans import PlanState
from webapp.extensions import db
from webapp.models import (
    ActRequest,
    BackupSet,
    Membership,
    RestorePlan,
    Source,
    Tenant,
    User,
    VaultRecord,
)

REASON = {"reason": "no longer needed"}


@pytest.fixture
def ada(app, cast, people):
    """Manages Acme, too; Acme demands two people for what keeps less."""
    with app.app_context():
        tenant = factories.tenant_called("acme")
        tenant.needs_two_people = ["lower_retention", "delete_source", "export_keys"]
        user = User(email="ada@example.com", created_at=clock.now())
        db.session.add(user)
        db.session.flush()
        member = Membership(tenant_id=tenant.id, user_id=user.id, role=Role.MANAGER)
        db.session.add(member)
        db.session.commit()
        session = user.get_id()
    return casting.signed_in(app, session)


@pytest.fixture
def old(app, things, ada) -> UUID:
    """A set that is not its source's newest."""
    with app.app_context():
        source = db.session.get_one(Source, things.source)
        at = clock.now() - timedelta(days=3)
        made = factories.backup_set(factories.run(source, queued_at=at), name="Documents then")
        db.session.commit()
        return made.id


@pytest.fixture
def asked(app, cast, old) -> UUID:
    """Alice asks for its deletion."""
    response = cast.alice.post(f"/t/acme/sets/{old}/delete", data=REASON)
    assert response.status_code == 303
    return UUID(response.location.rpartition("/")[2])


def digest(page: str) -> str:
    return re.search(r'name="digest" value="([0-9a-f]{64})"', page).group(1)


def test_the_button_leads_to_the_request_and_says_so(cast, asked):
    page = cast.alice.get(f"/t/acme/requests/{asked}").text

    assert "Nothing is changed yet" in page
    assert "Somebody else has to approve what you asked for." in page
    assert "ada@example.com" in page
    assert "/approve" not in page
    assert "Take it back" in page


def test_a_swap_is_led_there_too(cast, old):
    response = cast.alice.post(
        f"/t/acme/sets/{old}/delete", data=REASON, headers={"HX-Request": "true"}
    )

    assert "/t/acme/requests/" in response.headers["HX-Redirect"]


def test_another_manager_approves_what_they_see(app, ada, asked, old):
    page = ada.get(f"/t/acme/requests/{asked}").text
    response = ada.post(f"/t/acme/requests/{asked}/approve", data={"digest": digest(page)})

    assert response.status_code == 303
    assert "no longer needed" in page
    with app.app_context():
        assert db.session.get_one(BackupSet, old).deleted_at is not None
    assert "Approved and done" in ada.get(f"/t/acme/requests/{asked}").text


def test_what_was_asked_anew_meanwhile_is_not_approved_unseen(app, cast, ada, asked, old):
    seen = digest(ada.get(f"/t/acme/requests/{asked}").text)
    anew = cast.alice.post(f"/t/acme/sets/{old}/delete", data={"reason": "x"}).location

    response = ada.post(f"{anew}/approve", data={"digest": seen})

    assert response.status_code == 409
    assert "asked anew" in response.text
    with app.app_context():
        assert db.session.get_one(BackupSet, old).deleted_at is None


def test_who_asked_may_not_approve(cast, asked):
    response = cast.alice.post(f"/t/acme/requests/{asked}/approve")

    assert response.status_code == 409
    assert "Somebody else must approve" in response.text


def test_a_rejection_needs_words(ada, asked):
    without = ada.post(f"/t/acme/requests/{asked}/reject", data={"reason": ""})
    response = ada.post(f"/t/acme/requests/{asked}/reject", data={"reason": "we need it"})

    assert without.status_code == 422
    assert "Say why" in without.text
    assert response.status_code == 303
    assert "we need it" in ada.get("/t/acme/requests").text


def test_who_asked_takes_it_back(cast, asked):
    cast.alice.post(f"/t/acme/requests/{asked}/withdraw")

    assert "Taken back" in cast.alice.get(f"/t/acme/requests/{asked}").text
    assert "Nothing waits" in cast.alice.get("/t/acme/requests").text


@pytest.mark.parametrize("person", ["olga", "pete", "bob", "audrey", "charlie"])
def test_nobody_else_sees_any_of_it(cast, asked, person):
    client = getattr(cast, person)

    assert client.get("/t/acme/requests").status_code == 403
    assert client.get(f"/t/acme/requests/{asked}").status_code == 403
    for act in ("approve", "reject", "withdraw"):
        assert client.post(f"/t/acme/requests/{asked}/{act}").status_code == 403


def count(client) -> str:
    found = re.search(r"lg-link-count[^>]*>(\d+)<", client.get("/t/acme/").text)
    return found.group(1) if found else ""


def test_the_navigation_counts_for_those_who_may_decide(cast, ada, asked):
    assert [count(one) for one in (ada, cast.root)] == ["1", "1"]
    assert [count(one) for one in (cast.alice, cast.olga, cast.bob)] == ["", "", ""]
    assert "/t/acme/requests" in cast.alice.get("/t/acme/").text
    assert "/t/acme/requests" not in cast.olga.get("/t/acme/").text


def test_where_nothing_takes_two_the_navigation_does_not_speak_of_it(cast):
    assert "/t/acme/requests" not in cast.root.get("/t/acme/").text
    assert "demands no second person" in cast.root.get("/t/acme/requests").text


def test_the_bell_leads_there(cast, ada, asked):
    page = ada.get("/notifications").text

    assert "alice@example.com asks to delete a restore point" in page
    assert f"/t/acme/requests/{asked}" in page


def test_live_restores_that_wait_are_listed_too(app, cast, ada, things):
    with app.app_context():
        plan = db.session.get_one(RestorePlan, things.plan)
        plan.state, plan.requested_by = PlanState.REQUESTED, "pete@example.com"
        plan.requested_at = clock.now()
        db.session.commit()

    page = cast.alice.get("/t/acme/requests").text

    assert f"/t/acme/restores/{things.plan}" in page
    assert "by pete@example.com" in page


def test_pages_say_beforehand_that_it_is_only_asked_for(cast, ada, old, things):
    for path in (
        f"/t/acme/sets/{old}",
        f"/t/acme/sources/{things.source}/remove",
        "/t/acme/retention",
    ):
        assert "somebody else has to approve it" in cast.alice.get(path).text


def test_pages_do_not_speak_of_it_where_one_person_is_enough(cast, things):
    for path in (
        f"/t/acme/sets/{things.backup_set}",
        f"/t/acme/sources/{things.source}/remove",
        "/t/acme/retention",
    ):
        assert "somebody else has to approve it" not in cast.alice.get(path).text


def test_the_whole_change_of_a_schedule_waits_with_its_reason(app, cast, ada, things):
    with app.app_context():
        source = db.session.get_one(Source, things.source)
        schedule = factories.schedule(source, name="nightly")
        db.session.commit()
        schedule_id = schedule.id
    form = {
        "name": "nightly", "frequency": "daily", "time_of_day": "02:30", "timezone": "UTC",
        "backup_type": "full", "retention_keep_last": "7", "missed": "skip", "version": "1",
        "reason": "the disk is full",
    }  # fmt: skip

    assert (
        "Reason, if it is to keep less"
        in cast.alice.get(f"/t/acme/schedules/{schedule_id}/edit").text
    )
    response = cast.alice.post(f"/t/acme/schedules/{schedule_id}/edit", data=form)

    page = ada.get(response.location).text
    assert "the last 7 instead of the last 30" in page
    assert "the disk is full" in page


def test_a_long_history_is_read_in_parts(app, ada, asked, monkeypatch):

    monkeypatch.setattr(requests, "PAGE", 2)
    with app.app_context():
        one = db.session.get_one(ActRequest, asked)
        for number in range(3):
            db.session.add(_ended(one, hours=number))
        db.session.commit()

    first = ada.get("/t/acme/requests").text
    older = re.search(r'href="([^"]*before=[^"]*)"', first).group(1).replace("&amp;", "&")

    assert first.count('data-status="rejected"') == 2
    assert ada.get(older).text.count('data-status="rejected"') == 1


def _ended(one: ActRequest, *, hours: int) -> ActRequest:
    facts = {
        name: getattr(one, name)
        for name in (
            "tenant_id", "act", "subject", "subject_name", "subject_state", "parameters", "lines",
            "digest", "requested_by", "requested_by_id", "expires_at",
        )
    }  # fmt: skip
    at = clock.now() - timedelta(days=1, hours=hours)
    return ActRequest(**facts, state="rejected", requested_at=at, decided_by="ada@example.com")


def test_the_list_asks_no_more_of_the_database_the_longer_it_is(app, ada, asked):
    def queries() -> int:
        seen = []
        with app.app_context():
            engine = db.engine
        listen = lambda *_: seen.append(1)  # noqa: E731
        event.listen(engine, "before_cursor_execute", listen)
        ada.get("/t/acme/requests")
        event.remove(engine, "before_cursor_execute", listen)
        return len(seen)

    few = queries()
    with app.app_context():
        one = db.session.get_one(ActRequest, asked)
        db.session.add_all([_ended(one, hours=number) for number in range(20)])
        db.session.commit()

    assert queries() == few


def test_the_sheet_is_asked_for_and_shown_once(app, cast, ada, people):
    with app.app_context():
        tenant = db.session.scalars(select(Tenant).where(Tenant.slug == "acme")).one()
        db.session.add(
            VaultRecord(tenant_id=tenant.id, location="x", vault_id="v", created_at=clock.now())
        )
        rita = User(email="rita@example.com", is_msp_admin=True, created_at=clock.now())
        db.session.add(rita)
        db.session.commit()
        second = casting.signed_in(app, rita.get_id())

    assert "Ask for the recovery sheet" in cast.root.get("/t/acme/vault").text
    where = cast.root.post("/t/acme/vault/recovery-sheet", data=REASON).location
    refused = ada.post(f"{where}/approve")
    second.post(f"{where}/approve")
    offered = cast.root.get(where).text
    shown = cast.root.post("/t/acme/vault/recovery-sheet")
    again = cast.root.post("/t/acme/vault/recovery-sheet")

    assert refused.status_code == 403
    assert "Show the recovery sheet" in offered
    assert "lg-sheet-key" in shown.text
    assert again.status_code == 303


def test_over_all_customers_each_sees_what_they_manage(app, cast, ada, asked):
    pages = {
        name: client.get("/requests").text
        for name, client in {"ada": ada, "root": cast.root, "alice": cast.alice}.items()
    }

    assert all(f"/t/acme/requests/{asked}" in page for page in pages.values())
    assert "Decide" in pages["ada"]
    assert "Decide" not in pages["alice"]
    for person in ("olga", "bob", "charlie"):
        assert f"{asked}" not in getattr(cast, person).get("/requests").text


def test_a_manager_is_not_offered_what_only_admins_decide(app, cast, ada):
    with app.app_context():
        tenant = factories.tenant_called("acme")
        db.session.add(
            VaultRecord(tenant_id=tenant.id, location="x", vault_id="v", created_at=clock.now())
        )
        db.session.commit()
    where = cast.root.post("/t/acme/vault/recovery-sheet", data=REASON).location

    assert "Take the recovery sheet" in ada.get("/requests").text
    assert "Decide" not in ada.get("/requests").text
    assert "/approve" not in ada.get(where).text
