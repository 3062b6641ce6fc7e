"""Months with the days on which something stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest

from webapp.domain.retention import Decision, Point, Rules, decide
from webapp.domain.retention_calendar import imagined, months

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


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


@pytest.mark.parametrize(("days", "count"), [((), 366), ((1,), 53), ((6, 7), 104)])
def test_an_imagined_year_has_one_on_each_day_asked_for(days, count):
    points = imagined(days_of_week=days, time_of_day=time(2, 30), timezone="UTC", at=NOON)

    assert abs(len(points) - count) <= 1
    assert all(one.is_complete and one.made_at <= NOON for one in points)
    assert len({one.id for one in points}) == len(points)


def test_rules_are_seen_at_work_on_it():
    points = imagined(timezone="Europe/Berlin", at=NOON)

    found = decide(points, Rules(keep_last=7, monthly=12, timezone="Europe/Berlin"), at=NOON)

    assert sum(one.is_kept for one in found) == 7 + 11
