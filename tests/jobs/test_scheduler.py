"""The scheduler process: at once, then with each minute."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from tests.jobs.worker_process import environment
from tests.nursery import lastgood
from tests.services.scheduling import nightly, slots
from webapp import clock
from webapp.extensions import db
from webapp.jobs import scheduler
from webapp.models import ProcessSign, Run
from webapp.services import ticking, watching


@pytest.mark.parametrize(
    ("second", "expected"), [(0.0, 60.05), (0.04, 60.01), (30.5, 29.55), (59.99, 0.06)]
)
def test_the_next_tick_comes_just_after_the_next_minute_begins(second, expected):
    now = datetime(2026, 7, 1, 12, 0, tzinfo=UTC) + timedelta(seconds=second)

    assert scheduler.seconds_to_next(now) == pytest.approx(expected)


def test_a_tick_that_fails_is_followed_by_the_next(app, monkeypatch):
    stop, ticks = threading.Event(), []

    def tick(at: datetime) -> None:
        ticks.append(at)
        if len(ticks) == 2:
            stop.set()
        raise RuntimeError("out of order")

    monkeypatch.setattr(ticking, "tick", tick)
    monkeypatch.setattr(scheduler, "seconds_to_next", lambda now: 0.0)

    scheduler.run(app, stop)

    assert len(ticks) == 2


def test_a_tick_dispatches_what_is_due(app, enter, website, monkeypatch):
    made = nightly(enter(), website)
    due = made.next_run_at
    db.session.rollback()
    monkeypatch.setattr(clock, "now", lambda: due)

    scheduler.tick(app)

    assert [slot.scheduled_for for slot in slots(made)] == [due]


@pytest.mark.parametrize(
    ("seconds", "lost"),
    [(60, 0), (119, 0), (121, 1), (185, 2), (11 * 60, 10), (12 * 60, 0), (86_400, 0), (-7200, 0)],
    ids=["on time", "late", "busy", "busier", "busiest", "asleep", "a day", "set back"],
)
def test_minutes_that_a_tick_took_are_caught_up_and_those_of_a_sleep_are_not(seconds, lost):
    before = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)

    found = scheduler.minutes_lost(before, before + timedelta(seconds=seconds))

    assert found == [before + timedelta(minutes=n + 1) for n in range(lost)]


def test_a_slot_in_a_minute_that_the_tick_before_took_is_started(app, enter, website, monkeypatch):
    made = nightly(enter(), website)
    due = made.next_run_at
    db.session.rollback()
    stop, at = threading.Event(), [due - timedelta(seconds=58)]

    def tick(_app: object) -> None:
        if at[0] > due:
            stop.set()
        at[0] = due + timedelta(seconds=62)

    monkeypatch.setattr(clock, "now", lambda: at[0])
    monkeypatch.setattr(scheduler, "tick", tick)
    monkeypatch.setattr(scheduler, "seconds_to_next", lambda now: 0.0)

    scheduler.run(app, stop)

    assert [(slot.scheduled_for, slot.trigger) for slot in slots(made)] == [(due, "schedule")]


@pytest.mark.slow
def test_three_dispatchers_at_once_start_each_slot_once(app, settings, enter, website):
    made = [nightly(enter(), website, name=f"number {n}", time_of_day="02:00") for n in range(30)]
    due = made[0].next_run_at.isoformat()
    db.session.rollback()
    words = ("schedules", "dispatch", "--now", due, "--json")
    dispatch = partial(lastgood, *words, environment=environment(settings))

    with ThreadPoolExecutor(3) as pool:
        ended = [pool.submit(dispatch) for _ in range(3)]
    told = [json.loads(one.result().stdout) for one in ended]

    assert sum(one["started"] for one in told) == 30
    assert [len(slots(schedule)) for schedule in made] == [1] * 30
    assert db.session.scalar(select(func.count()).where(Run.action == "scheduled")) == 30


def minutes_pass(monkeypatch, moments: list[datetime]) -> threading.Event:
    """Let the scheduler's minutes come as *moments* say; set when they are over."""
    left, stop, at = list(moments), threading.Event(), [moments[0]]

    def go_on(_now: datetime) -> float:
        left.pop(0)
        if not left:
            stop.set()
        at[0] = left[0] if left else at[0]
        return 0.0

    monkeypatch.setattr(clock, "now", lambda: at[0])
    monkeypatch.setattr(scheduler, "seconds_to_next", go_on)
    monkeypatch.setattr("webapp.jobs.telling.beside_scheduler", lambda *_: None)
    return stop


def minute_by_minute(due: datetime, *, since: int, until: int) -> list[datetime]:
    return [due + timedelta(minutes=n) for n in range(since, until)]


@pytest.mark.parametrize(
    ("minutes", "becomes"), [(3, "schedule"), (15, "missed")], ids=["for 3 minutes", "for 15"]
)
def test_a_slot_due_while_the_database_was_down_is_late_and_only_after_long_missed(
    app, enter, website, monkeypatch, minutes, becomes
):
    made = nightly(enter(), website)
    due = made.next_run_at
    db.session.rollback()
    dispatch, failed = ticking.dispatch_schedules, []

    def dispatch_schedules(at: datetime) -> None:
        if due <= clock.now() < due + timedelta(minutes=minutes):
            failed.append(at)
            raise OperationalError("SELECT 1", {}, Exception("no answer"))
        dispatch(at)

    monkeypatch.setattr(ticking, "dispatch_schedules", dispatch_schedules)
    monkeypatch.setattr(ticking, "STEPS", (dispatch_schedules,))
    stop = minutes_pass(monkeypatch, minute_by_minute(due, since=-2, until=minutes + 2))

    scheduler.run(app, stop)

    (slot,) = slots(made)
    assert failed
    assert (slot.error_code or slot.trigger) == becomes


@pytest.mark.parametrize(
    ("minutes", "becomes"), [(2, "schedule"), (20, "missed")], ids=["soon", "after long"]
)
def test_a_scheduler_that_takes_the_place_of_a_dead_one_goes_on_from_there(
    app, enter, website, monkeypatch, minutes, becomes
):
    made = nightly(enter(), website)
    due = made.next_run_at
    db.session.rollback()
    monkeypatch.setattr(watching._Process, "presence", None)
    scheduler.run(app, minutes_pass(monkeypatch, minute_by_minute(due, since=-2, until=0)))
    monkeypatch.setattr(watching._Process, "presence", None)

    after = minute_by_minute(due, since=minutes, until=minutes + 2)
    scheduler.run(app, minutes_pass(monkeypatch, after))

    (slot,) = slots(made)
    assert (slot.error_code or slot.trigger) == becomes


def test_a_minute_that_began_before_a_dead_scheduler_showed_itself_is_not_left_out(
    app, enter, website, monkeypatch
):
    """Its tick was that of the minute before, and took long."""
    made = nightly(enter(), website)
    due = made.next_run_at
    late = {"seen_at": due + timedelta(seconds=5), "started_at": due, "queue_problem": ""}
    db.session.add(ProcessSign(kind="scheduler", host="here", pid=1, **late))
    db.session.commit()
    monkeypatch.setattr(watching._Process, "presence", None)

    scheduler.run(app, minutes_pass(monkeypatch, minute_by_minute(due, since=1, until=2)))

    (slot,) = slots(made)
    assert (slot.scheduled_for, slot.error_code or slot.trigger) == (due, "schedule")
