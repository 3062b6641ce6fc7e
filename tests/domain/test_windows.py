"""Backup windows, on the wall clock of a tenant."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from webapp.domain import windows
from webapp.domain.windows import Window

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Window.of({"days": [1, 2, 3, 4, 5], "from": "22:00", "to": "06:00"})
NOON = Window.of({"days": [6], "from": "12:00", "to": "13:30"})
ALL_SUNDAY = Window.of({"days": [7], "from": "00:00", "to": "00:00"})


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("window", "at", "is_open"),
    [
        (NIGHT, "2026-11-20 21:59", False),  # a Friday
        (NIGHT, "2026-11-20 22:00", True),
        (NIGHT, "2026-11-21 05:59", True),  # Saturday morning belongs to Friday's
        (NIGHT, "2026-11-21 06:00", False),
        (NIGHT, "2026-11-21 23:00", False),
        (NIGHT, "2026-11-23 03:00", False),  # Monday morning belongs to Sunday's, which is none
        (NOON, "2026-11-21 12:00", True),
        (NOON, "2026-11-21 13:30", False),
        (NOON, "2026-11-22 12:30", False),
        (ALL_SUNDAY, "2026-11-22 17:00", True),
        (ALL_SUNDAY, "2026-11-23 00:00", False),
    ],
)
def test_a_window_is_open_from_its_first_minute_to_its_last(window, at, is_open):
    assert window.is_open(local(at)) is is_open


def test_without_windows_all_time_is_open():
    assert windows.is_open([], local("2026-11-22 03:00"))


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-20 12:00", "2026-11-20 22:00"),
        ("2026-11-20 22:00", "2026-11-21 12:00"),
        ("2026-11-21 14:00", "2026-11-23 22:00"),
    ],
)
def test_the_next_opening_is_that_of_whichever_window_comes_first(at, opens):
    assert windows.next_opening([NIGHT, NOON], local(at)) == local(opens)


def test_a_window_of_no_day_never_opens():
    never = Window.of({"days": [], "from": "22:00", "to": "06:00"})

    assert windows.next_opening([never], local("2026-11-20 12:00")) is None


@pytest.mark.parametrize(
    ("typed", "days", "words"),
    [
        ("mon-fri@22:00-06:00", [1, 2, 3, 4, 5], "Mon–Fri 22:00–06:00"),
        ("sat,sun@00:00-00:00", [6, 7], "Sat, Sun all day"),
        ("1-7@01:00-05:30", [1, 2, 3, 4, 5, 6, 7], "every day 01:00–05:30"),
        ("Friday - Monday@20:00-24:00", [1, 5, 6, 7], "Mon, Fri, Sat, Sun 20:00–00:00"),
        ("wed@06:00-06:00", [3], "Wed from 06:00 for 24 hours"),
    ],
)
def test_a_window_is_typed_as_one_text(typed, days, words):
    window = Window.parse(typed)

    assert window.stored()["days"] == days
    assert Window.of(window.stored()) == window
    assert window.in_words() == words


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("", "DAYS@"),
        ("22:00-06:00", "DAYS@"),
        ("mon-fri 22:00-06:00", "DAYS@"),
        ("@22:00-06:00", "DAYS@"),
        (",@22:00-06:00", "at least one day"),
        ("monster@22:00-06:00", "monster is not a day"),
        ("8@22:00-06:00", "8 is not a day"),
        ("mon@22-06", "hours and minutes"),
        ("mon@24:00-06:00", "hours and minutes"),
        ("mon@22:60-06:00", "hours and minutes"),
    ],
)
def test_what_is_no_window_is_told_what_is_missing(typed, complaint):
    with pytest.raises(ValueError, match=complaint):
        Window.parse(typed)


def test_a_window_needs_a_day_of_the_week():
    with pytest.raises(ValueError, match="at least one day"):
        Window.typed([], "22:00", "06:00")
    with pytest.raises(ValueError, match="Days are 1"):
        Window.typed([8], "22:00", "06:00")
