"""What every answer carries, and what no page contains."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.blueprints.routes import Route, all_routes
from webapp import create_app

ROUTES = all_routes()
GETS = [route for route in ROUTES if route.method == "GET"]


def name_of(route: Route) -> str:
    return route.id


class Markup(HTMLParser):
    """Collects what a strict content security policy would not run, and what else is amiss."""

    def __init__(self) -> None:
        super().__init__()
        self.strays: list[str] = []
        self.forms_without_token = 0
        self._in_post = self._has_token = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.strays += [f"<{tag} {name}>" for name in given if name.startswith("on")]
        if "style" in given or tag == "style":
            self.strays.append(f"<{tag}> has a style of its own")
        if tag == "script" and not given.get("src"):
            self.strays.append("a script without a file")
        for name in ("src", "href", "action"):
            value = given.get(name) or ""
            if "//" in value.split("?")[0] or value.startswith("javascript:"):
                self.strays.append(f"{name}={value}")
        if tag == "form" and (given.get("method") or "").lower() == "post":
            self._in_post, self._has_token = True, False
        if tag == "input" and given.get("name") == "csrf_token":
            self._has_token = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._in_post:
            self.forms_without_token += not self._has_token
            self._in_post = False


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_every_answer_carries_the_headers(everybody, route):
    path = route.path("acme", everybody.things("acme"))

    for person in ("root", "nobody"):
        headers = everybody.client(person).open(path, method=route.method, buffered=True).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"]


@pytest.mark.parametrize("route", GETS, ids=name_of)
def test_no_page_brings_style_or_script_of_its_own(everybody, monkeypatch, route):
    monkeypatch.setitem(everybody.app.config, "WTF_CSRF_ENABLED", True)
    response = everybody.client("root").get(
        route.path("acme", everybody.things("acme")), buffered=True
    )
    markup = Markup()

    if response.mimetype == "text/html":
        markup.feed(response.text)

    assert markup.strays == []
    assert markup.forms_without_token == 0


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(app):
    client = app.test_client()

    cookie = client.get("/sign-in").headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_the_session_cookie_is_secure_where_the_public_address_is(settings):
    app = create_app(replace(settings, public_url="https://backup.example.com"))

    assert "Secure" in app.test_client().get("/sign-in").headers["Set-Cookie"]
