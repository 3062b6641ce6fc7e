"""``lastgood bulk``: many things by one command."""

from __future__ import annotations

import pytest

from tests.cli.test_engine_room import command
from tests.services.conftest import enter, website, www
from webapp.extensions import db
from webapp.models import Run

__all__ = ["command", "enter", "website", "www"]


@pytest.fixture
def two(command, www) -> None:
    for name in ("web", "img"):
        folder = www if name == "web" else www / "img"
        command("source", "add", "acme", name, "--kind", "files", "--set", f"path={folder}")


@pytest.mark.parametrize("chosen", [("web", "img"), ("--all",)], ids=["by name", "all"])
def test_many_sources_become_one_run(command, two, chosen):
    code, started, _ = command("bulk", "capture", "acme", *chosen, "--reason", "move")

    _, listed, _ = command("bulk", "list", "acme")
    _, shown, _ = command("bulk", "show", "acme", started["id"])
    assert code == 0
    assert started["status"] == "queued"
    assert [row["id"] for row in listed] == [started["id"]]
    assert (shown["resource"], shown["action"], shown["reason"]) == ("source", "capture", "move")
    assert [item["name"] for item in shown["items"]] == ["web", "img"]


def test_nothing_named_is_told(command, two):
    code, _, told = command("bulk", "capture", "acme")

    assert code == 1
    assert "Choose at least one" in told


def test_a_set_that_is_not_there_is_refused(command, two):
    assert command("bulk", "verify", "acme", "latest")[0] == 4


def test_lines_for_a_person(command, two):
    _, started, _ = command("bulk", "capture", "acme", "--all")

    _, listed, _ = command("bulk", "list", "acme", as_json=False)
    _, shown, _ = command("bulk", "show", "acme", started["id"], as_json=False)

    assert "Capture of 2 sources" in listed
    assert shown.splitlines()[1] == "  waits      web"


def test_a_run_that_did_not_fail_is_not_repeated(command, two):
    _, started, _ = command("bulk", "capture", "acme", "--all")

    assert command("run", "retry", "acme", started["id"], "--failed")[0] == 4


def test_what_a_run_waits_for_is_shown(command, two, context):
    _, started, _ = command("bulk", "capture", "acme", "--all")
    db.session.query(Run).update({"waits_for": "this customer is paused"})
    db.session.commit()

    _, shown, _ = command("run", "show", "acme", started["id"], as_json=False)

    assert "waits because this customer is paused" in shown
