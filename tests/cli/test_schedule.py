"""``lastgood schedule`` and ``lastgood schedules dispatch``."""

from __future__ import annotations

import pytest


@pytest.fixture
def website(shell, acme):
    (acme / "index.html").write_text("<p>hello</p>")
    shell("source", "add", "acme", "website", "--kind", "files", "--set", f"path={acme}")
    return "website"


@pytest.fixture
def nightly(shell, website):
    added = shell(
        "schedule", "add", "acme", website, "--name", "nightly", "--daily", "02:00", "--json"
    )
    assert added.code == 0, added.err
    return added.data


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (("--daily", "02:30"), {"frequency": "daily", "time_of_day": "02:30"}),
        (
            ("--weekly", "mon,thu@22:00"),
            {"frequency": "weekly", "days_of_week": [1, 4], "time_of_day": "22:00"},
        ),
        (("--weekly", "mon-fri@22:00"), {"days_of_week": [1, 2, 3, 4, 5]}),
        (("--weekly", "7,1@22:00"), {"days_of_week": [1, 7]}),
        (("--cron", "0 */6 * * *"), {"frequency": "cron", "cron": "0 */6 * * *"}),
        (("--daily", "02:30", "--timezone", "Europe/Berlin"), {"timezone": "Europe/Berlin"}),
        (("--daily", "02:30", "--keep-last", "7"), {"retention_keep_last": 7}),
        (("--daily", "02:30", "--keep", "weekly=8"), {"retention": {"weekly": 8}}),
        (("--daily", "02:30", "--missed", "once", "--type", "files"), {"missed": "once"}),
    ],
)
def test_a_schedule_is_added_as_it_was_said(shell, website, when, expected):
    added = shell("schedule", "add", "acme", website, *when, "--json")

    assert added.code == 0, added.err
    assert {name: added.data[name] for name in expected} == expected
    assert added.data["next_run_at"]


def test_what_nobody_said_is_as_the_documents_say(nightly):
    expected = {
        "timezone": "UTC",
        "include_foundations": True,
        "retention_keep_last": 30,
        "missed": "skip",
        "is_enabled": True,
    }

    assert {name: nightly[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("--daily", "02:00", "--cron", "* * * * *"), 2),
        (("--weekly", "02:00"), 2),
        (("--weekly", "caturday@02:00"), 2),
        (("--daily", "02:00", "--keep", "weekly"), 2),
        (("--weekly", "@02:00"), 1),
        (("--daily", "25:00"), 1),
        (("--daily", "02:00", "--timezone", "Europe/Atlantis"), 1),
        (("--cron", "0 0 30 2 *"), 1),
        (("--daily", "02:00", "--keep-last", "0"), 1),
    ],
)
def test_what_cannot_be_used_is_refused(shell, website, words, code):
    assert shell("schedule", "add", "acme", website, *words).code == code
    assert shell("schedule", "list", "acme", "--json").data == []


def test_a_schedule_on_a_removed_source_is_refused(shell, website):
    shell("source", "remove", "acme", website, "--reason", "moved")

    assert shell("schedule", "add", "acme", website, "--daily", "02:00").code == 4


def test_an_edit_changes_what_is_named_alone(shell, nightly):
    edited = shell("schedule", "edit", "acme", "nightly", "--daily", "03:15", "--json")

    assert (edited.data["time_of_day"], edited.data["version"]) == ("03:15", 2)
    assert edited.data["retention_keep_last"] == 30


def test_an_edit_of_an_older_version_is_refused(shell, nightly):
    shell("schedule", "edit", "acme", "nightly", "--daily", "03:15")

    second = shell("schedule", "edit", "acme", "nightly", "--daily", "04:00", "--version", "1")

    assert second.code == 4
    assert "Somebody else" in second.err


def test_a_schedule_is_disabled_enabled_paused_resumed_and_archived(shell, nightly):
    def state(*words: str) -> dict:
        return shell("schedule", words[0], "acme", "nightly", *words[1:], "--json").data

    assert state("disable")["next_run_at"] is None
    assert state("enable")["next_run_at"]
    assert state("pause", "--until", "2999-01-01", "--reason", "closed")["paused_until"]
    assert state("resume")["paused_until"] is None
    assert state("archive")["archived_at"]
    assert shell("schedule", "list", "acme", "--json").data == []
    assert len(shell("schedule", "list", "acme", "--archived", "--json").data) == 1


def test_the_slots_ahead_show_the_day_on_which_clocks_change(shell, website):
    words = ("--cron", "30 2 28-30 3 *", "--timezone", "Europe/Berlin", "--name", "spring")
    shell("schedule", "add", "acme", website, *words)

    ahead = shell("schedule", "next", "acme", "spring", "--count", "30")

    assert "clocks go forward on this day: this time does not exist" in ahead.out


def test_dispatch_starts_what_is_due_at_the_moment_given(shell, nightly):
    ticked = shell("schedules", "dispatch", "--now", nightly["next_run_at"], "--json")

    assert (ticked.code, ticked.data["due"], ticked.data["started"]) == (0, 1, 1)
    (slot,) = shell("schedule", "history", "acme", "nightly", "--json").data
    assert (slot["scheduled_for"], slot["status"]) == (nightly["next_run_at"], "running")
    assert slot["run_id"] == ticked.data["run_ids"][0]


def test_dispatch_is_the_administrators(shell, nightly):
    shell("user", "add", "m@example.com", "--tenant", "acme", "--role", "manager")

    assert shell("schedules", "dispatch", "--as", "m@example.com").code == 4


def test_run_now_tells_slot_and_run(shell, nightly):
    started = shell("schedule", "run-now", "acme", "nightly", "--json")

    assert (started.data["trigger"], started.data["status"]) == ("run_now", "running")
    assert started.data["run_id"]


def test_a_slot_that_runs_is_not_retried(shell, nightly):
    started = shell("schedule", "run-now", "acme", "nightly", "--json")

    assert shell("schedule", "retry", "acme", started.data["id"]).code == 4


def test_a_viewer_lists_and_does_not_run(shell, nightly):
    shell("user", "add", "v@example.com", "--tenant", "acme", "--role", "viewer")

    assert shell("schedule", "list", "acme", "--as", "v@example.com").code == 0
    assert shell("schedule", "run-now", "acme", "nightly", "--as", "v@example.com").code == 4
    assert shell("schedule", "disable", "acme", "nightly", "--as", "v@example.com").code == 4
