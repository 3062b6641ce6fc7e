"""Customers on their pages."""

from __future__ import annotations

import pytest

from tests import factories
from tests.factories import tenant_called
from webapp.extensions import db

NEW = {
    "slug": "initech",
    "name": "Initech",
    "timezone": "America/New_York",
    "recovery_point": "4",
    "recovery_point_unit": "hours",
    "needs_two_people": ["live_restore"],
}


def test_an_admin_adds_a_tenant(app, cast):
    response = cast.root.post("/tenants/new", data=NEW)

    assert response.location == "/t/initech/edit"
    with app.app_context():
        made = tenant_called("initech")
        assert made.recovery_point_minutes == 240
        assert made.needs_two_people == ["live_restore"]


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"slug": "acme"}, "is taken"),
        ({"slug": "Not A Slug"}, "Use a-z"),
        ({"name": ""}, "needs a name"),
        ({"timezone": "Mars/Olympus"}, "no such zone"),
        ({"recovery_point": "soon"}, "A whole number"),
        ({"recovery_point": "0"}, "A whole number"),
        ({"recovery_point": "9" * 30}, "A whole number"),
        ({"needs_two_people": ["everything"]}, "Choose from the list"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(cast, typed, complaint):
    response = cast.root.post("/tenants/new", data={**NEW, **typed})

    assert response.status_code == 422
    assert complaint in response.text
    assert 'value="America/New_York"' in response.text or "timezone" in typed


def test_a_change_shows_on_the_page(cast):
    cast.root.post("/t/acme/edit", data={**NEW, "name": "Acme & Sons"})

    assert "Acme &amp; Sons" in cast.bob.get("/t/acme/").text


@pytest.mark.parametrize(
    "root", ["", "relative", "/", "/srv/../etc", "HOME", "HOME/vaults", "ABOVE"]
)
def test_a_folder_that_may_not_be_granted_is_refused(app, cast, root):
    home = app.extensions["settings"].home
    typed = root.replace("HOME", str(home)).replace("ABOVE", str(home.parent))

    response = cast.root.post("/t/acme/roots", data={"root": typed})

    assert response.status_code == 422
    with app.app_context():
        assert len(tenant_called("acme").granted_roots) == 1


def test_a_folder_is_granted_and_taken_back(app, cast):
    cast.root.post("/t/acme/roots", data={"root": "/srv/acme-web"})
    assert "/srv/acme-web" in cast.root.get("/t/acme/edit").text

    cast.root.post("/t/acme/roots/revoke", data={"root": "/srv/acme-web"})

    with app.app_context():
        assert "/srv/acme-web" not in tenant_called("acme").granted_roots


def test_the_page_says_what_is_missing(app, cast):
    page = cast.bob.get("/t/acme/").text

    assert "Nothing is protected yet" in page
    assert "Nothing protects this folder" in page


def test_the_page_judges_each_source(app, cast):
    with app.app_context():
        tenant = tenant_called("acme")
        factories.backup_set(factories.run(factories.source(tenant, name="good")))
        factories.source(tenant, name="never")
        db.session.commit()

    page = cast.bob.get("/t/acme/").text

    assert 'data-status="safe"' in page
    assert 'data-status="unknown"' in page
    assert "Nothing protects this folder" not in page


def test_a_suspended_tenant_says_so_to_its_people(cast):
    cast.root.post("/t/acme/status/suspended")

    assert "This customer is suspended" in cast.bob.get("/t/acme/").text
    assert cast.root.post("/t/acme/status/suspended").status_code == 409


def test_the_list_is_one_s_own(cast):
    page = cast.bob.get("/tenants").text

    assert "Acme" in page
    assert "Globex" not in page
