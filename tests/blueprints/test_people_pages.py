"""People of a tenant, and accounts of the installation, on their pages."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.factories import tenant_called, user_called
from webapp.domain.permissions import Role
from webapp.extensions import db
from webapp.models import Membership
from webapp.services import installation


@pytest.fixture
def member_id(app, people):
    with app.app_context():
        tenant, user = tenant_called("acme"), user_called("bob")
        query = select(Membership.id).filter_by(tenant_id=tenant.id, user_id=user.id)
        return db.session.scalars(query).one()


@pytest.fixture
def user_id(app, people):
    with app.app_context():
        return user_called("bob").id


def test_the_list_names_everybody_and_nobody_of_the_neighbour(cast):
    page = cast.alice.get("/t/acme/people").text

    assert "bob@example.com" in page
    assert "charlie@example.com" not in page


def test_an_invitation_shows_a_link_that_works(cast):
    typed = {"email": "New@Example.com", "role": "operator", "content": "1"}

    page = cast.alice.post("/t/acme/people/invite", data=typed).text

    link = re.search(r"http://localhost(/link/[\w-]+)", page).group(1)
    assert "new@example.com" in cast.nobody.get(link).text


def test_a_link_begins_with_the_public_address_if_there_is_one(cast, monkeypatch):
    public = replace(installation.settings(), public_url="https://backup.example.com")
    monkeypatch.setattr(installation, "settings", lambda: public)
    typed = {"email": "new@example.com", "role": "viewer"}

    page = cast.alice.post("/t/acme/people/invite", data=typed)

    assert "https://backup.example.com/link/" in page.text
    assert "localhost" not in page.text


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"email": "nonsense"}, "not an e-mail address"),
        ({"email": "charlie@example.com"}, "MSP admin"),
        ({"email": "bob@example.com"}, "a member already"),
        ({"email": "new@example.com", "role": "msp_admin"}, "not a role"),
        ({"email": "new@example.com", "role": "king"}, "Choose one"),
    ],
)
def test_an_invitation_that_cannot_be_made_says_why(cast, typed, complaint):
    response = cast.alice.post("/t/acme/people/invite", data={"role": "viewer", **typed})

    assert response.status_code == 422
    assert complaint in response.text


def test_a_role_is_changed(app, cast, member_id):
    cast.alice.post(f"/t/acme/people/{member_id}", data={"role": "operator"})

    with app.app_context():
        assert db.session.get_one(Membership, member_id).role is Role.OPERATOR


def test_the_last_manager_is_told_why_they_stay(app, cast):
    with app.app_context():
        alone = db.session.scalars(
            select(Membership.id).filter_by(user_id=user_called("alice").id)
        ).one()

    response = cast.alice.post(f"/t/acme/people/{alone}", data={"role": "viewer"})

    assert response.status_code == 422
    assert "only manager" in response.text


def test_a_member_is_taken_out(cast, member_id):
    cast.alice.post(f"/t/acme/people/{member_id}/remove")

    assert cast.bob.get("/t/acme/").status_code == 403


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        ("make-admin", "may now do everything"),
        ("disable", "locked out"),
        ("enable", "may sign in again"),
        ("reset-second-factor", "password alone"),
        ("link", "/link/"),
    ],
)
def test_an_admin_s_act_on_an_account_is_confirmed(cast, user_id, act, sentence):
    page = cast.root.post(f"/people/{user_id}/{act}", follow_redirects=True)

    assert page.status_code == 200
    assert sentence in page.text


def test_the_last_admin_cannot_be_unmade(app, cast):
    with app.app_context():
        root_id = user_called("root").id

    response = cast.root.post(f"/people/{root_id}/unmake-admin")

    assert response.status_code == 409
    assert "last MSP admin" in response.text


def test_an_address_that_has_an_account_is_said_beside_the_field(cast):
    response = cast.root.post("/people", data={"email": "bob@example.com"})

    assert response.status_code == 422
    assert "has an account already" in response.text
