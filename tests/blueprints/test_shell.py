"""What surrounds every page: addresses of files, the widget of running work, errors."""

from __future__ import annotations

import gzip

import pytest

from webapp.assets import path_of
from webapp.blueprints.web.static_files import asset


def test_our_files_come_compressed_and_are_kept_for_good(app, cast):
    with app.test_request_context():
        address = asset("css/lastgood.css")

    response = cast.nobody.get(address, headers={"Accept-Encoding": "gzip"})

    assert response.headers["Content-Encoding"] == "gzip"
    assert "immutable" in response.headers["Cache-Control"]
    assert b"--lg-ok" in gzip.decompress(response.data)


def test_a_browser_that_takes_no_compressed_files_gets_plain_ones(cast):
    response = cast.nobody.get("/static/css/lastgood.css", buffered=True)

    assert "Content-Encoding" not in response.headers
    assert response.headers["Cache-Control"] == "no-cache"
    assert "Accept-Encoding" in response.headers["Vary"]
    assert "--lg-ok" in response.text


def test_third_party_files_are_asked_for_by_version(app):
    with app.test_request_context():
        address = asset("htmx")

    assert address.endswith(path_of("htmx"))


def test_the_widget_shows_nothing_of_other_tenants(cast):
    response = cast.bob.get("/runs/running")

    assert response.status_code == 200
    assert "Nothing running" in response.text


def test_the_widget_sends_a_signed_out_page_to_sign_in(cast):
    response = cast.nobody.get("/runs/running", headers={"HX-Request": "true"})

    assert response.status_code == 401
    assert response.headers["HX-Refresh"] == "true"


@pytest.mark.parametrize("person", ["charlie", "bob"])
def test_an_error_says_the_same_wherever_it_comes_from(cast, person):
    first = getattr(cast, person).get("/t/nowhere/runs")
    second = getattr(cast, person).get("/t/elsewhere/runs")

    assert first.status_code == second.status_code
    assert first.text == second.text
