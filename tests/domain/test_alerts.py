"""The rules of alerts, each with what is just in order beside what is just not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from webapp.domain import alerts
from webapp.domain.alerts import ScheduleFacts, SourceFacts
from webapp.domain.schedules import Frequency

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def source(**facts):
    usual = {
        "source_id": "1", "name": "Shop", "zone": "Europe/Berlin", "target_minutes": 240,
        "newest_good_at": NOW, "watched_since": NOW - 9 * DAY,
    }  # fmt: skip
    return SourceFacts(**(usual | facts))


def schedule(**facts):
    usual = {
        "schedule_id": "7", "name": "Nightly", "source_name": "Shop", "zone": "UTC",
        "target_minutes": 1440, "is_enabled": True, "paused_until": None,
        "next_run_at": NOW + DAY, "last_run_at": NOW, "created_at": NOW - 9 * DAY,
        "retention_ran_at": NOW,
    }  # fmt: skip
    return ScheduleFacts(**(usual | facts))


@pytest.mark.parametrize(
    ("facts", "holds"),
    [
        ({"newest_good_at": NOW - timedelta(minutes=240)}, False),
        ({"newest_good_at": NOW - timedelta(minutes=241)}, True),
        ({"newest_good_at": None, "watched_since": NOW - timedelta(minutes=200)}, False),
        ({"newest_good_at": None, "watched_since": NOW - timedelta(minutes=300)}, True),
    ],
    ids=["at the target", "past it", "added lately", "never captured"],
)
def test_a_source_is_overdue_past_its_target(facts, holds):
    found = alerts.source_overdue(source(**facts), at=NOW)

    assert (found is not None) is holds


def test_the_words_name_a_moment_in_the_customers_zone_and_do_not_age():
    facts = source(newest_good_at=NOW - DAY)

    first = alerts.source_overdue(facts, at=NOW)
    later = alerts.source_overdue(facts, at=NOW + DAY)

    assert first == later
    assert "since 2 Mar 2026 13:00; the target is 4 h" in first.message


@pytest.mark.parametrize(
    ("facts", "holds"),
    [
        ({}, False),
        ({"paused_until": NOW + DAY, "last_run_at": NOW - DAY + MINUTE}, False),
        ({"paused_until": NOW + DAY, "last_run_at": NOW - 2 * DAY}, True),
        ({"paused_until": NOW - MINUTE, "last_run_at": NOW - 2 * DAY}, False),
        ({"paused_until": NOW + DAY, "last_run_at": None}, True),
        ({"is_enabled": False, "last_run_at": NOW - 2 * DAY}, True),
        ({"is_enabled": False, "last_run_at": NOW - 2 * DAY, "has_stand_in": True}, False),
        ({"paused_until": NOW + DAY, "last_run_at": NOW - 2 * DAY, "has_stand_in": True}, True),
    ],
    ids=[
        "works", "paused lately", "paused for long", "pause is over", "never ran",
        "switched off", "another stands in", "a pause counts all the same",
    ],
)  # fmt: skip
def test_a_schedule_is_paused_for_too_long_once_the_target_is_past(facts, holds):
    assert (alerts.schedule_paused(schedule(**facts), at=NOW) is not None) is holds


@pytest.mark.parametrize(
    ("facts", "holds"),
    [
        ({"next_run_at": NOW - timedelta(minutes=10)}, False),
        ({"next_run_at": NOW - timedelta(minutes=11)}, True),
        ({"next_run_at": NOW - DAY, "is_enabled": False}, False),
        ({"next_run_at": NOW - DAY, "paused_until": NOW + DAY}, False),
        ({"next_run_at": None}, False),
    ],
    ids=["just due", "not started", "switched off", "paused", "no slot"],
)
def test_a_slot_that_nobody_started_is_an_alert(facts, holds):
    assert (alerts.schedule_overdue(schedule(**facts), at=NOW) is not None) is holds


@pytest.mark.parametrize(
    ("facts", "holds"),
    [
        ({"retention_ran_at": NOW - timedelta(hours=36)}, False),
        ({"retention_ran_at": NOW - timedelta(hours=37)}, True),
        ({"retention_ran_at": None}, False),
        ({"retention_ran_at": None, "first_set_at": NOW - 3 * DAY}, True),
        ({"retention_ran_at": None, "first_set_at": NOW - DAY}, False),
    ],
    ids=["in time", "late", "nothing to keep yet", "never ran", "the first set is new"],
)
def test_retention_that_did_not_run_is_an_alert(facts, holds):
    assert (alerts.retention_overdue(schedule(**facts), at=NOW) is not None) is holds


@pytest.mark.parametrize(
    ("used", "quota", "words"),
    [(79, 100, None), (80, 100, "80 %"), (99, 100, "80 %"), (100, 100, "used up"), (9, None, None)],
    ids=["below", "soft", "nearly", "hard", "no quota"],
)
def test_a_quota_is_an_alert_from_eighty_percent_on(used, quota, words):
    found = alerts.quota(used, quota)

    assert (found.message if found else None) is None if words is None else words in found.message


@pytest.mark.parametrize(
    ("frequencies", "hours", "holds"),
    [
        ({Frequency.DAILY}, 30, False),
        ({Frequency.DAILY}, 31, True),
        ({Frequency.WEEKLY}, 31, False),
        ({Frequency.WEEKLY}, 24 * 8 + 1, True),
        ({Frequency.WEEKLY, Frequency.DAILY}, 31, True),
        ({Frequency.CRON}, 24 * 30, False),
        (set(), 24 * 99, False),
    ],
    ids=["daily", "daily silent", "weekly", "weekly silent", "the shorter", "cron", "no schedule"],
)
def test_silence_is_an_alert_where_schedules_say_that_something_should_run(
    frequencies, hours, holds
):
    found = alerts.silence(
        frequencies, watched_since=NOW - 99 * DAY, last_at=NOW - timedelta(hours=hours), at=NOW
    )

    assert (found is not None) is holds


def test_a_customer_whose_schedules_are_new_is_not_silent():
    found = alerts.silence(
        {Frequency.DAILY}, watched_since=NOW - timedelta(hours=3), last_at=None, at=NOW
    )

    assert found is None


@pytest.mark.parametrize(
    ("minutes", "holds"), [(None, False), (10, False), (11, True)], ids=["none", "soon", "long"]
)
def test_work_that_nobody_picks_up_is_an_alert(minutes, holds):
    oldest = None if minutes is None else NOW - timedelta(minutes=minutes)

    assert (alerts.work_waits(oldest, zone="UTC", at=NOW) is not None) is holds


@pytest.mark.parametrize(("minutes", "holds"), [(5, False), (6, True)], ids=["lately", "silent"])
def test_a_process_is_silent_after_five_minutes(minutes, holds):
    said = alerts.process_silent("scheduler", NOW - timedelta(minutes=minutes), at=NOW)

    assert bool(said) is holds
