"""When the morning digest is due, also on the days that clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from webapp.domain import digests
from webapp.domain.health import Health

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "time_of_day", "sent_for", "day"),
    [
        ("2026-01-10T05:59", "07:00", "2026-01-09", None),
        ("2026-01-10T06:00", "07:00", "2026-01-09", "2026-01-10"),
        ("2026-01-10T06:01", "07:00", "2026-01-10", None),
        ("2026-01-10T20:00", "07:00", "2026-01-09", "2026-01-10"),
        ("2026-01-10T06:00", "07:00", None, "2026-01-10"),
        ("2026-03-29T01:00", "02:30", "2026-03-28", "2026-03-29"),
        ("2026-10-25T00:30", "02:30", "2026-10-24", "2026-10-25"),
        ("2026-10-25T01:30", "02:30", "2026-10-25", None),
    ],
    ids=[
        "too early", "at its time", "sent already", "after a sleep", "the first",
        "a time that the clock leaves out", "a time that comes twice", "the second time",
    ],
)  # fmt: skip
def test_a_digest_is_due_once_a_day_at_its_time_in_the_zone(at, time_of_day, sent_for, day):
    found = digests.day_due(utc(at), zone=BERLIN, time_of_day=time_of_day, sent_for=sent_for)

    assert found == day


def test_a_channel_made_after_the_time_of_day_begins_tomorrow():
    late = digests.first_day(utc("2026-01-10T09:00"), zone=BERLIN, time_of_day="07:00")
    early = digests.first_day(utc("2026-01-10T03:00"), zone=BERLIN, time_of_day="07:00")

    assert (late, early) == ("2026-01-10", None)


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([Health.FAILED] * 3 + [Health.OVERDUE] + [Health.SAFE] * 42,
         "3 failed, 1 overdue, 42 fine"),
        ([Health.SAFE, Health.RUNNING], "2 fine"),
        ([Health.UNKNOWN, Health.PARTIAL], "1 partial, 1 never captured, 0 fine"),
    ],
    ids=["some", "all well", "none fine"],
)  # fmt: skip
def test_the_subject_counts_the_bad_ones_first(states, words):
    assert digests.counts(states) == words
