"""What one look at the clock makes of a schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from webapp.domain.due import MOST_SHOWN, wanted
from webapp.domain.schedules import MissedRule, Trigger
from webapp.domain.slots import Frequency, Timing

HOURLY = Timing(frequency=Frequency.CRON, cron="0 * * * *")
DAILY = Timing(frequency=Frequency.DAILY, time_of_day="02:00")
AT = datetime(2026, 7, 2, 2, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def look(timing: Timing, since: datetime, at: datetime = AT, **facts):
    return wanted(timing, since=since, at=at, **{"rule": MissedRule.SKIP, **facts})


def test_the_slot_of_this_minute_runs():
    (slot,) = look(DAILY, AT - HOUR)

    assert (slot.minute, slot.trigger, slot.skipped) == (AT, Trigger.SCHEDULE, "")


def test_between_two_slots_nothing_is_wanted():
    assert look(DAILY, AT, AT + HOUR) == []


def test_a_minute_that_was_looked_at_is_not_wanted_again():
    assert look(DAILY, AT, AT) == []


def test_after_a_day_asleep_each_missed_slot_is_shown_and_none_is_made_up():
    slots = look(HOURLY, AT - DAY, AT + timedelta(minutes=1))

    assert [slot.skipped for slot in slots] == ["missed"] * 24


def test_the_rule_once_makes_up_for_all_with_one_run():
    slots = look(HOURLY, AT - DAY, AT + timedelta(minutes=1), rule=MissedRule.ONCE)

    assert [slot.skipped for slot in slots] == ["missed"] * 23 + [""]
    assert (slots[-1].minute, slots[-1].trigger) == (AT, Trigger.MISSED)


def test_a_slot_that_is_due_now_makes_up_for_what_was_missed():
    slots = look(HOURLY, AT - DAY, rule=MissedRule.ONCE)

    assert [slot.trigger for slot in slots if not slot.skipped] == [Trigger.SCHEDULE]


def test_a_paused_slot_is_shown_as_paused():
    (slot,) = look(DAILY, AT - HOUR, paused_until=AT + HOUR)

    assert slot.skipped == "paused"


def test_what_was_missed_during_a_pause_is_not_made_up():
    later = AT + timedelta(minutes=30)
    (slot,) = look(DAILY, AT - HOUR, later, paused_until=later, rule=MissedRule.ONCE)

    assert slot.skipped == "paused"


def test_a_pause_that_is_over_stops_nothing():
    (slot,) = look(DAILY, AT - HOUR, paused_until=AT)

    assert slot.skipped == ""


def test_many_missed_slots_become_a_bounded_number_of_rows_that_count_them_all():
    minutely = Timing(frequency=Frequency.CRON, cron="* * * * *")

    slots = look(minutely, AT - DAY)

    assert len(slots) == MOST_SHOWN + 2
    assert sum(1 + slot.more for slot in slots) == 24 * 60
    assert slots[0].since == AT - DAY + timedelta(minutes=1)


def test_a_year_asleep_is_looked_back_at_for_a_month():
    slots = look(DAILY, AT - 365 * DAY)

    assert len(slots) == 31
