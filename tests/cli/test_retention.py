"""``lastgood retention`` from a shell, with a worker that works at once."""

from __future__ import annotations

from uuid import UUID

import pytest

from webapp import create_app
from webapp.cli.framework import EXIT
from webapp.extensions import doorbell
from webapp.services import work


@pytest.fixture
def captured(shell, settings, acme) -> list[str]:
    """Three sets made by hand; their ids, newest first."""
    site = acme / "www"
    site.mkdir()
    shell("source", "add", "acme", "www", "--kind", "files", "--set", f"path={site}")
    for number in range(3):
        (site / f"page{number}.html").write_text("hello")
        run = shell("capture", "acme", "www", "--json").data["run_id"]
        _work(settings, run)
    return [one["id"] for one in shell("sets", "acme", "--json").data]


def _work(settings, run_id: str) -> None:
    ring = doorbell.ring
    with create_app(settings).app_context():
        work.carry_out(UUID(run_id), owner="test")
    doorbell.ring = ring


def test_the_preview_says_of_each_set_whether_it_stays(shell, captured):
    found = shell("retention", "preview", "acme", "--json").data

    assert [one["id"] for one in found] == captured
    assert {one["kept"] for one in found} == {True}
    assert "stays until a person deletes it" in shell("retention", "preview", "acme").out


def test_a_set_is_deleted_listed_and_brought_back(shell, captured):
    shell("retention", "delete", "acme", captured[1], "--reason", "a test")
    trash = shell("retention", "trash", "acme", "--json").data
    left = shell("sets", "acme", "--json").data
    shell("retention", "undelete", "acme", captured[1])

    assert [one["id"] for one in trash] == [captured[1]]
    assert "a test" in trash[0]["deleted_by_rule"]
    assert captured[1] not in {one["id"] for one in left}
    assert shell("retention", "trash", "acme", "--json").data == []


def test_the_newest_complete_one_is_not_deleted(shell, captured):
    ended = shell("retention", "delete", "acme", captured[0], "--reason", "a test")

    assert ended.code == EXIT.REFUSED
    assert "newest complete" in ended.err


def test_a_set_on_hold_is_refused_until_it_is_released(shell, captured):
    shell("retention", "hold", "acme", captured[2], "--reason", "case 4711")
    refused = shell("retention", "delete", "acme", captured[2], "--reason", "a test")
    shell("retention", "hold", "acme", captured[2], "--release")
    ended = shell("retention", "delete", "acme", captured[2], "--reason", "a test")

    assert refused.code == EXIT.REFUSED
    assert "case 4711" in refused.err
    assert ended.code == EXIT.DONE


@pytest.mark.parametrize("verb", ["run", "purge"])
def test_runs_are_queued_and_done_by_a_worker(shell, settings, captured, verb):
    queued = shell("retention", verb, "acme", "--json").data
    _work(settings, queued["id"])

    assert queued["status"] == "queued"
    assert shell("run", "show", "acme", queued["id"], "--json").data["status"] == "succeeded"


def test_days_for_sets_made_by_hand_are_set_and_shown(shell, acme):
    shell("retention", "rules", "acme", "--by-hand", "365")
    shown = shell("retention", "rules", "acme", "--json").data
    shell("retention", "rules", "acme", "--by-hand", "0")

    assert (shown["hand_days"], shown["pre_restore_days"]) == (365, 30)
    assert "until a person deletes them" in shell("retention", "rules", "acme").out


def test_too_few_days_are_refused(shell, acme):
    assert shell("retention", "rules", "acme", "--pre-restore", "3").code == EXIT.FAILED
