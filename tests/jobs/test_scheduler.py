"""The scheduler process: at once, then with each minute."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from tests.services.scheduling import nightly, slots
from webapp import clock
from webapp.extensions import db
from webapp.jobs import scheduler
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
