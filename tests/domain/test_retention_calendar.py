"""Months with the days on which something stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from webapp.domain import retention_calendar
from webapp.domain.retention import Decision, Point, Rules, decide
from webapp.domain.retention_calendar import imagined, months
from webapp.domain.slots import Frequency, Timing

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAILY = Timing(frequency=Frequency.DAILY, time_of_day="02:30")


def decision(days_ago: float, *, is_kept: bool = True) -> Decision:
    number = round(days_ago * 100) + 1
    made_at = NOON - timedelta(days=days_ago)
    return Decision(Point(id=UUID(int=number), made_at=made_at), is_kept, "why")


def days_of(found, timezone: str = "UTC") -> dict[date, str]:
    return {
        day.date: day.state
        for month in months(found, timezone=timezone)
        for week in month.weeks
        for day in week
        if day is not None and day.state
    }


def test_each_day_says_what_stays_of_it():
    found = [
        decision(0),
        decision(1, is_kept=False),
        decision(2),
        decision(2.1, is_kept=False),
    ]

    assert days_of(found) == {
        date(2026, 3, 31): "kept",
        date(2026, 3, 30): "gone",
        date(2026, 3, 29): "some",
    }


def test_months_come_newest_first_and_none_between_is_left_out():
    titles = [month.title for month in months([decision(0), decision(70)], timezone="UTC")]

    assert titles == ["March 2026", "February 2026", "January 2026"]


def test_at_most_13_months_are_shown():
    found = months([decision(0), decision(4000)], timezone="UTC")

    assert len(found) == 13


def test_weeks_begin_on_monday_and_hold_no_day_of_another_month():
    month = months([decision(0)], timezone="UTC")[0]

    assert month.weeks[0] == [None] * 6 + [month.weeks[0][6]]
    assert month.weeks[0][6].date == date(2026, 3, 1)


def test_a_day_is_one_of_the_zone():
    assert list(days_of([decision(0)], "Pacific/Auckland")) == [date(2026, 4, 1)]


def test_without_any_there_is_no_month():
    assert months([], timezone="UTC") == []


@pytest.mark.parametrize(
    ("timing", "count"),
    [
        (DAILY, 366),
        (Timing(frequency=Frequency.WEEKLY, time_of_day="02:30", days_of_week=(6, 7)), 104),
        (Timing(frequency=Frequency.CRON, cron="0 3 1 * *"), 12),
        (Timing(frequency=Frequency.CRON, cron="0 */6 * * *"), 4 * 366),
    ],
    ids=["daily", "weekly", "monthly", "each six hours"],
)
def test_an_imagined_year_has_one_at_each_slot(timing, count):
    points = imagined(timing, at=NOON)

    assert abs(len(points) - count) <= 1
    assert all(one.is_complete and one.made_at <= NOON for one in points)
    assert len({one.id for one in points}) == len(points)


def test_of_a_very_frequent_schedule_the_newest_are_imagined(monkeypatch):
    monkeypatch.setattr(retention_calendar, "MOST_IMAGINED", 100)

    points = imagined(Timing(frequency=Frequency.CRON, cron="* * * * *"), at=NOON)

    assert [points[0].made_at, points[-1].made_at] == [NOON, NOON - timedelta(minutes=99)]


def test_a_time_that_a_clock_change_left_out_is_not_imagined():
    night = replace(DAILY, timezone="Europe/Berlin")

    made = {f"{one.made_at:%Y-%m-%d %H:%M}" for one in imagined(night, at=NOON)}

    assert "2026-03-28 01:30" in made
    assert not any(one.startswith("2026-03-29") for one in made)


def test_rules_are_seen_at_work_on_it():
    points = imagined(replace(DAILY, timezone="Europe/Berlin"), at=NOON)

    found = decide(points, Rules(keep_last=7, monthly=12, timezone="Europe/Berlin"), at=NOON)

    assert sum(one.is_kept for one in found) == 7 + 11
