"""The story of the product, by a person with a browser, against the real server and worker."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import browsing
from tests.e2e.server import Server

pytestmark = pytest.mark.e2e

WORKS = 60_000  # milliseconds that a worker may take


def shop_of(server: Server) -> dict[str, str]:
    """Every file of the demo shop with the digest of its content; its database by its tables."""
    root = server.home / "demo"
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def without_databases(files: Mapping[str, str]) -> dict[str, str]:
    """A restored database has the same rows, not the same bytes."""
    return {name: digest for name, digest in files.items() if not name.endswith((".db", ".sqlite"))}


def ended(page: Page, *, word: str = "Succeeded") -> None:
    """Wait until the run on the page has ended, and see how. Its polling must have ended, too."""
    progress = page.locator("#run-progress")
    expect(progress).to_have_attribute("aria-busy", "false", timeout=WORKS)
    expect(progress).to_contain_text(word)
    assert progress.get_attribute("hx-get") is None


def capture(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/t/demo/sources")
    page.get_by_role("button", name="Capture now").first.click()
    expect(page).to_have_url(re.compile("/t/demo/runs/"))
    ended(page)


def damage(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/t/demo/")
    page.get_by_role("button", name="Damage it").click()
    expect(page).to_have_url(re.compile("/t/demo/runs/"))
    ended(page)


def preview(page: Page, server: Server) -> None:
    """From the newest restore point to its plan, with the deletion of what was added since."""
    page.goto(f"{server.url}/t/demo/sets")
    page.locator("#sets-table tbody a").first.click()
    page.get_by_role("link", name="Restore …", exact=True).click()
    page.get_by_label("Also delete what is there now").check()
    page.get_by_role("button", name="Make the preview").click()
    to_plan(page)


def to_plan(page: Page) -> None:
    """A preview's page leads to the plan by itself, or by its button if it was too quick."""
    page.wait_for_load_state()
    button = page.get_by_role("link", name="See what the restore will do")
    heading = page.get_by_role("heading", name=re.compile("will do$"))
    expect(button.or_(heading).first).to_be_visible(timeout=WORKS)
    if button.is_visible():
        button.click()
    expect(heading).to_be_visible()


def confirm(page: Page, *, button: str) -> None:
    go = page.get_by_role("button", name=button)
    expect(go).to_be_disabled()
    page.get_by_label("I have read what will change.").check()
    page.get_by_label("Reason").fill("The shop was damaged, ticket 4711")
    expect(go).to_be_disabled()
    page.get_by_label("Type demo to restore").fill("demo")
    expect(go).to_be_enabled()
    go.click()
    expect(page).to_have_url(re.compile("/t/demo/runs/"))


def test_capture_damage_preview_restore_undo_and_audit(signed_in, server):
    page, healthy = signed_in, shop_of(server)
    capture(page, server)
    damage(page, server)
    damaged = shop_of(server)
    assert damaged != healthy

    preview(page, server)
    assert shop_of(server) == damaged  # a preview writes nothing
    confirm(page, button="Restore now")
    ended(page)
    assert without_databases(shop_of(server)) == without_databases(healthy)

    page.get_by_role("button", name="Undo this restore").click()
    to_plan(page)
    confirm(page, button="Undo now")
    ended(page)
    assert without_databases(shop_of(server)) == without_databases(damaged)

    page.goto(f"{server.url}/t/demo/audit")
    for act in ("capture.started", "restore.requested", "restore.approved", "restore.ended"):
        expect(page.locator("main code").get_by_text(act, exact=True).first).to_be_visible()
    page.goto(f"{server.url}/t/demo/restore-log")
    expect(page.locator("article[data-run-id]")).to_have_count(2)
    expect(page.get_by_text("ticket 4711").first).to_be_visible()


def test_a_run_shows_its_progress_by_itself(signed_in, server):
    page = signed_in
    page.goto(f"{server.url}/t/demo/sources")
    page.get_by_role("button", name="Capture now").first.click()

    ended(page)

    expect(page.locator(".lg-log")).to_contain_text("Succeeded")
    expect(page.get_by_role("link", name="Look into this restore point")).to_be_visible()


