"""The engine room's commands: the keys of their JSON, their exit codes, their words."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from tests.services.conftest import enter, website, www
from webapp import cli
from webapp.cli import waiting
from webapp.extensions import db, doorbell
from webapp.services import work
from webapp.services.processes import WORKER, Presence
from webapp.settings import Settings

__all__ = ["enter", "website", "www"]


@pytest.fixture
def working(monkeypatch, app):
    """A worker that does everything at once when the doorbell rings."""
    with app.app_context():
        Presence(db.engine, WORKER).show()

    def bound(_app, _settings):
        doorbell.ring = lambda run_id: work.carry_out(run_id, owner="test")

    monkeypatch.setattr("webapp.jobs.queue.bind", bound)


@pytest.fixture
def command(monkeypatch, settings, capsys, people):
    """Run a command; gives exit code, JSON document and what was said on stderr."""
    monkeypatch.setattr(Settings, "from_environ", classmethod(lambda _cls, *_: settings))

    def command(*arguments: str, as_json: bool = True):
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, *(["--json"] if as_json else [])])
        told = capsys.readouterr()
        document = json.loads(told.out) if as_json and told.out.strip() else told.out
        return ended.value.code or 0, document, told.err

    return command


@pytest.fixture
def shop(command, working, www: Path) -> Path:
    command("source", "add", "acme", "web", "--kind", "files", "--set", f"path={www}")
    return www


def test_the_whole_story_by_commands(command, shop):
    code, captured, _ = command("capture", "acme", "web", "--reason", "first", "--wait")
    (shop / "page0.html").write_text("hacked")
    _, planned, _ = command("restore", "preview", "acme", "latest", "--wait")
    _, plan, _ = command("restore", "plan", "acme", planned["plan_id"])
    applied_code, applied, _ = command(
        "restore", "apply", "acme", planned["plan_id"], "--confirm", "acme", "--reason", "x",
        "--wait",
    )  # fmt: skip
    _, undo, _ = command("restore", "undo", "acme", applied["run_id"], "--wait")

    assert (code, applied_code) == (0, 0)
    assert captured.keys() >= {"run_id", "status", "backup_set_id", "counts", "bytes"}
    assert captured["counts"].keys() >= {"total", "processed", "succeeded", "failed", "skipped"}
    assert captured["bytes"].keys() >= {"read", "stored"}
    assert planned["counts"].keys() == {
        "create", "update", "replace", "delete", "unchanged", "blocked",
    }  # fmt: skip
    assert plan["items"][0].keys() >= {"key", "action", "reason", "risk"}
    assert applied.keys() >= {"run_id", "status", "counts", "safety_set_id"}
    assert undo.keys() >= {"run_id", "status", "plan_id", "counts"}
    assert (shop / "page0.html").read_text() == "<p>0</p>\n"


def test_sets_and_runs_have_the_keys_that_scripts_rely_on(command, shop):
    _, captured, _ = command("capture", "acme", "web", "--wait")

    _, listed, _ = command("sets", "acme", "--source", "web")
    _, run, _ = command("run", "show", "acme", captured["run_id"])

    assert listed[0].keys() >= {
        "id", "name", "source", "backup_type", "status", "started_at", "finished_at",
        "item_count", "total_size", "stored_size",
    }  # fmt: skip
    assert run.keys() >= {
        "id", "run_type", "status", "counts", "error_code", "started_at", "finished_at", "items",
    }  # fmt: skip
    assert run["items"][0].keys() >= {"key", "action", "outcome", "reason_code"}


def test_a_partial_capture_exits_with_3(command, shop, monkeypatch):
    for number in range(40):
        (shop / f"more{number}").write_text("x")
    command("capture", "acme", "web", "--wait")
    for number in range(40):
        (shop / f"more{number}").unlink()

    code, document, said = command("capture", "acme", "web", "--wait")

    assert (code, document["status"]) == (3, "partial")
    assert "fewer items" in said


def test_a_failed_capture_exits_with_1_and_says_why(command, shop):
    shop.rename(shop.with_name("gone"))

    code, document, said = command("capture", "acme", "web", "--wait")

    assert (code, document["status"]) == (1, "failed")
    assert said.strip()


def test_wrong_usage_exits_with_2(command, shop):
    code, _, _ = command("capture", "acme", "web", "--metadata", "[1]")

    assert code == 2


@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_who_may_not_is_refused_with_4(command, shop, who):
    code, _, said = command("capture", "acme", "web", "--as", f"{who}@example.com")

    assert code == 4
    assert "Acme" not in said


def test_a_wrong_confirmation_is_refused_with_4(command, shop):
    command("capture", "acme", "web", "--wait")
    _, planned, _ = command("restore", "preview", "acme", "latest", "--wait")

    code, _, _ = command(
        "restore", "apply", "acme", planned["plan_id"], "--confirm", "globex", "--reason", "x"
    )

    assert code == 4


def test_without_a_worker_waiting_ends_and_the_run_stays(command, people, www, monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.3)
    command("source", "add", "acme", "web", "--kind", "files", "--set", f"path={www}")

    code, _, said = command("capture", "acme", "web", "--wait")
    _, listed, _ = command("runs", "acme")

    assert code == 1
    assert "no worker" in said
    assert listed[0]["status"] == "queued"
    assert UUID(listed[0]["id"])


def test_items_and_export_show_what_is_inside(command, shop, tmp_path):
    command("capture", "acme", "web", "--wait")

    _, top, _ = command("items", "acme", "latest")
    _, inside, _ = command("items", "acme", "latest", "tree:img")
    code, exported, _ = command("export", "acme", "latest", "--output", str(tmp_path / "x.tar.zst"))
    again, _, _ = command("export", "acme", "latest", "--output", str(tmp_path / "x.tar.zst"))

    assert [item["key"] for item in top] == ["tree:"]
    assert [item["key"] for item in inside] == ["tree:img/a.png"]
    assert (code, again) == (0, 2)
    assert (tmp_path / "x.tar.zst").stat().st_size == exported["bytes"]


def test_adding_a_source_grants_its_folder_when_an_admin_does_it(command, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    place = f"path={tmp_path / 'elsewhere'}"

    refused, _, _ = command(
        "source", "add", "acme", "a", "--kind", "files", "--set", place, "--as", "alice@example.com"
    )
    granted, added, said = command("source", "add", "acme", "a", "--kind", "files", "--set", place)

    assert (refused, granted) == (1, 0)
    assert added["name"] == "a"
    assert "Granted" in said


def test_a_source_is_checked_and_removed(command, shop):
    code, checked, _ = command("source", "check", "acme", "web")
    removed, _, _ = command("source", "remove", "acme", "web", "--reason", "old", as_json=False)
    _, left, _ = command("source", "list", "acme")

    assert (code, checked["status"], removed, left) == (0, "ok", 0, [])


def test_status_names_the_tenant_and_its_sources(command, shop):
    command("capture", "acme", "web", "--wait")

    _, everyone, _ = command("status")
    _, acme, _ = command("status", "acme")

    assert {row["tenant"] for row in everyone} == {"acme", "globex"}
    assert [row["source"] for row in acme] == ["web"]
