"""Restores: choosing, the preview, the decision. What services decide is tested with them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from webapp import clock
from webapp.blueprints.restores.wording import diff_lines
from webapp.extensions import db
from webapp.models import PlanItem, RestorePlan, Run, Tenant
from webapp.services import installation, source_settings

CONFIRMED = {"reviewed": "1", "reason": "ticket 4711", "confirm": "acme"}


def at(things, tail=""):
    return f"/t/acme/restores/{things.plan}{tail}"


def state_of(app, things):
    with app.app_context():
        return db.session.get_one(RestorePlan, things.plan).state


def test_the_first_step_offers_the_items_and_the_places(cast, things):
    text = cast.pete.get(f"/t/acme/restores/new?set={things.backup_set}").text

    assert 'value="tree:"' in text
    assert "Where it came from: Documents" in text
    assert "Into a folder" in text


def test_without_a_restore_point_one_is_chosen_first(cast, things):
    assert cast.pete.get("/t/acme/restores/new").location == "/t/acme/sets"


def test_a_preview_is_a_run(app, cast, things, rings):
    form = {"scope": "all", "where": "same"}

    response = cast.pete.post(f"/t/acme/restores/new?set={things.backup_set}", data=form)

    assert response.location == f"/t/acme/runs/{rings[-1]}"


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"scope": "some", "where": "same"}, "Choose at least one item"),
        ({"scope": "all", "where": "path", "to_path": "here"}, "Give the full path"),
        ({"scope": "all", "where": "path", "to_path": "/etc"}, "outside the folders granted"),
        ({"scope": "all", "where": "source:x"}, "no such place"),
    ],
)
def test_what_cannot_be_previewed_is_said(app, cast, things, form, sentence):
    response = cast.pete.post(f"/t/acme/restores/new?set={things.backup_set}", data=form)

    assert response.status_code in {409, 422}
    assert sentence in response.text


def test_the_plan_says_what_will_happen(cast, things):
    text = cast.bob.get(at(things)).text

    assert "1 replaced, 1 created, nothing deleted." in text
    assert 'data-item-key="tree:index.html"' in text
    assert "7 more, not touched" in text
    assert "Nothing has been written" in text


def test_the_changes_are_narrowed_by_action_and_by_text(cast, things):
    created = cast.bob.get(at(things, "?action=create")).text
    found = cast.bob.get(at(things, "?q=INDEX")).text

    assert ("tree:new.txt" in created, "tree:index.html" in created) == (True, False)
    assert ("tree:new.txt" in found, "tree:index.html" in found) == (False, True)


def test_the_changes_come_alone_for_a_swap(cast, things):
    response = cast.bob.get(at(things), headers={"HX-Request": "true"})

    assert "<html" not in response.text
    assert "HX-Request" in response.headers["Vary"]


@pytest.mark.parametrize("tail", ["", "/diff/{item}"])
def test_a_neighbour_is_refused(cast, things, tail):
    tail = tail.format(item=things.plan_item)
    for tenant in ("acme", "globex"):
        response = cast.charlie.get(f"/t/{tenant}/restores/{things.plan}{tail}")

        assert response.status_code == 403
        assert "Acme" not in response.text


def test_a_diff_needs_the_content_right(app, cast, things):
    with app.app_context():
        item = db.session.get_one(PlanItem, things.plan_item)
        item.diff_sealed = installation.seal(
            "@@ -1 +1 @@\n-<b>bad\n+good\n", purpose=f"diff of plan {things.plan}"
        )
        db.session.commit()
    place = at(things, f"/diff/{things.plan_item}")

    shown = cast.olga.get(place, headers={"HX-Request": "true"})

    assert "&lt;b&gt;bad" in shown.text
    assert '<div class="is-added">+good</div>' in shown.text
    assert cast.pete.get(place).status_code == 403
    assert "/diff/" not in cast.pete.get(at(things)).text
    assert "/diff/" in cast.olga.get(at(things)).text


def test_lines_of_a_diff_are_told_apart():
    assert diff_lines("@@ -1 +1 @@\n-a\n+b\n c\n") == [
        ("head", "@@ -1 +1 @@"), ("removed", "-a"), ("added", "+b"), ("same", " c"),
    ]  # fmt: skip


@pytest.mark.parametrize("missing", ["reviewed", "reason", "confirm"])
def test_nothing_starts_before_all_of_it_is_confirmed(app, cast, things, missing, rings):
    form = {name: value for name, value in CONFIRMED.items() if name != missing}

    response = cast.olga.post(at(things, "/apply"), data=form)

    assert response.status_code in {409, 422}
    assert "What this restore will do" in response.text
    assert rings == []
    assert state_of(app, things) == "ready"


def test_a_wrong_name_keeps_what_was_typed(cast, things):
    response = cast.olga.post(at(things, "/apply"), data={**CONFIRMED, "confirm": "globex"})

    assert "Nothing was written" in response.text
    assert 'value="ticket 4711"' in response.text


def test_a_confirmed_plan_becomes_a_run(app, cast, things, rings):
    with app.app_context():
        plan = db.session.get_one(RestorePlan, things.plan)
        plan.source_fingerprint = source_settings.fingerprint(plan.target_source)
        db.session.commit()

    response = cast.olga.post(at(things, "/apply"), data=CONFIRMED)

    assert response.location == f"/t/acme/runs/{rings[-1]}"
    assert state_of(app, things) == "executing"
    assert "This plan has a live run." in cast.bob.get(at(things)).text


def test_a_previewer_asks_and_an_operator_approves(app, cast, things):
    asked = cast.pete.post(at(things, "/request"), data={"reason": "please"})
    assert (asked.status_code, state_of(app, things)) == (303, "requested")
    assert "please" in cast.olga.get(at(things)).text

    approved = cast.olga.post(at(things, "/approve"), data={"reason": "seen"})

    assert (approved.status_code, state_of(app, things)) == (303, "approved")


def test_what_was_asked_for_can_be_turned_down(app, cast, things):
    cast.pete.post(at(things, "/request"), data={"reason": "please"})

    response = cast.olga.post(at(things, "/reject"), data={"reason": "not now"})

    assert (response.status_code, state_of(app, things)) == (303, "rejected")


def test_nobody_approves_their_own_where_two_are_needed(app, cast, things):
    with app.app_context():
        tenant = db.session.scalars(select(Tenant).where(Tenant.slug == "acme")).one()
        tenant.needs_two_people = ["live_restore"]
        db.session.commit()
    assert "Restore now" not in cast.olga.get(at(things)).text
    cast.olga.post(at(things, "/request"), data={"reason": "please"})

    page = cast.olga.get(at(things)).text
    response = cast.olga.post(at(things, "/approve"), data={"reason": "mine"})

    assert "somebody else has to approve" in page
    assert response.status_code == 409
    assert "/approve" in cast.alice.get(at(things)).text


@pytest.mark.parametrize(
    ("person", "act"),
    [("bob", "request"), ("audrey", "request"), ("pete", "approve"), ("pete", "reject"),
     ("pete", "apply"), ("bob", "apply"), ("charlie", "apply")],
)  # fmt: skip
def test_smaller_roles_decide_nothing(cast, things, person, act):
    response = getattr(cast, person).post(at(things, f"/{act}"), data=CONFIRMED)

    assert response.status_code == 403


def test_the_decision_is_offered_to_those_who_may_take_it(cast, things):
    assert "Restore now" in cast.olga.get(at(things)).text
    assert "Restore now" not in cast.pete.get(at(things)).text
    assert "Ask for approval" in cast.pete.get(at(things)).text
    assert "<form" not in cast.bob.get(at(things)).text.partition('id="restore-decision"')[2]


def test_an_old_plan_leads_to_a_new_preview(app, cast, things):
    with app.app_context():
        db.session.get_one(RestorePlan, things.plan).expires_at = clock.now() - timedelta(minutes=1)
        db.session.commit()

    text = cast.olga.get(at(things)).text

    assert "cannot be carried out any more" in text
    assert "Make a new preview" in text
    assert "Restore now" not in text


def test_a_preview_that_ends_while_one_looks_leads_to_its_plan(app, cast, things):
    with app.app_context():
        run_id = db.session.get_one(RestorePlan, things.plan).run_id
        assert db.session.get_one(Run, run_id)

    polled = cast.bob.get(f"/t/acme/runs/{run_id}/progress?then=plan")
    looked_at = cast.bob.get(f"/t/acme/runs/{run_id}/progress")

    assert polled.headers["HX-Redirect"] == at(things)
    assert "HX-Redirect" not in looked_at.headers


def test_the_list_holds_every_plan(cast, things):
    text = cast.bob.get("/t/acme/restores").text

    assert f'data-plan-id="{things.plan}"' in text
    assert cast.charlie.get("/t/acme/restores").status_code == 403
