"""Which sources are unprotected or overdue, why in words, and what helps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from webapp.domain.exposure import Exposure, Facts, Help, Planned, chosen, exposure, helps, why
from webapp.domain.runs import RunState

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD, OLD = NOW - HOUR, NOW - 5 * HOUR
FAILED, PARTIAL, SUCCEEDED = RunState.FAILED, RunState.PARTIAL, RunState.SUCCEEDED


def planned(**facts) -> Planned:
    usual = {"name": "Nightly", "is_enabled": True, "is_whole": True, "paused_until": None}
    return Planned(**{**usual, "next_run_at": NOW + 14 * HOUR, **facts})


WORKS, OFF = planned(), planned(is_enabled=False)
PAUSED, PART = planned(paused_until=NOW + HOUR), planned(is_whole=False)


def facts(good_at=None, *schedules: Planned, **more) -> Facts:
    return Facts(
        zone="Europe/Berlin",
        target_minutes=240,
        newest_good_at=good_at,
        schedules=schedules,
        **more,
    )


@pytest.mark.parametrize(
    ("good_at", "schedules", "expected"),
    [
        (None, (WORKS,), Exposure.NEVER),
        (None, (), Exposure.NEVER),
        (OLD, (WORKS,), Exposure.OVERDUE),
        (NOW - 4 * HOUR, (WORKS,), None),
        (GOOD, (WORKS,), None),
        (GOOD, (), Exposure.UNSCHEDULED),
        (GOOD, (OFF,), Exposure.UNSCHEDULED),
        (GOOD, (PAUSED,), Exposure.UNSCHEDULED),
        (GOOD, (PART,), Exposure.UNSCHEDULED),
        (GOOD, (planned(next_run_at=None),), Exposure.UNSCHEDULED),
        (GOOD, (OFF, PART, WORKS), None),
        (GOOD, (planned(paused_until=NOW),), None),
    ],
)
def test_a_source_is_exposed_without_points_in_time_or_without_a_schedule(
    good_at, schedules, expected
):
    found = facts(good_at, *schedules)

    assert exposure(found, at=NOW) is expected
    assert bool(why(found, at=NOW)) is bool(expected)
    assert bool(helps(found, at=NOW)) is bool(expected)


def test_a_capture_under_way_protects_nothing_yet():
    found = facts(None, WORKS, is_running=True)

    assert exposure(found, at=NOW) is Exposure.NEVER
    assert why(found, at=NOW) == "It has never been captured. A capture is under way."
    assert helps(found, at=NOW) == (Help.WATCH,)


@pytest.mark.parametrize(
    ("last", "begins"),
    [
        (None, "It has never been captured."),
        (FAILED, "No complete restore point: the last capture failed. The disk is gone."),
        (PARTIAL, "Only incomplete restore points: the last capture left something out. The disk"),
        (SUCCEEDED, "It has no complete restore point."),
    ],
)
def test_why_there_is_no_restore_point_is_said(last, begins):
    text = why(facts(None, WORKS, last_state=last, last_reason="The disk is gone"), at=NOW)

    assert text.startswith(begins)
    assert text.endswith("Nightly runs next at 23 Nov 2026 03:00.")


@pytest.mark.parametrize(
    ("last", "added"),
    [
        (SUCCEEDED, ""),
        (FAILED, " The last capture failed. No route."),
        (PARTIAL, " The last capture left something out."),
    ],
)
def test_since_when_it_is_overdue_is_said_in_the_tenants_zone(last, added):
    text = why(facts(OLD, WORKS, last_state=last, last_reason="No route."), at=NOW)

    assert text.startswith(
        f"No complete restore point since 22 Nov 2026 08:00; the target is 4 h.{added} Nightly"
    )


@pytest.mark.parametrize(
    ("schedules", "ends"),
    [
        ((), "No schedule captures it."),
        ((OFF,), "Its schedule Nightly is switched off."),
        ((PAUSED,), "Its schedule Nightly is paused until 22 Nov 2026 14:00."),
        ((PART,), "Its schedule Nightly captures only a part of it."),
        (
            (planned(next_run_at=NOW - HOUR),),
            "Nightly should have begun at 22 Nov 2026 12:00. Is the scheduler running?",
        ),
    ],
)
def test_what_its_schedules_come_to_is_said(schedules, ends):
    assert why(facts(OLD, *schedules), at=NOW).endswith(ends)


def test_one_that_will_be_overdue_says_when():
    assert why(facts(GOOD), at=NOW) == (
        "Within its target until 22 Nov 2026 16:00. No schedule captures it."
    )


@pytest.mark.parametrize(
    ("found", "offered"),
    [
        (facts(None), (Help.CAPTURE, Help.ADD_SCHEDULE)),
        (facts(None, WORKS), (Help.CAPTURE,)),
        (facts(OLD, WORKS, last_state=FAILED), (Help.CAPTURE, Help.LOOK)),
        (facts(OLD, WORKS, last_state=PARTIAL), (Help.CAPTURE, Help.LOOK)),
        (facts(OLD, PAUSED), (Help.CAPTURE, Help.OPEN_SCHEDULE)),
        (facts(OLD, OFF, is_running=True), (Help.WATCH, Help.OPEN_SCHEDULE)),
        (facts(GOOD), (Help.ADD_SCHEDULE,)),
        (facts(GOOD, PART), (Help.ADD_SCHEDULE,)),
        (facts(GOOD, OFF, last_state=FAILED), (Help.OPEN_SCHEDULE,)),
    ],
)
def test_what_helps_is_offered_first(found, offered):
    assert helps(found, at=NOW) == offered


def test_the_words_are_about_the_best_of_its_schedules():
    assert chosen((PART, OFF, WORKS, PAUSED), NOW) == 2
    assert chosen((), NOW) is None
