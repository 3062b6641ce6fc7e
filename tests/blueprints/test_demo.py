"""The demo's buttons."""

from __future__ import annotations

import pytest

from webapp.domain.actors import SYSTEM
from webapp.extensions import db
from webapp.models import Run
from webapp.services import demo


@pytest.fixture
def shop(app, people) -> None:
    with app.app_context():
        demo.create(SYSTEM)


def runs(app) -> list[str]:
    with app.app_context():
        return [run.action for run in db.session.query(Run)]


def test_damage_it_starts_a_run_and_leads_there(app, cast, shop):
    response = cast.root.post("/t/demo/demo/damage")

    assert response.status_code == 303
    assert "/t/demo/runs/" in response.location
    assert runs(app) == ["demo_damage"]


def test_remove_the_demo_starts_a_run_and_leads_to_the_overview(app, cast, shop):
    response = cast.root.post("/t/demo/demo/remove")

    assert response.status_code == 303
    assert runs(app) == ["demo_removal"]


@pytest.mark.parametrize("act", ["damage", "remove"])
def test_strangers_are_refused(app, cast, shop, act):
    assert cast.alice.post(f"/t/demo/demo/{act}").status_code == 403
    assert cast.nobody.post(f"/t/demo/demo/{act}").status_code in {302, 303, 401}
    assert runs(app) == []


@pytest.mark.parametrize("act", ["damage", "remove"])
def test_another_customers_site_is_no_demo(app, cast, act):
    assert cast.root.post(f"/t/acme/demo/{act}").status_code in {403, 409}
    assert runs(app) == []


def test_the_tenants_page_offers_both(cast, shop):
    page = cast.root.get("/t/demo/").text

    assert "Damage it" in page
    assert "Remove the demo" in page


def test_another_customers_page_offers_neither(cast):
    page = cast.root.get("/t/acme/").text

    assert "Damage it" not in page


def test_the_page_says_that_a_worker_is_at_it(app, cast, shop):
    cast.root.post("/t/demo/demo/damage")

    assert "A worker is at it" in cast.root.get("/t/demo/").text
