"""What may be said of limits, quotas and months of use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from webapp.domain import quotas
from webapp.domain.limits import Values
from webapp.domain.usage import Month, add_up
from webapp.domain.windows import Window

NIGHT = Window.parse("mon-fri@22:00-06:00")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"most_running": 0}, "most_running"),
        ({"most_running": 1001}, "most_running"),
        ({"bytes_per_second": 63_999}, "bandwidth"),
        ({"bytes_per_second": 10**13}, "bandwidth"),
        ({"windows": (NIGHT,) * 15}, "windows"),
    ],
)
def test_what_cannot_be_a_limit_is_told_by_field(values, field):
    assert list(Values(**values).problems()) == [field]


def test_limits_that_can_be_have_no_problem():
    values = Values(most_running=1, bytes_per_second=64_000, windows=(NIGHT,))

    assert values.problems() == {}
    assert not values.is_empty


def test_the_mark_of_values_changes_with_each_of_them():
    marks = {
        Values(**one).mark
        for one in ({}, {"most_running": 1}, {"bytes_per_second": 64_000}, {"windows": (NIGHT,)})
    }

    assert len(marks) == 4
    assert Values(most_running=1).mark in marks


@pytest.mark.parametrize(
    ("used", "quota", "nearly", "all_of_it"),
    [
        (79, 100, False, False), (80, 100, True, False), (99, 100, True, False),
        (100, 100, True, True), (101, 100, True, True), (5, None, False, False),
    ],
)  # fmt: skip
def test_a_quota_is_told_of_early_and_refuses_at_the_end(used, quota, nearly, all_of_it):
    assert quotas.is_nearly_used_up(used, quota) is nearly
    assert quotas.is_used_up(used, quota) is all_of_it


@dataclass
class Day:
    day: date
    source_count: int
    set_count: int
    protected_bytes: int
    stored_bytes: int
    read_bytes: int


def test_a_month_is_added_up_of_its_days():
    used = add_up(
        [
            Day(date(2026, 11, 1), 2, 10, 500, 100, 7),
            Day(date(2026, 11, 2), 3, 9, 400, 300, 8),
            Day(date(2026, 11, 4), 1, 8, 300, 201, 9),
        ]
    )

    assert (used.days, used.sources_most, used.restore_points_last) == (3, 3, 8)
    assert (used.protected_bytes_most, used.read_bytes) == (500, 24)
    assert (used.stored_bytes_average, used.stored_bytes_most, used.stored_bytes_last) == (
        200, 300, 201,
    )  # fmt: skip


def test_months_follow_each_other_over_the_year():
    december = Month.parse("2026-12")

    assert (str(december.following), str(december.following.before)) == ("2027-01", "2026-12")
    assert december.first == date(2026, 12, 1)


@pytest.mark.parametrize("typed", ["", "2026", "2026-13", "2026-00", "26-01", "2026-1", "1999-01"])
def test_what_is_no_month_is_refused(typed):
    with pytest.raises(ValueError, match="YYYY-MM"):
        Month.parse(typed)
