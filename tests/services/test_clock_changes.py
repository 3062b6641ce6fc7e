"""Clocks that change, as people see them and as machines do: each slot once, nothing held back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.services.scheduling import nightly, slots, stopped
from webapp import clock
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.jobs import scheduler
from webapp.models import BackupSchedule, ProcessSign, Run
from webapp.services import captures, claims, processes, runs, schedules, work
from webapp.services.claims import Claim

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TWO_HOURS = 2 * HOUR


@pytest.fixture
def set_clock(monkeypatch):
    return stopped(monkeypatch)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def let_pass(
    schedule: BackupSchedule, begin: datetime, *, minutes: int, step: int = 1
) -> list[str]:
    """A dispatcher's minutes, one by one, in which each run ends at once; the slots that ran."""
    for minute in range(0, minutes, step):
        schedules.dispatch(at=begin + minute * MINUTE)
        db.session.execute(update(Run).values(status=RunState.SUCCEEDED))
        db.session.commit()
    return [f"{slot.scheduled_for:%Y-%m-%dT%H:%M}" for slot in slots(schedule) if slot.run_id]


@pytest.mark.parametrize(
    ("zone", "time_of_day", "night", "expected"),
    [
        ("Europe/Berlin", "02:30", "2026-03-29T00:00", []),
        ("Europe/Berlin", "02:30", "2026-10-25T00:00", ["2026-10-25T00:30"]),
        ("America/New_York", "02:30", "2026-03-08T05:30", []),
        ("America/New_York", "01:30", "2026-11-01T05:00", ["2026-11-01T05:30"]),
        ("Australia/Lord_Howe", "02:10", "2026-10-03T14:30", []),
        ("Australia/Lord_Howe", "01:40", "2026-04-04T14:30", ["2026-04-04T14:40"]),
    ],
    ids=[
        "Berlin, spring",
        "Berlin, autumn",
        "New York, spring",
        "New York, autumn",
        "Lord Howe, spring",
        "Lord Howe, autumn",
    ],
)
def test_in_the_night_of_a_clock_change_a_time_that_comes_twice_runs_once_and_one_left_out_never(
    enter, website, set_clock, zone, time_of_day, night, expected
):
    begin = utc(night)
    set_clock(begin - 12 * HOUR)
    made = nightly(enter(), website, timezone=zone, time_of_day=time_of_day)

    assert let_pass(made, begin, minutes=3 * 60, step=10) == expected
    assert len(slots(made)) == len(expected)


def test_on_the_leap_day_there_is_a_slot_as_on_any_other(enter, website, set_clock):
    set_clock(utc("2028-02-28T12:00"))
    made = nightly(enter(), website, time_of_day="02:00")

    ran = let_pass(made, utc("2028-02-29T00:00"), minutes=2 * 24 * 60, step=60)

    assert ran == ["2028-02-29T02:00", "2028-03-01T02:00"]


def test_from_one_day_to_the_next_no_minute_is_left_out_or_doubled(enter, website, set_clock):
    set_clock(utc("2026-12-31T23:50"))
    made = nightly(enter(), website, frequency="cron", cron="* * * * *")

    ran = let_pass(made, utc("2026-12-31T23:58"), minutes=4)

    assert ran == ["2026-12-31T23:58", "2026-12-31T23:59", "2027-01-01T00:00", "2027-01-01T00:01"]


@pytest.mark.parametrize(
    ("moments", "ran"),
    [
        (
            ("12:58", "12:59", "11:00", "11:01", "11:30", "12:30", "13:00", "13:30", "14:00"),
            ["12:30", "13:00", "13:30", "14:00"],
        ),
        (("12:29", "12:30", "12:31", "10:31", "12:30", "12:31", "13:00"), ["12:30", "13:00"]),
    ],
    ids=["between two slots", "just after one"],
)
def test_a_scheduler_whose_clock_jumps_back_two_hours_runs_no_slot_twice(
    app, enter, website, set_clock, monkeypatch, moments, ran
):
    """The process itself, whose minutes come as *moments* say."""
    set_clock(utc("2026-07-01T12:05"))
    made = nightly(enter(), website, frequency="cron", cron="*/30 12-23 * * *")
    db.session.rollback()
    left, stop = [utc(f"2026-07-01T{text}") for text in moments], threading.Event()

    def go_on(_now: datetime) -> float:
        db.session.execute(update(Run).values(status=RunState.SUCCEEDED))
        db.session.commit()
        if left:
            set_clock(left.pop(0))
        else:
            stop.set()
        return 0.0

    monkeypatch.setattr(scheduler, "seconds_to_next", go_on)
    monkeypatch.setattr("webapp.jobs.telling.beside_scheduler", lambda *_: None)

    scheduler.run(app, stop)

    times = [slot.scheduled_for for slot in slots(made) if slot.run_id]
    assert [f"{at:%H:%M}" for at in times] == ran


def set_back(monkeypatch) -> datetime:
    """What was written until now was written by a clock that was two hours ahead; now it is not."""
    now = clock.now() - TWO_HOURS
    stopped(monkeypatch)(now)
    return now


@pytest.fixture
def held(enter, website) -> Claim:
    """A run that somebody has in hand."""
    run, _ = captures.start(enter("olga"), website.id)
    return claims.claim(run.id, owner="somebody", at=clock.now())


def found(held: Claim) -> Run:
    db.session.rollback()
    return db.session.get_one(Run, held.run_id, populate_existing=True)


def test_a_dead_workers_run_is_taken_over_within_its_lease_although_the_clock_was_set_back(
    held, monkeypatch
):
    now = set_back(monkeypatch)

    early = work.carry_on(owner="next")
    runs.sweep(at=now)
    stopped(monkeypatch)(now + timedelta(seconds=21))
    late = work.carry_on(owner="next")

    assert (early, late) == (0, 1)
    assert found(held).status is RunState.SUCCEEDED


def test_a_living_workers_run_stays_its_own_although_the_clock_was_set_back(held, monkeypatch):
    now = set_back(monkeypatch)
    db.session.rollback()

    claims.renew(db.engine, held, 20)
    runs.sweep(at=now)

    assert found(held).lease_until == now + timedelta(seconds=20)


@pytest.mark.parametrize(
    ("ahead", "rung"), [(TWO_HOURS, 1), (MINUTE, 0)], ids=["set back", "another host's clock"]
)
def test_what_rang_in_an_hour_that_is_yet_to_come_is_rung_again(enter, website, ahead, rung):
    run, _ = captures.start(enter("olga"), website.id)
    run.rung_at = clock.now() + ahead
    db.session.commit()

    assert runs.sweep(at=clock.now()) == rung


@pytest.mark.parametrize("lives", [True, False], ids=["lives", "dead"])
def test_no_dead_worker_seems_to_live_until_the_hour_from_which_the_clock_came(
    enter, monkeypatch, lives
):
    presence = processes.Presence(db.engine, processes.WORKER)
    db.session.rollback()
    presence.show()
    set_back(monkeypatch)

    if lives:
        presence.show()

    assert processes.is_alive(processes.WORKER) is lives
    assert ("No worker is running" in processes.trouble()) is not lives
    assert db.session.query(ProcessSign).count() == 1
