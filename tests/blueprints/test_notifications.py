"""The bell, the list behind it, and the widget of running work on every page."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from sqlalchemy import event, select

from tests import factories
from webapp import clock
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Membership, Notification
from webapp.services.notify import bell
from webapp.services.notify.run_changes import payload_of

SWAP = {"HX-Request": "true"}


def tell(app, name: str, *, slug: str = "acme", **facts: object) -> tuple[UUID, UUID]:
    """Tell a person of a run; its id and the notification's."""
    with app.app_context():
        run = factories.run(factories.source(factories.tenant_called(slug), name="Shop"), **facts)
        user = factories.user_called(name)
        bell.tell([user.id], run.tenant_id, type=bell.RUN_STATUS, payload=payload_of(run))
        db.session.commit()
        told = db.session.scalars(select(Notification).order_by(Notification.id.desc())).first()
        return run.id, told.id


def unread(client) -> str:
    return re.search(r'data-unread="(\d+)"', client.get("/").text).group(1)


def test_the_bell_counts_on_every_page_what_waits_to_be_read(app, cast):
    tell(app, "bob")

    for path in ("/", "/tenants", "/t/acme/", "/t/acme/runs", "/account"):
        assert 'data-unread="1"' in cast.bob.get(path).text
    assert unread(cast.olga) == "0"


def test_the_list_leads_to_the_run(app, cast):
    run_id, _ = tell(app, "bob", status=RunState.FAILED, failure_reason="No space.", error_code="x")

    page = cast.bob.get("/notifications").text

    assert "Capture of Shop" in page
    assert "No space." in page
    assert f"/t/acme/runs/{run_id}" in page
    assert cast.bob.get(f"/t/acme/runs/{run_id}").status_code == 200


def test_the_link_to_a_run_is_no_way_around_the_gate(app, cast):
    run_id, _ = tell(app, "bob")

    assert cast.charlie.get(f"/t/acme/runs/{run_id}").status_code == 403
    assert cast.charlie.get(f"/t/globex/runs/{run_id}").status_code == 403


def test_one_is_marked_read_and_then_all(app, cast):
    _, first = tell(app, "bob")
    with app.app_context():
        user, tenant = factories.user_called("bob"), factories.tenant_called("acme")
        payload = {"tenant_id": str(tenant.id), "message": "It is quiet.", "condition": "silence"}
        bell.tell([user.id], tenant.id, type=bell.ALERT, payload=payload)
        db.session.commit()

    assert cast.bob.post(f"/notifications/{first}/read").status_code == 303
    assert unread(cast.bob) == "1"
    assert "It is quiet." in cast.bob.get("/notifications?show=unread").text

    cast.bob.post("/notifications/read")
    assert unread(cast.bob) == "0"


def test_nobody_marks_anothers(app, cast):
    _, told = tell(app, "bob")

    assert cast.olga.post(f"/notifications/{told}/read").status_code == 403
    cast.olga.post("/notifications/read")
    assert unread(cast.bob) == "1"


def test_who_left_a_customer_sees_nothing_of_it_any_more(app, cast):
    tell(app, "bob")
    with app.app_context():
        user = factories.user_called("bob")
        db.session.delete(
            db.session.scalars(select(Membership).where(Membership.user_id == user.id)).one()
        )
        db.session.commit()

    assert unread(cast.bob) == "0"
    assert "Shop" not in cast.bob.get("/notifications").text


def test_a_run_has_one_line_with_its_newest_state(app, cast):
    run_id, _ = tell(app, "bob", status=RunState.RUNNING)
    with app.app_context():
        from webapp.models import Run

        run = db.session.get_one(Run, run_id)
        run.status = RunState.SUCCEEDED
        user = factories.user_called("bob")
        bell.tell([user.id], run.tenant_id, type=bell.RUN_STATUS, payload=payload_of(run))
        db.session.commit()

    page = cast.bob.get("/notifications").text

    assert page.count("data-notification-id") == 1
    assert 'data-status="succeeded"' in page


def queries_of(app, act) -> int:
    seen = []

    def count(*facts: object) -> None:
        seen.append(facts)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    act()
    event.remove(engine, "before_cursor_execute", count)
    return len(seen)


@pytest.mark.parametrize("path", ["/notifications", "/account", "/runs/running"])
def test_queries_do_not_grow_with_what_is_told_or_runs(app, cast, path):
    def fill(count: int) -> None:
        with app.app_context():
            for _ in range(count):
                of = factories.source(factories.tenant_called("acme"))
                run = factories.run(of, status=RunState.RUNNING, finished_at=None)
                user = factories.user_called("bob")
                bell.tell([user.id], run.tenant_id, type=bell.RUN_STATUS, payload=payload_of(run))
            db.session.commit()

    fill(1)
    few = queries_of(app, lambda: cast.bob.get(path))
    fill(20)

    assert queries_of(app, lambda: cast.bob.get(path)) == few


def running(app, slug: str) -> None:
    with app.app_context():
        of = factories.source(factories.tenant_called(slug), name=f"Site of {slug}")
        factories.run(
            of, status=RunState.RUNNING, finished_at=None, started_at=clock.now(),
            total_items=10, processed_items=4, phase="reading",
        )  # fmt: skip
        db.session.commit()


def test_the_widget_shows_what_runs_and_how_far_it_is(app, cast):
    running(app, "acme")

    for path in ("/", "/t/acme/sources", "/notifications"):
        page = cast.bob.get(path).text
        assert "1 running" in page
        assert "Capture of Site of acme" in page
        assert "reading, 40 %" in page


def test_the_widget_asks_again_only_while_something_runs(app, cast):
    assert "hx-trigger" not in cast.bob.get("/runs/running").text
    running(app, "acme")

    assert 'hx-trigger="every 3s"' in cast.bob.get("/runs/running", headers=SWAP).text


def test_on_a_customers_page_the_widget_is_of_that_customer(app, cast):
    running(app, "acme")
    running(app, "globex")

    everywhere = cast.root.get("/").text
    here = cast.root.get("/t/globex/").text

    assert "2 running" in everywhere
    assert 'hx-get="/runs/running"' in everywhere
    assert "1 running" in here
    assert "Site of acme" not in here
    assert 'hx-get="/t/globex/runs/running"' in here


def test_the_widget_tells_nothing_of_a_neighbour(app, cast):
    running(app, "acme")

    assert "Nothing running" in cast.charlie.get("/").text
    assert cast.charlie.get("/t/acme/runs/running", headers=SWAP).status_code == 403


def test_alerts_are_shown_on_the_overview_and_the_customers_page(app, cast):
    from webapp.services import alerts

    with app.app_context():
        tenant = factories.tenant_called("acme")
        alerts.open(tenant.id, "silence", "tenant", "Nothing ran for long.")

    assert "Nothing ran for long." in cast.bob.get("/").text
    assert "Nothing ran for long." in cast.bob.get("/t/acme/").text
    assert "Nothing ran" not in cast.charlie.get("/").text


def test_an_alert_about_a_schedule_leads_to_it(app, cast):
    from webapp.services import alerts

    with app.app_context():
        tenant = factories.tenant_called("acme")
        nightly = factories.schedule(factories.source(tenant)).id
        db.session.commit()
        alerts.open(
            tenant.id, "schedule_overdue", f"schedule:{nightly}", "Nightly was not started."
        )

    link = f'href="/t/acme/schedules/{nightly}">Nightly was not started.</a>'
    for place in ("/", "/t/acme/", "/notifications"):
        assert link in cast.alice.get(place).text
    assert cast.alice.get(f"/t/acme/schedules/{nightly}").status_code == 200
