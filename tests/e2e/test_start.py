"""Two commands and a browser: what the very first minute looks like."""

from __future__ import annotations

import signal

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
