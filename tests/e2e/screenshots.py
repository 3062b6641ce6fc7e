"""Pictures of every page, light and dark, taken from the real product.

    python -m tests.e2e.screenshots

All go to ``build/screenshots``, for whoever works on the looks; those that the README shows go to
``docs/screenshots``.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.e2e import browsing
from tests.e2e.server import Server, serving

ROOT = Path(__file__).parent.parent.parent
ALL, SHOWN = ROOT / "build" / "screenshots", ROOT / "docs" / "screenshots"
README = ("restore",)
THEMES = ("light", "dark")
SIZE = {"width": 1240, "height": 800}

PAGES = {
    "overview": "/",
    "tenant": "/t/demo/",
    "source": "/t/demo/sources/{source}",
    "sources": "/t/demo/sources",
    "schedules": "/t/demo/schedules",
    "schedule": "/t/demo/schedules/{schedule}",
    "sets": "/t/demo/sets",
    "set": "/t/demo/sets/{set}",
    "browse": "/t/demo/sets/{set}/browse",
    "runs": "/t/demo/runs",
    "run": "/t/demo/runs/{run}",
    "restore": "/t/demo/restores/{plan}",
    "restores": "/t/demo/restores",
    "restore-log": "/t/demo/restore-log",
    "audit": "/t/demo/audit",
    "people": "/t/demo/people",
    "limits": "/t/demo/limits",
    "installation-limits": "/limits",
    "usage": "/usage",
    "tenants": "/tenants",
    "unprotected": "/unprotected",
    "targets": "/t/demo/targets",
    "account": "/account",
    "retention": "/t/demo/retention",
    "bulk": "/t/demo/bulk",
    "bulk-run": "/t/demo/bulk/{bulk}",
    "notifications": "/notifications",
    "channels": "/t/demo/channels",
    "templates": "/schedule-templates",
    "template": "/schedule-templates/{template}",
}


def main() -> None:
    shutil.rmtree(ALL, ignore_errors=True)
    for folder in (ALL, SHOWN):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as server:
        ids = story(server)
        with browsing.browsing() as browser:
            ids |= forms(browser, server)
            for theme in THEMES:
                take(browser, server, ids, theme=theme)
    for name in README:
        shutil.copyfile(ALL / f"{name}-light.png", SHOWN / f"{name}.png")


def story(server: Server) -> dict[str, str]:
    """What commands do: capture, damage, preview, many at once, and something for the trash. Gives
    the ids that addresses need."""
    person = ("--as", server.email)
    bulk = server.command("bulk", "capture", "demo", "--all", "--wait", *person)
    first = server.command("sets", "demo")[0]
    capture = server.command(
        "capture", "demo", "shop", "--reason", "before the update", "--wait", *person
    )
    server.command("demo", "damage", "--wait", *person)
    preview = server.command(
        "restore", "preview", "demo", capture["backup_set_id"], "--delete", "--wait", *person
    )
    source = server.command("source", "list", "demo")[0]
    schedule = server.command(
        "schedule", "add", "demo", "shop", "--daily", "02:30", "--name", "Nightly", *person
    )
    server.command("retention", "delete", "demo", first["id"], "--reason", "a trial", *person)
    return {
        "run": capture["run_id"],
        "set": capture["backup_set_id"],
        "plan": preview["plan_id"],
        "source": source["id"],
        "schedule": schedule["id"],
        "bulk": bulk["id"],
    }


def forms(browser: Browser, server: Server) -> dict[str, str]:
    """What only forms make: a template, applied to all there is, and a channel."""
    context = browser.new_context()
    page = context.new_page()
    browsing.sign_in(page, server)
    template = apply_a_template(page, server)
    channel = add_a_channel(page, server)
    context.close()
    return {"template": template, "channel": channel}


def apply_a_template(page: Page, server: Server) -> str:
    page.goto(f"{server.url}/schedule-templates/new")
    page.get_by_label("Name").fill("Silver")
    page.get_by_role("button", name="Save and choose sources").click()
    page.wait_for_url("**/apply")
    template = id_in(page.url)
    choose_the_demo(page, server, template)
    page.get_by_label("Reason").fill("new contract")
    page.get_by_role("button", name=re.compile("^Apply to")).click()
    page.wait_for_url(f"**/{template}")
    return template


def choose_the_demo(page: Page, server: Server, template: str) -> None:
    """To the preview of applying a template; it has no address that could be gone to."""
    page.goto(f"{server.url}/schedule-templates/{template}/apply")
    page.locator("input[name=tenant][value=demo]").check()
    page.get_by_role("button", name="See what would change").click()
    page.wait_for_url("**/preview")


def add_a_channel(page: Page, server: Server) -> str:
    page.goto(f"{server.url}/t/demo/channels")
    page.get_by_label("Name").fill("On-call")
    page.get_by_label("What it is").select_option("json")
    page.get_by_label("Address").fill("https://hooks.example.com/on-call")
    page.get_by_role("button", name="Add channel").click()
    link = page.locator("#channels-table a").first
    return id_in(link.get_attribute("href") or "")


def id_in(address: str) -> str:
    found = re.search("[0-9a-f-]{36}", address)
    assert found, address
    return found[0]


def take(browser: Browser, server: Server, ids: Mapping[str, str], *, theme: str) -> None:
    context = browser.new_context(viewport=SIZE, color_scheme=theme)
    page = context.new_page()
    page.goto(server.url)
    page.screenshot(path=ALL / f"sign-in-{theme}.png")
    browsing.sign_in(page, server)
    for name, address in PAGES.items():
        visit(page, server.url + address.format(**ids))
        page.screenshot(path=ALL / f"{name}-{theme}.png")
    context.close()


def visit(page: Page, address: str) -> None:
    answer = page.goto(address)
    if answer is None or answer.status != 200:
        sys.stderr.write(f"{address} answered {answer and answer.status}.\n")
    page.wait_for_timeout(300)  # fragments that load by themselves


if __name__ == "__main__":
    main()
