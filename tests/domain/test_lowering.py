"""What keeping less means, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from webapp.domain import lowering
from webapp.domain.retention import MORE, OwnRules, Rules
from webapp.domain.schedules import Draft

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NIGHTLY = Draft(name="x", frequency="daily", time_of_day="02:00", retention_keep_last=30)
WEEKLY = replace(NIGHTLY, frequency="weekly", days_of_week=(7,))
HOURLY = replace(NIGHTLY, frequency="cron", cron="0 * * * *", time_of_day=None)


def how(before: Draft, after: Draft) -> list[str]:
    return lowering.of_schedule(before, after, at=AT)


@pytest.mark.parametrize("name", ["keep_last", *MORE])
@pytest.mark.parametrize(
    ("before", "after", "is_lowered"),
    [(7, 6, True), (7, 1, True), (7, 7, False), (7, 8, False)],
    ids=["one fewer", "all but one", "as many", "one more"],
)
def test_each_number_counts_by_itself(name, before, after, is_lowered):
    found = lowering.of_rules(Rules(**{name: before}), Rules(**{name: after}))

    assert bool(found) is is_lowered


@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize(("before", "after", "is_lowered"), [(3, 0, True), (0, 3, False)])
def test_a_rule_that_is_taken_away_lowers_and_a_new_one_does_not(name, before, after, is_lowered):
    found = lowering.of_rules(Rules(**{name: before}), Rules(**{name: after}))

    assert bool(found) is is_lowered


def test_more_of_one_does_not_make_up_for_less_of_another():
    found = lowering.of_rules(Rules(keep_last=30), Rules(keep_last=7, daily=365, yearly=10))

    assert found == ["It keeps the last 7 instead of the last 30."]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ({"daily": 30}, {"daily": 7}, "It keeps one a day for 7 days instead of 30."),
        ({"monthly": 12}, {}, "It no longer keeps one a month (for 12 months)."),
        ({"within_days": 14}, {"within_days": 7},
         "It keeps all of the last 7 days instead of 14."),
        ({"within_days": 14}, {}, "It keeps no longer all of the last 14 days."),
    ],
)  # fmt: skip
def test_the_sentence_says_what_it_was(before, after, sentence):
    assert how(replace(NIGHTLY, retention=before), replace(NIGHTLY, retention=after)) == [sentence]


@pytest.mark.parametrize(
    "after",
    [
        replace(NIGHTLY, time_of_day="23:00"),
        replace(NIGHTLY, timezone="Asia/Tokyo"),
        replace(NIGHTLY, name="y", missed="once", backup_type="db"),
        replace(NIGHTLY, retention_keep_last=31, retention={"weekly": 4}),
        replace(WEEKLY, retention_keep_last=30),
        replace(HOURLY, retention_keep_last=30 * 24),
        replace(HOURLY, retention={"within_days": 30}),
    ],
    ids=["time", "zone", "else", "more", "less often", "as far by more", "as far by days"],
)
def test_what_keeps_as_much_or_more_lowers_nothing(after):
    assert how(NIGHTLY, after) == []


def test_as_many_that_come_more_often_reach_less_far_back():
    found = how(WEEKLY, NIGHTLY)

    assert found == [
        "It runs more often: the last 30 reach back about 30 days instead of 210 days."
    ]


def test_a_short_reach_is_told_in_hours():
    assert "30 h instead of 30 days" in how(NIGHTLY, HOURLY)[0]


def test_rules_that_cannot_be_compared_in_time_are_compared_in_numbers_alone():
    never = replace(NIGHTLY, frequency="cron", cron="0 0 29 2 *", time_of_day=None)

    assert how(never, replace(never, retention_keep_last=3))[0].startswith("It keeps the last 3")


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        (OwnRules(), OwnRules(hand_days=3650), 1),
        (OwnRules(hand_days=30), OwnRules(hand_days=29), 1),
        (OwnRules(hand_days=30), OwnRules(hand_days=30), 0),
        (OwnRules(hand_days=30), OwnRules(hand_days=31), 0),
        (OwnRules(hand_days=30), OwnRules(), 0),
        (OwnRules(pre_restore_days=60), OwnRules(pre_restore_days=59), 1),
        (OwnRules(pre_restore_days=30), OwnRules(pre_restore_days=60), 0),
        (OwnRules(hand_days=9, pre_restore_days=60), OwnRules(hand_days=8, pre_restore_days=30), 2),
    ],
    ids=["switched on", "sooner", "same", "later", "switched off", "undo sooner", "undo later",
         "both"],
)  # fmt: skip
def test_what_no_schedule_made_is_lowered_by_days(before, after, count):
    assert len(lowering.of_own_rules(before, after)) == count
