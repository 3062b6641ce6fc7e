"""One's own account."""

from __future__ import annotations

import re

import pyotp
import pytest

from tests.factories import user_called
from webapp.extensions import db
from webapp.services import passwords, second_factor

PASSWORD = "a rather long sentence"
NEW = "an even longer sentence"


@pytest.fixture
def bob(app, cast):
    with app.app_context():
        user_called("bob").password_hash = passwords.hash_of(PASSWORD)
        db.session.commit()
    return cast.bob


def secret_of_bob(app) -> str:
    with app.app_context():
        return second_factor.secret_of(user_called("bob"))


def turn_on(app, bob) -> str:
    """Go through enrolment, and return the page that shows the recovery codes."""
    bob.post("/account/second-factor/begin")
    code = pyotp.TOTP(secret_of_bob(app)).now()
    return bob.post("/account/second-factor", data={"code": code}).text


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(app, bob):
    other = app.test_client()
    with bob.session_transaction() as mine, other.session_transaction() as session:
        session.update(mine)
    typed = {"current_password": PASSWORD, "new_password": NEW, "again": NEW}

    assert bob.post("/account/password", data=typed).location == "/account"

    assert bob.get("/account").status_code == 200
    assert "/sign-in" in other.get("/account").location


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({"current_password": "wrong"}, "not your present password"),
        ({"new_password": "short", "again": "short"}, "at least 12"),
        ({"again": "something else"}, "not the same"),
        ({"new_password": "bob@example.com", "again": "bob@example.com"}, "your own address"),
    ],
)
def test_a_password_that_cannot_be_taken_is_said_beside_its_field(bob, typed, complaint):
    whole = {"current_password": PASSWORD, "new_password": NEW, "again": NEW, **typed}

    response = bob.post("/account/password", data=whole)

    assert response.status_code == 422
    assert complaint in response.text
    assert NEW not in response.text


def test_other_sessions_can_be_ended(app, bob):
    other = app.test_client()
    with bob.session_transaction() as mine, other.session_transaction() as session:
        session.update(mine)

    bob.post("/account/sessions/end")

    assert bob.get("/account").status_code == 200
    assert "/sign-in" in other.get("/account").location


def test_enrolment_shows_a_picture_and_the_key_and_nothing_is_on_before_a_code(app, bob):
    bob.post("/account/second-factor/begin")

    page = bob.get("/account/second-factor").text

    assert "<svg" in page
    assert secret_of_bob(app) in page.replace(" ", "")
    with app.app_context():
        assert not second_factor.is_on(user_called("bob"))


def test_recovery_codes_are_shown_once(app, bob):
    codes = re.findall(r"<li><code>([a-z0-9-]+)</code>", turn_on(app, bob))

    assert len(set(codes)) == 10
    for path in ("/account", "/account/second-factor", "/account/recovery-codes"):
        assert codes[0] not in bob.get(path).text


@pytest.mark.parametrize("path", ["/account/second-factor/off", "/account/recovery-codes"])
def test_what_weakens_the_account_asks_for_the_password(app, bob, path):
    turn_on(app, bob)

    refused = bob.post(path, data={"current_password": "wrong"})
    accepted = bob.post(path, data={"current_password": PASSWORD})

    assert refused.status_code == 422
    assert accepted.status_code in {200, 303}


def test_the_key_is_not_shown_again_once_the_factor_is_on(app, bob):
    turn_on(app, bob)

    assert bob.get("/account/second-factor").location == "/account"


def test_a_name_is_shown_as_it_was_typed_and_never_as_markup(bob):
    bob.post("/account/name", data={"name": "<b>Bob</b>"})

    page = bob.get("/account").text

    assert "&lt;b&gt;Bob&lt;/b&gt;" in page
    assert "<b>Bob</b>" not in page
