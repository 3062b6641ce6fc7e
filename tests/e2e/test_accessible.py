"""Every page can be used by everybody: axe finds nothing serious, a keyboard reaches all of it."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e import browsing
from tests.e2e.screenshots import PAGES, choose_the_demo, forms, story

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SIGNED_OUT = ("/sign-in", "/sign-in/forgotten")
MORE = {
    "restore-new": "/t/demo/restores/new?set={set}",
    "source-choose": "/t/demo/sources/new",
    "source-new": "/t/demo/sources/new?kind=site",
    "source-edit": "/t/demo/sources/{source}/edit",
    "source-remove": "/t/demo/sources/{source}/remove",
    "folder": "/t/demo/sets/{set}/browse?item=tree:",
    "all-runs": "/runs",
    "all-schedules": "/schedules",
    "tenant-unprotected": "/t/demo/unprotected",
    "schedule-choose": "/t/demo/schedules/new",
    "schedule-new": "/t/demo/schedules/new?source={source}",
    "schedule-edit": "/t/demo/schedules/{schedule}/edit",
    "schedule-pause": "/t/demo/schedules/{schedule}/pause",
    "schedule-archive": "/t/demo/schedules/{schedule}/archive",
    "limits-edit": "/t/demo/limits/tenant/edit",
    "limits-pause": "/t/demo/limits/tenant/pause",
    "installation-limits-edit": "/limits/edit",
    "template-new": "/schedule-templates/new",
    "template-edit": "/schedule-templates/{template}/edit",
    "template-apply": "/schedule-templates/{template}/apply",
    "template-remove": "/schedule-templates/{template}/remove",
    "channel": "/t/demo/channels/{channel}",
    "own-channels": "/account/channels",
    "unread": "/notifications?show=unread",
    "vault": "/t/demo/vault",
    "tenant-new": "/tenants/new",
    "tenant-edit": "/t/demo/edit",
    "all-audit": "/audit",
    "all-restores": "/restore-log",
    "error": "/t/nowhere/runs",
}
ALL = {**PAGES, **MORE}
WIDTHS = (360, 768, 1360)


@pytest.fixture(scope="module")
def ids(server, browser):
    return {**story(server), **forms(browser, server)}


def serious(page: Page) -> list[str]:
    """What axe finds that would keep somebody from using the page."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{found['id']}: {node['target']} {node['failureSummary']}"
        for found in violations
        if found["impact"] in {"serious", "critical"}
        for node in found["nodes"]
    ]


def beyond(page: Page) -> dict[int, int]:
    """By how much the page is wider than the screen, for each width of screens."""
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        found[width] = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
    return {width: pixels for width, pixels in found.items() if pixels > 0}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, server, ids, theme):
    context = browser.new_context(color_scheme=theme, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    found = {}
    for address in SIGNED_OUT:
        page.goto(f"{server.url}{address}")
        found[address] = serious(page)
    browsing.sign_in(page, server)
    for name, address in ALL.items():
        page.goto(f"{server.url}{address.format(**ids)}")
        found[name] = serious(page)
    choose_the_demo(page, server, ids["template"])
    found["template-preview"] = serious(page)
    context.close()

    assert {name: problems for name, problems in found.items() if problems} == {}


def test_no_page_is_wider_than_the_screen(browser, server, ids):
    context = browser.new_context()
    page = context.new_page()
    browsing.sign_in(page, server)
    found = {}
    for name, address in ALL.items():
        page.goto(f"{server.url}{address.format(**ids)}")
        found[name] = beyond(page)
    choose_the_demo(page, server, ids["template"])
    found["template-preview"] = beyond(page)
    context.close()

    assert {name: widths for name, widths in found.items() if widths} == {}


def focused(page: Page) -> str:
    return page.evaluate("(document.activeElement.textContent || '').trim()")


def tab_to(page: Page, text: str, *, most: int = 60) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if focused(page) == text:
            return
    raise AssertionError(f"the keyboard does not reach {text}")


def test_the_first_stop_skips_to_the_content(signed_in):
    signed_in.reload()

    signed_in.keyboard.press("Tab")

    assert focused(signed_in) == "Skip to the content"


def test_a_capture_is_started_by_keyboard_alone(signed_in, server):
    signed_in.goto(f"{server.url}/t/demo/sources")

    tab_to(signed_in, "Capture now")
    signed_in.keyboard.press("Enter")

    expect(signed_in.locator("#run-progress")).to_be_visible()


def test_the_account_menu_opens_and_closes_by_keyboard(signed_in, server):
    signed_in.goto(f"{server.url}/")
    menu = signed_in.locator("#account-menu")
    menu.locator("summary").focus()

    signed_in.keyboard.press("Enter")
    expect(menu.get_by_role("button", name="Sign out")).to_be_visible()
    signed_in.keyboard.press("Escape")

    expect(menu.get_by_role("button", name="Sign out")).to_be_hidden()


def test_a_restore_is_decided_by_keyboard_alone(signed_in, server, ids):
    signed_in.goto(f"{server.url}/t/demo/restores/{ids['plan']}")
    for label in ("I have read what will change.", "Reason", "Type demo to restore"):
        expect(signed_in.get_by_label(label).first).to_be_visible()
    signed_in.get_by_label("I have read what will change.").focus()
    signed_in.keyboard.press("Space")
    signed_in.keyboard.press("Tab")
    signed_in.keyboard.type("ticket 4711")
    signed_in.keyboard.press("Tab")
    signed_in.keyboard.type("demo")
    signed_in.keyboard.press("Tab")

    assert focused(signed_in) == "Restore now"


def test_the_colours_stay_as_chosen(signed_in, server):
    signed_in.goto(f"{server.url}/")
    signed_in.locator("#account-menu summary").click()
    signed_in.get_by_role("button", name="Dark").click()
    expect(signed_in.locator("html")).to_have_attribute("data-bs-theme", "dark")

    signed_in.goto(f"{server.url}/runs")

    expect(signed_in.locator("html")).to_have_attribute("data-bs-theme", "dark")
