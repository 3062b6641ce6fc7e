"""The way in, and the way out, as a browser sees them."""

from __future__ import annotations

import re
import time

import pyotp
import pytest

from tests.factories import user_called
from webapp import clock
from webapp.extensions import db
from webapp.services import links, passwords, second_factor

PASSWORD = "a rather long sentence"
ALICE = {"email": "alice@example.com", "password": PASSWORD}


@pytest.fixture
def browser(app, people):
    """Signed out, with Alice's password set; CSRF on, as in life."""
    with app.app_context():
        user_called("alice").password_hash = passwords.hash_of(PASSWORD)
        db.session.commit()
    return app.test_client()


def token(browser, path="/sign-in"):
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(path).text)
    return {"csrf_token": found.group(1)} if found else {}


def sign_in(browser, **typed):
    return browser.post("/sign-in", data={**token(browser), **ALICE, **typed})


def test_alice_gets_in_and_out(browser):
    assert sign_in(browser).location == "/"
    assert browser.get("/account").status_code == 200

    browser.post("/sign-out", data=token(browser, "/account"))

    assert "/sign-in" in browser.get("/account").location


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("/t/acme/people?x=1", "/t/acme/people?x=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("t/acme", "/"),
        ("", "/"),
    ],
)
def test_after_sign_in_one_is_sent_to_an_own_page_only(browser, target, place):
    assert sign_in(browser, next=target).location == place


def test_a_page_asked_for_signed_out_comes_after_sign_in(browser):
    asked = browser.get("/t/acme/people?x=1")

    assert asked.location == "/sign-in?next=/t/acme/people?x%3D1"


def test_a_wrong_password_is_said_beside_the_field_and_the_address_is_kept(browser):
    response = sign_in(browser, password="wrong")

    assert response.status_code == 422
    assert "is not right" in response.text
    assert 'value="alice@example.com"' in response.text
    assert "wrong" not in response.text


def test_too_many_tries_are_told_how_long_to_wait(browser):
    for _ in range(5):
        sign_in(browser, password="wrong")

    response = sign_in(browser)

    assert response.status_code == 429
    assert 50 <= int(response.headers["Retry-After"]) <= 60
    assert "Too many tries. Please wait" in response.text


def test_nothing_of_the_session_before_sign_in_survives_it(browser):
    with browser.session_transaction() as session:
        session["planted"] = "by somebody else"
    before = token(browser)

    sign_in(browser)

    with browser.session_transaction() as session:
        assert "planted" not in session
        assert session.permanent
    assert browser.post("/account/name", data={**before, "name": "X"}).status_code == 400


def test_a_session_ends_after_its_longest_life_however_busy(app, browser):
    sign_in(browser)
    lifetime = app.permanent_session_lifetime.total_seconds()
    with browser.session_transaction() as session:
        session["begun"] = int(time.time() - lifetime - 1)

    assert "/sign-in" in browser.get("/account").location


def test_a_second_factor_is_asked_for_before_anything_is_shown(app, browser):
    with app.app_context():
        user = user_called("alice")
        second_factor.begin(user)
        secret = second_factor.secret_of(user)
        code = pyotp.TOTP(secret).at(clock.now(), counter_offset=-1)
        second_factor.confirm(user, code, at=clock.now())

    assert sign_in(browser, next="/t/acme/").location == "/sign-in/code"
    assert "/sign-in" in browser.get("/account").location

    wrong = browser.post("/sign-in/code", data={**token(browser, "/sign-in/code"), "code": "1"})
    assert wrong.status_code == 422

    right = {"code": pyotp.TOTP(secret).now()}
    response = browser.post("/sign-in/code", data={**token(browser, "/sign-in/code"), **right})
    assert response.location == "/t/acme/"
    assert browser.get("/account").status_code == 200


def test_a_code_without_a_password_before_it_leads_back_to_the_start(browser):
    response = browser.post("/sign-in/code", data={**token(browser), "code": "123456"})

    assert response.location == "/sign-in"


def test_an_invitation_leads_to_a_password_and_works_once(app, browser):
    with app.app_context():
        _, secret = links.make(user_called("bob"), at=clock.now())
        db.session.commit()
    path = f"/link/{secret}"
    typed = {"password": PASSWORD, "again": PASSWORD, "name": "Bob Baker"}

    assert browser.post(path, data={**token(browser, path), **typed}).location == "/sign-in"

    assert browser.get(path).status_code == 404
    assert sign_in(browser, email="bob@example.com").location == "/"


def test_two_passwords_that_differ_are_not_taken(app, browser):
    with app.app_context():
        _, secret = links.make(user_called("bob"), at=clock.now())
        db.session.commit()
    path = f"/link/{secret}"
    typed = {"password": PASSWORD, "again": PASSWORD + "!"}

    response = browser.post(path, data={**token(browser, path), **typed})

    assert response.status_code == 422
    assert "not the same" in response.text


def test_signed_in_people_are_sent_on_from_the_sign_in_page(cast):
    assert cast.bob.get("/sign-in").location == "/"


def test_a_disabled_person_is_out_at_once(app, cast):
    with app.app_context():
        user_called("bob").is_disabled = True
        db.session.commit()

    assert "/sign-in" in cast.bob.get("/account").location
