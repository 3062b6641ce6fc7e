"""Times on the wall clock and the minutes of UTC that they are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.domain.slots import (
    Frequency,
    Timing,
    clock_changes,
    earlier,
    minutes,
    next_after,
    upcoming,
)

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]


def daily(at: str, zone: str = "UTC") -> Timing:
    return Timing(frequency=Frequency.DAILY, timezone=zone, time_of_day=at)


def weekly(days: tuple[int, ...], at: str, zone: str = "UTC") -> Timing:
    return Timing(frequency=Frequency.WEEKLY, timezone=zone, time_of_day=at, days_of_week=days)


def cron(line: str, zone: str = "UTC") -> Timing:
    return Timing(frequency=Frequency.CRON, timezone=zone, cron=line)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def following(timing: Timing, after: str, count: int) -> list[str]:
    return [f"{at:%Y-%m-%dT%H:%M}" for at in islice(minutes(timing, utc(after)), count)]


@pytest.mark.parametrize(
    ("timing", "after", "expected"),
    [
        (daily("02:30", ZONES[0]), "2026-03-28T12:00", ["2026-03-30T00:30", "2026-03-31T00:30"]),
        (daily("02:30", ZONES[1]), "2026-03-07T08:00", ["2026-03-09T06:30", "2026-03-10T06:30"]),
        (daily("02:15", ZONES[2]), "2026-10-03T12:00", ["2026-10-04T15:15", "2026-10-05T15:15"]),
        (cron("30 2 * * *", ZONES[0]), "2026-03-28T12:00", ["2026-03-30T00:30"]),
        (weekly((7,), "02:30", ZONES[0]), "2026-03-28T12:00", ["2026-04-05T00:30"]),
    ],
    ids=[*ZONES, "cron", "weekly"],
)
def test_a_time_that_a_clock_change_leaves_out_is_no_slot(timing, after, expected):
    assert following(timing, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("timing", "after", "expected"),
    [
        (daily("02:30", ZONES[0]), "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30"]),
        (daily("01:30", ZONES[1]), "2026-10-31T12:00", ["2026-11-01T05:30", "2026-11-02T06:30"]),
        (daily("01:45", ZONES[2]), "2026-04-04T12:00", ["2026-04-04T14:45", "2026-04-05T15:15"]),
        (
            cron("*/30 * * * *", ZONES[0]),
            "2026-10-24T23:59",
            ["2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T02:00"],
        ),
    ],
    ids=[*ZONES, "cron"],
)
def test_a_time_that_comes_twice_is_one_slot_the_first(timing, after, expected):
    assert following(timing, after, len(expected)) == expected


@pytest.mark.parametrize("minute", [0, 10, 29, 31, 59])
def test_looking_during_the_second_pass_of_an_hour_finds_what_comes_after_it(minute):
    second_pass = utc("2026-10-25T01:00") + timedelta(minutes=minute)

    assert next_after(daily("02:30", ZONES[0]), second_pass) == utc("2026-10-26T01:30")
    assert next_after(daily("03:00", ZONES[0]), second_pass) == utc("2026-10-25T02:00")


@pytest.mark.parametrize(
    ("timing", "after", "expected"),
    [
        (daily("00:00"), "2026-12-31T23:59", "2027-01-01T00:00"),
        (daily("23:59"), "2026-12-31T23:58", "2026-12-31T23:59"),
        (daily("23:59"), "2026-12-31T23:59", "2027-01-01T23:59"),
        (daily("00:00", "Europe/Berlin"), "2026-07-01T21:59", "2026-07-01T22:00"),
        (daily("06:00"), "2028-02-28T06:00", "2028-02-29T06:00"),
        (daily("06:00"), "2028-02-29T06:00", "2028-03-01T06:00"),
        (cron("0 6 29 2 *"), "2026-01-01T00:00", "2028-02-29T06:00"),
        (weekly((1,), "00:00"), "2026-03-01T23:59", "2026-03-02T00:00"),
        (weekly((7, 1), "12:00"), "2026-03-01T12:00", "2026-03-02T12:00"),
    ],
)
def test_the_next_slot(timing, after, expected):
    assert next_after(timing, utc(after)) == utc(expected)


def test_a_slot_of_this_minute_is_not_the_next_one_however_many_seconds_have_gone():
    assert next_after(daily("02:00"), utc("2026-01-01T02:00:59")) == utc("2026-01-02T02:00")


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from([*ZONES, "Africa/Casablanca", "America/Havana", "Pacific/Apia", "UTC"]),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    day=st.integers(0, 19 * 365),
)
def test_slots_go_up_and_no_day_has_two(zone, hour, minute, day):
    start = utc("2011-01-01T00:00") + timedelta(days=day)
    found = list(islice(minutes(daily(f"{hour:02}:{minute:02}", zone), start), 400))
    local = [at.astimezone(ZoneInfo(zone)) for at in found]

    assert found == sorted(set(found))
    assert all((at.hour, at.minute) == (hour, minute) for at in local)
    assert len({at.date() for at in local}) == len(local)
    assert found[-1] - found[0] <= timedelta(days=403)


def test_the_list_ahead_shows_what_a_clock_change_leaves_out_and_why():
    before, gap, after = upcoming(daily("02:30", ZONES[0]), utc("2026-03-27T12:00"), 3)

    assert before.note == ""
    assert (gap.utc, gap.local.isoformat()) == (None, "2026-03-29T02:30:00")
    assert gap.note.startswith("clocks go forward on this day")
    assert after.utc == utc("2026-03-30T00:30")


def test_the_list_ahead_says_of_a_time_that_comes_twice_that_it_runs_once():
    twice, usual = upcoming(daily("02:30", ZONES[0]), utc("2026-10-24T12:00"), 2)

    assert twice.utc == utc("2026-10-25T00:30")
    assert twice.note == "clocks go back on this day: this time comes twice, it runs once"
    assert usual.note == ""


def test_both_days_on_which_clocks_change_are_found_with_what_becomes_of_their_slots():
    autumn, spring = clock_changes(daily("02:30", ZONES[0]), utc("2026-07-01T00:00"))

    assert (autumn.on, autumn.is_forward) == (date(2026, 10, 25), False)
    assert (spring.on, spring.is_forward) == (date(2027, 3, 28), True)
    assert [slot.utc for slot in autumn.slots] == [utc("2026-10-25T00:30")]
    assert [slot.utc for slot in spring.slots] == [None]


@pytest.mark.parametrize(
    ("zone", "day"), [("America/Havana", date(2026, 3, 8)), ("Asia/Beirut", date(2026, 3, 29))]
)
def test_a_change_at_midnight_belongs_to_the_day_that_begins_there(zone, day):
    change = clock_changes(daily("12:00", zone), utc("2026-01-15T00:00"), count=1)[0]

    assert (change.on, change.is_forward) == (day, True)


def test_a_zone_whose_clocks_never_change_has_no_such_days():
    assert clock_changes(daily("02:30"), utc("2026-07-01T00:00")) == []


def test_a_week_without_days_never_runs():
    assert next_after(weekly((), "02:00"), utc("2026-01-01T00:00")) is None


@pytest.mark.parametrize(
    "timing",
    [
        daily("02:30", ZONES[0]),
        weekly((1, 7), "02:30", ZONES[0]),
        cron("*/30 1-3 * * *", ZONES[0]),
        cron("15 2 1 * *", ZONES[2]),
        cron("0 0 29 2 *"),
    ],
    ids=["daily", "weekly", "cron", "monthly", "leap days"],
)
@pytest.mark.parametrize("until", ["2026-03-29T01:00", "2026-10-25T00:45", "2026-10-25T01:15"])
def test_backwards_the_same_slots_are_found(timing, until):
    end = utc(until)
    since = end - timedelta(days=800)
    forwards = list(takewhile(lambda at: at <= end, minutes(timing, since)))

    backwards = list(takewhile(lambda at: at > since, earlier(timing, end)))

    assert backwards == forwards[::-1]


def test_a_slot_of_this_very_minute_is_among_the_earlier_ones():
    assert next(earlier(daily("12:00"), utc("2026-03-28T12:00"))) == utc("2026-03-28T12:00")
