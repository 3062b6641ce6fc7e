"""Two commands and a browser: what the very first minute looks like."""

from __future__ import annotations

import re
import signal
from datetime import datetime
from pathlib import Path

import pytest

from tests.e2e import server as servers

pytestmark = pytest.mark.e2e


def test_the_first_page_asks_for_a_sign_in(page, server):
    page.goto(server.url)

    assert page.get_by_role("button", name="Sign in").is_visible()


def test_whoever_signs_in_sees_the_demo_shop(signed_in):
    assert signed_in.get_by_text("Demo shop").first.is_visible()


def test_ctrl_c_leaves_nothing_running(tmp_path):
    with servers.serving(tmp_path / "home") as server:
        server.process.send_signal(signal.SIGINT)

        code = server.process.wait(servers.STOP_SECONDS)

        assert code == 0
        assert servers.processes_of(server.process) == []


def test_a_second_start_goes_on_with_the_same_data(tmp_path):
    with servers.serving(tmp_path / "home") as server:
        first = server.command("tenant", "list")
    again = servers.command_in(tmp_path / "home", "init")

    assert again["password"] is None
    assert servers.command_in(tmp_path / "home", "tenant", "list") == first


def test_the_web_process_stays_small(signed_in, server):
    for address in ("/", "/t/demo/", "/t/demo/runs", "/runs"):
        signed_in.goto(f"{server.url}{address}")

    sizes = [resident_bytes(pid) for pid in servers.processes_of(server.process) if is_web(pid)]

    assert sizes
    assert max(sizes) < 150 * 1024 * 1024


def test_a_run_begins_within_two_seconds(server):
    server.command("capture", "demo", "shop", "--wait")

    newest = server.command("runs", "demo")[0]

    assert seconds(newest["queued_at"], newest["started_at"]) < 2


def is_web(pid: int) -> bool:
    return b"web" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def seconds(first: str, last: str) -> float:
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
