"""A real server, a real browser: what the browser tests are given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e import browsing
from tests.e2e.server import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """``lastgood serve`` with a fresh demo tenant, one for each module of tests."""
    with serving(tmp_path_factory.mktemp("e2e") / "home") as server:
        yield server


@pytest.fixture
def base_url(server: Server) -> str:
    return server.url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if browsing.chromium() is None:
        pytest.skip("chromium is not installed; make e2e installs it where it can")
    with browsing.browsing() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A page of its own, signed out. The test fails if the browser had anything to complain of."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(15_000)
    page = context.new_page()
    complaints = browsing.complaints_of(page)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def signed_in(page: Page, server: Server) -> Page:
    """A page on which the first admin has signed in."""
    browsing.sign_in(page, server)
    return page
