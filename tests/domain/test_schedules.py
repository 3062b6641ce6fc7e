"""What may be typed into a schedule, and how slots end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from webapp.domain.runs import RunState
from webapp.domain.schedules import (
    SKIPPED,
    Draft,
    Frequency,
    SlotStatus,
    clock_changes,
    in_words,
    problems,
    status_of,
    timing_of,
    upcoming,
)

NIGHTLY = Draft(name="nightly", frequency="daily", time_of_day="02:00", timezone="Europe/Berlin")
WEEKLY = replace(NIGHTLY, frequency="weekly", days_of_week=(1, 5))
BY_CRON = Draft(name="often", frequency="cron", cron="*/15 * * * *")
NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize("draft", [NIGHTLY, WEEKLY, BY_CRON], ids=["daily", "weekly", "cron"])
def test_a_usual_schedule_can_be_used(draft):
    assert problems(draft) == {}


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (replace(NIGHTLY, timezone="Europe/Atlantis"), "timezone"),
        (replace(NIGHTLY, timezone=""), "timezone"),
        (replace(NIGHTLY, timezone="../../etc/passwd"), "timezone"),
        (replace(NIGHTLY, frequency="hourly"), "frequency"),
        (replace(NIGHTLY, time_of_day=None), "time_of_day"),
        (replace(NIGHTLY, time_of_day="24:00"), "time_of_day"),
        (replace(NIGHTLY, time_of_day="2:00"), "time_of_day"),
        (replace(NIGHTLY, time_of_day="02:60"), "time_of_day"),
        (replace(WEEKLY, days_of_week=()), "days_of_week"),
        (replace(WEEKLY, days_of_week=(0,)), "days_of_week"),
        (replace(WEEKLY, days_of_week=(8,)), "days_of_week"),
        (replace(WEEKLY, days_of_week=(1, 1)), "days_of_week"),
        (replace(BY_CRON, cron=None), "cron"),
        (replace(BY_CRON, cron="* * * *"), "cron"),
        (replace(BY_CRON, cron="*/5 * * * * *"), "cron"),
        (replace(BY_CRON, cron="99 * * * *"), "cron"),
        (replace(BY_CRON, cron="@daily"), "cron"),
        (replace(BY_CRON, cron="0 0 30 2 *"), "cron"),
        (replace(BY_CRON, cron="0 0 */20 2 1L"), "cron"),
        (replace(BY_CRON, cron="9" * 5000 + " * * * *"), "cron"),
        (replace(NIGHTLY, name="  "), "name"),
        (replace(NIGHTLY, name="x" * 256), "name"),
        (replace(NIGHTLY, name="a\nb"), "name"),
        (replace(NIGHTLY, backup_type="half"), "backup_type"),
        (replace(NIGHTLY, retention_keep_last=0), "retention_keep_last"),
        (replace(NIGHTLY, retention_keep_last=-1), "retention_keep_last"),
        (replace(NIGHTLY, retention={"fortnightly": 2}), "retention"),
        (replace(NIGHTLY, retention={"weekly": -1}), "retention"),
        (replace(NIGHTLY, missed="twice"), "missed"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(draft, field):
    assert list(problems(draft)) == [field]


def test_a_cron_line_that_never_fires_is_told_as_that():
    assert "never fires" in problems(replace(BY_CRON, cron="0 0 */20 2 1L"))["cron"]


def test_a_cron_line_of_leap_days_fires():
    assert problems(replace(BY_CRON, cron="0 6 29 2 *")) == {}


def test_nothing_is_ahead_of_a_schedule_whose_time_cannot_be_used():
    broken = replace(NIGHTLY, timezone="Europe/Atlantis")

    assert upcoming(broken, NOW) == []
    assert clock_changes(broken, NOW) == []


def test_the_next_ten_slots_are_shown_while_the_name_is_still_missing():
    assert len(upcoming(replace(NIGHTLY, name=""), NOW)) == 10


def test_what_belongs_to_another_frequency_does_not_count():
    timing = timing_of(replace(NIGHTLY, days_of_week=(3,), cron="* * * * *"))

    assert (timing.days_of_week, timing.cron) == ((), None)


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        (NIGHTLY, "every day at 02:00 (Europe/Berlin)"),
        (WEEKLY, "every Monday, Friday at 02:00 (Europe/Berlin)"),
        (BY_CRON, "by cron */15 * * * * (UTC)"),
    ],
)
def test_a_schedule_in_words(draft, words):
    assert in_words(timing_of(draft)) == words


@pytest.mark.parametrize(
    ("state", "error_code", "has_set", "status"),
    [
        (RunState.SUCCEEDED, None, True, SlotStatus.SUCCESS),
        (RunState.PARTIAL, None, True, SlotStatus.PARTIAL),
        (RunState.FAILED, "not_found", False, SlotStatus.FAILED),
        (RunState.SUCCEEDED, None, False, SlotStatus.FAILED),
        (RunState.PARTIAL, None, False, SlotStatus.FAILED),
        (RunState.CANCELED, None, False, SlotStatus.CANCELED),
        *((RunState.FAILED, code, False, SlotStatus.SKIPPED) for code in SKIPPED),
    ],
)
def test_a_slot_ends_by_how_its_run_ended(state, error_code, has_set, status):
    assert status_of(state, error_code=error_code, has_set=has_set) is status


def test_policy_types_that_nobody_knows_make_a_slot_partial():
    ended = status_of(RunState.SUCCEEDED, error_code=None, has_set=True, lacks_types=True)

    assert ended is SlotStatus.PARTIAL


def test_frequencies_are_the_documents():
    assert list(Frequency) == ["daily", "weekly", "cron"]