def test_what_is_inside_is_looked_at_before_it_is_brought_back(signed_in, server):
    page = signed_in
    server.command("capture", "demo", "shop", "--wait")
    page.goto(f"{server.url}/t/demo/sets")
    page.locator("#sets-table tbody a").first.click()
    page.get_by_role("link", name="Browse", exact=True).click()
    page.get_by_role("link", name="Files", exact=True).click()
    page.get_by_label("Filter this folder").fill("index")
    page.locator("#sets-folder-table a", has_text="index").first.click()

    expect(page.locator("pre.lg-text")).to_contain_text("<")
    expect(page.get_by_role("link", name="Download").first).to_be_visible()


def test_the_plan_is_searched_and_its_differences_open(signed_in, server):
    page = signed_in
    server.command("capture", "demo", "shop", "--wait")
    server.command("demo", "damage", "--wait")
    oldest = server.command("sets", "demo")[-1]["id"]
    plan = server.command("restore", "preview", "demo", oldest, "--wait")
    page.goto(f"{server.url}/t/demo/restores/{plan['plan_id']}")
    rows = page.locator("#restore-changes-rows li[data-item-key]")
    everything = rows.count()

    page.locator("summary", has_text="Difference").first.click()
    expect(page.locator(".lg-diff").first).to_be_visible()
    page.locator(".lg-parts a", has_text="Replace").click()
    expect(page).to_have_url(re.compile("action=replace"))
    expect(rows.first).to_have_attribute("data-status", "replace")
    page.get_by_label("Find in the changes").fill("no such path anywhere")
    expect(rows).to_have_count(0)

    assert everything > 0


def reload_until(page: Page, holds: Callable[[], bool]) -> None:
    """As somebody without scripts does."""
    deadline = time.monotonic() + WORKS / 1000
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        page.wait_for_timeout(100)
        page.reload()


def test_everything_works_without_scripts(browser, server):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    browsing.sign_in(page, server)
    page.goto(f"{server.url}/t/demo/sources")
    page.get_by_role("button", name="Capture now").first.click()
    reload_until(page, lambda: page.locator("#run-progress").get_attribute("aria-busy") == "false")
    expect(page.get_by_role("link", name="Look into this restore point")).to_be_visible()
    page.get_by_role("link", name="Look into this restore point").click()
    page.get_by_role("link", name="Restore …", exact=True).click()
    page.get_by_role("button", name="Make the preview").click()
    button = page.get_by_role("link", name="See what the restore will do")
    reload_until(page, button.is_visible)
    button.click()

    expect(page.get_by_role("button", name="Restore now")).to_be_enabled()
    context.close()


def test_the_first_load_is_light(page, server):
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(_transferred(answer)))

    browsing.sign_in(page, server)
    page.wait_for_load_state("networkidle")

    assert 0 < sum(sizes) < 300_000


def _transferred(answer) -> int:
    given = answer.request.sizes()
    return int(given["responseBodySize"] + given["responseHeadersSize"])


def test_pages_of_others_are_not_kept_in_the_browser(signed_in, server):
    page = signed_in
    page.goto(f"{server.url}/t/demo/runs")
    page.goto(f"{server.url}/t/demo/sets")

    kept = page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert "<" not in kept
    assert not Path(server.home, "serve.log").read_text().count("Traceback")


def test_an_image_is_shown_from_inside_its_sandbox(signed_in, server):
    made = server.command("capture", "demo", "shop", "--wait")
    place = f"{server.url}/t/demo/sets/{made['backup_set_id']}"
    signed_in.goto(f"{place}/browse?item=tree:images")
    signed_in.locator("#sets-folder-table a", has_text=".png").first.click()

    image = signed_in.locator(".lg-image img")
    expect(image).to_be_visible()
    signed_in.wait_for_load_state("networkidle")

    assert image.evaluate("picture => picture.complete && picture.naturalWidth > 0")
