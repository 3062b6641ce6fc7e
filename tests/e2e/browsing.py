"""Debian's Chromium, driven by Playwright; nothing is fetched from anywhere else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.server import Server

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The browser on this machine, if there is one."""
    return shutil.which("chromium")


@contextmanager
def browsing() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def complaints_of(page: Page) -> list[str]:
    """A list that grows with every error the browser reports about the page: failing scripts,
    missing files, and whatever the content security policy refused."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda line: found.append(line.text) if line.type == "error" else None)
    return found


def sign_in(page: Page, server: Server) -> None:
    """Sign in as the first admin."""
    page.goto(f"{server.url}/")
    page.locator("#email").fill(server.email)
    page.locator("#password").fill(server.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()
