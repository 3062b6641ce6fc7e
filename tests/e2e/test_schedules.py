"""Schedules by a person with a browser: written, watched, run; templates applied to many."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import browsing
from tests.e2e.server import Server

pytestmark = pytest.mark.e2e

WORKS = 60_000  # milliseconds that a worker may take


def new_schedule(page: Page, server: Server) -> None:
    source = server.command("source", "list", "demo")[0]["id"]
    page.goto(f"{server.url}/t/demo/schedules/new?source={source}")


def test_the_next_slots_follow_what_is_typed(signed_in, server):
    page = signed_in
    new_schedule(page, server)
    slots = page.locator("#schedules-slots")

    page.get_by_label("Time", exact=True).fill("04:44")
    expect(slots).to_contain_text("Every day at 04:44")
    expect(slots.locator("ol > li")).to_have_count(10)
    page.get_by_label("On some days of the week").check()
    expect(slots).to_contain_text("A weekly schedule needs at least one day.")
    page.get_by_label("Mon", exact=True).check()
    expect(slots).to_contain_text("Every Monday at 04:44")
    page.get_by_label("Time zone").fill("Asia/Tokyo")

    expect(slots).to_contain_text("Clocks never change in Asia/Tokyo.")


def test_only_what_belongs_to_the_choice_is_on_the_form(signed_in, server):
    page = signed_in
    new_schedule(page, server)

    page.get_by_label("By a cron line").check()

    expect(page.get_by_label("Cron line", exact=True)).to_be_visible()
    expect(page.get_by_label("Time", exact=True)).to_be_hidden()
    expect(page.get_by_label("Mon", exact=True)).to_be_hidden()


def test_a_schedule_is_made_run_paused_and_archived(signed_in, server):
    page = signed_in
    new_schedule(page, server)
    page.get_by_label("Name").fill("Browser nightly")
    page.get_by_role("button", name="Save and switch it on").click()
    expect(page.get_by_role("heading", name="Browser nightly")).to_be_visible()
    address = page.url

    page.get_by_role("button", name="Run now").click()
    expect(page).to_have_url(re.compile("/t/demo/runs/"))
    expect(page.locator("#run-progress")).to_have_attribute("aria-busy", "false", timeout=WORKS)
    page.goto(address)
    expect(page.locator("#history-table")).to_contain_text("Succeeded")
    expect(page.get_by_role("link", name="Restore point")).to_be_visible()

    page.get_by_role("link", name="Pause …").click()
    page.get_by_label("Until").fill("2999-01-01T08:00")
    page.get_by_label("Reason").fill("works on the network")
    page.get_by_role("button", name="Pause it").click()
    expect(page.locator(".lg-head .lg-state")).to_have_text("Paused")
    page.get_by_role("button", name="End the pause").click()
    expect(page.locator(".lg-head .lg-state")).to_have_text("Active")
    page.get_by_role("link", name="Archive").click()
    page.get_by_role("button", name="Archive it").click()

    expect(page.locator(".lg-head .lg-state")).to_have_text("Archived")


def test_a_template_is_applied_after_its_preview(signed_in, server):
    page = signed_in
    page.goto(f"{server.url}/schedule-templates/new")
    page.get_by_label("Name").fill("Gold")
    page.get_by_role("button", name="Save and choose sources").click()
    page.locator("input[name=tenant][value=demo]").check()
    page.get_by_role("button", name="See what would change").click()
    expect(page.locator("#planned-list li").first).to_have_attribute("data-status", "create")
    page.get_by_label("Reason").fill("new contract")
    page.get_by_role("button", name=re.compile("^Apply to")).click()

    page.locator("[data-run-id] a").first.click()
    expect(page.locator("#run-progress")).to_have_attribute("aria-busy", "false", timeout=WORKS)
    page.goto(f"{server.url}/t/demo/schedules")
    expect(page.locator("#schedules-table")).to_contain_text("Gold")


def test_the_form_works_without_scripts(browser, server):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    browsing.sign_in(page, server)
    new_schedule(page, server)
    page.get_by_label("Time", exact=True).fill("04:44")

    page.get_by_role("button", name="Show when it would run").click()
    expect(page.locator("#schedules-slots")).to_contain_text("Every day at 04:44")
    page.get_by_label("Name").fill("Plain nightly")
    page.get_by_role("button", name="Save and switch it on").click()

    expect(page.get_by_role("heading", name="Plain nightly")).to_be_visible()
    context.close()
