"""The scheduler process: at once, then with each minute."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.services.scheduling import nightly, slots
from webapp import clock
from webapp.extensions import db
from webapp.jobs import scheduler
from webapp.models import Run
from webapp.services import ticking


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
    environment = {name: v for name, v in os.environ.items() if "LASTGOOD" not in name}
    environment["LASTGOOD_HOME"] = str(settings.home)
    environment["LASTGOOD_DATABASE_URL"] = settings.database_url
    words = [sys.executable, "-m", "webapp.cli", "schedules", "dispatch", "--now", due, "--json"]
    options = {"env": environment, "cwd": Path(__file__).parents[2], "stdout": subprocess.PIPE}

    running = [subprocess.Popen(words, **options) for _ in range(3)]
    told = [json.loads(process.communicate(timeout=60)[0]) for process in running]

    assert sum(one["started"] for one in told) == 30
    assert [len(slots(schedule)) for schedule in made] == [1] * 30
    assert db.session.scalar(select(func.count()).where(Run.action == "scheduled")) == 30
